import { instant } from '../base/clock.ts'
import type { Reception } from '../ledger/records.ts'
import { DOORS } from '../ledger/states.ts'
import type { Corrections } from './corrections.ts'

/**
 * A reception as it stands in a blob's private information (0002,0102), so that its ledger row can be made again: JSON in
 * UTF-8, of even length (PS3.5 6.2, OB).
 */
export function encodeReception(reception: Reception, corrections?: Corrections): Uint8Array {
  const { at, door, callingAe, calledAe, peer, associationId } = reception
  const json = JSON.stringify({ version: 1, at, door, callingAe, calledAe, peer, associationId, corrections })
  const bytes = Buffer.from(json)
  return bytes.length % 2 === 0 ? bytes : Buffer.from(`${json} `)
}

/** Undefined when these are not a reception's facts as we write them. */
export function readReception(bytes: Uint8Array): Reception | undefined {
  const facts = parseObject(bytes)
  if (facts?.['version'] !== 1 || typeof facts['at'] !== 'number') return undefined
  const door = DOORS.find((one) => one === facts['door'])
  if (door === undefined) return undefined
  const text = (name: string): string | null => {
    const value = facts[name]
    return typeof value === 'string' ? value : null
  }
  return {
    at: instant(facts['at']),
    door,
    callingAe: text('callingAe'),
    calledAe: text('calledAe'),
    peer: text('peer'),
    associationId: text('associationId'),
  }
}

/** What the request that brought it set, as it stands there; undefined when it set nothing. */
export function readCorrections(bytes: Uint8Array): Corrections | undefined {
  const found = parseObject(bytes)?.['corrections']
  if (typeof found !== 'object' || found === null) return undefined
  const facts: Readonly<Record<string, unknown>> = { ...found }
  const { patientId, accessionNumber, by, reason } = facts
  if (typeof by !== 'string' || typeof reason !== 'string') return undefined
  return {
    ...(typeof patientId === 'string' ? { patientId } : {}),
    ...(typeof accessionNumber === 'string' ? { accessionNumber } : {}),
    by,
    reason,
  }
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString())
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined
  } catch {
    return undefined
  }
}
