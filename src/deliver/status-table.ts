import type { Verdict } from './verdict.ts'

/** What is known beside the status. */
export interface StatusContext {
  /** Whether an earlier try of exactly these bytes may have been taken without our hearing of it. */
  readonly maybeTaken: boolean
  /** Counted failures before this one. */
  readonly attempts: number
  /**
   * Whether this destination took other instances since it first refused this one as if it could take none: then the
   * refusal is this instance's own, and may not hold up the rest.
   */
  readonly othersTaken: boolean
}

/** How often a vague refusal is asked again before it is believed. */
export const VAGUE_TRIES = 3

type Row = (context: StatusContext) => Omit<Verdict, 'status'>

const delivered = (note: string | null): Row => {
  const verdict = { state: 'DELIVERED', scope: null, retry: null, reason: note } as const
  return () => verdict
}
const rejected = (reason: string): Row => {
  const verdict = { state: 'REJECTED', scope: 'object', retry: 'permanent', reason } as const
  return () => verdict
}
const again = (scope: 'object' | 'association', reason: string): Row => {
  const verdict = { state: 'READY', scope, retry: 'transient', reason } as const
  return () => verdict
}
/** The archive says no to anything now; `alone` is what it means when it said so to this instance only. */
const resting =
  (reason: string, alone: Row): Row =>
  (context) =>
    context.othersTaken ? alone(context) : { state: 'READY', scope: 'destination', retry: 'transient', reason }
/** Codes that archives use for anything that went wrong inside: asked a few times, then believed. */
const vague =
  (reason: string): Row =>
  (context) =>
    context.attempts + 1 < VAGUE_TRIES ? again('object', reason)(context) : rejected(reason)(context)

const OUT_OF_RESOURCES = resting('out-of-resources', again('object', 'out-of-resources'))

// PS3.7 Annex C and PS3.4 Table B.2-1, one code each.
const EXACT: ReadonlyMap<number, Row> = new Map<number, Row>([
  [0x0000, delivered(null)],
  [0x0110, again('object', 'processing-failure')],
  [
    0x0111,
    (context) => (context.maybeTaken ? delivered('already-there') : rejected('duplicate-sop-instance'))(context),
  ],
  [0x0117, rejected('invalid-sop-instance')],
  [0x0122, rejected('sop-class-not-supported')],
  [0x0124, resting('not-authorized', rejected('not-authorized'))],
  [0x0210, again('association', 'duplicate-invocation')],
  [0x0211, rejected('unrecognized-operation')],
  [0x0212, again('association', 'mistyped-argument')],
  [0x0213, OUT_OF_RESOURCES],
  [0xb000, delivered('coerced')],
  [0xb006, delivered('elements-discarded')],
  [0xb007, delivered('data-set-does-not-match-sop-class')],
])

// Ranges, the first that holds.
const RANGES: readonly { readonly mask: number; readonly value: number; readonly row: Row }[] = [
  { mask: 0xff00, value: 0xa700, row: OUT_OF_RESOURCES },
  { mask: 0xff00, value: 0xa900, row: rejected('data-set-does-not-match-sop-class') },
  { mask: 0xf000, value: 0xb000, row: delivered('warning') },
  { mask: 0xf000, value: 0xc000, row: vague('cannot-understand') },
]

const UNKNOWN = vague('unknown-status')

/** `0xA700`. */
export const formatStatus = (status: number): string => `0x${status.toString(16).toUpperCase().padStart(4, '0')}`

/**
 * What the status of a C-STORE-RSP means for the delivery (PS3.4 B.2.3, PS3.7 Annex C). The table is written out in
 * `README.md` and tested row by row.
 */
export function judgeStoreStatus(status: number, context: StatusContext): Verdict {
  const row = EXACT.get(status) ?? RANGES.find(({ mask, value }) => (status & mask) === value)?.row ?? UNKNOWN
  return { ...row(context), status: formatStatus(status) }
}
