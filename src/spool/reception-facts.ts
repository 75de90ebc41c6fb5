import { instant } from '../base/clock.ts'
import type { Reception } from '../ledger/records.ts'
import { DOORS } from '../ledger/states.ts'

/**
 * A reception as it stands in a blob's private information (0002,0102), so that its ledger row can be made again: JSON in
 * UTF-8, of even length (PS3.5 6.2, OB).
 */
export function encodeReception(reception: Reception): Uint8Array {
  const { at, door, callingAe, calledAe, peer, associationId } = reception
  const json = JSON.stringify({ version: 1, at, door, callingAe, calledAe, peer, associationId })
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

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(bytes).toString())
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined
  } catch {
    return undefined
  }
}
