import type { AttributePath } from './attribute-path.ts'

/**
 * One change of one element with nothing left to decide: no rules, answers or keys are needed to carry it out.
 * `value` is encoded as it will stand in the element of the received transfer syntax, padded to even length. A `set`
 * whose path ends in an item says that this item is there, though it be without anything.
 */
export type ResolvedEdit =
  | { readonly verb: 'set'; readonly path: AttributePath; readonly vr: string; readonly value: Uint8Array }
  | { readonly verb: 'remove'; readonly path: AttributePath }

/**
 * What an edit changed, as a person reads it. Holds patient data.
 */
export interface AttributeChange {
  /** `(gggg,eeee)`, with its sequence path in front where it has one. */
  readonly tag: string
  readonly keyword: string | null
  readonly verb: string
  readonly before: string | null
  readonly after: string | null
}

/**
 * Raised whenever the same edits on the same bytes would give other bytes than before. Kept with each delivery; a later
 * attempt whose result differs is held.
 */
export const EDIT_VERSION = 2
