import { z } from 'zod'
import type { Place } from './place.ts'

/** What becomes of an instance that no rule wants. */
export interface OtherwiseOutcome {
  readonly kind: 'hold' | 'discard'
  readonly reason: string
  /** The file that says so; undefined where none does. */
  readonly file?: string
}

export const UNMATCHED: OtherwiseOutcome = { kind: 'hold', reason: 'unmatched' }

const reason = z.string().min(1)

export const otherwiseSchema = z.union([
  z.enum(['hold']),
  z.strictObject({
    hold: reason.optional().describe('Keeps it and asks a person; the reason.'),
    discard: reason.optional().describe('Decides that it goes nowhere; the reason.'),
  }),
])

/** Reads `hold`, `{ hold: why }` or `{ discard: why }`. */
export function readOtherwise(place: Place): OtherwiseOutcome | undefined {
  if (place.text() === 'discard') return place.report('A discard says why; write otherwise: { discard: why }.')
  const given = place.read(otherwiseSchema)
  if (given === undefined) return undefined
  const { file } = place
  if (given === 'hold') return { ...UNMATCHED, file }
  const { hold, discard } = given
  if (hold !== undefined && discard === undefined) return { kind: 'hold', reason: hold, file }
  if (discard !== undefined && hold === undefined) return { kind: 'discard', reason: discard, file }
  return place.report('otherwise either holds or discards.')
}
