import type { Brand } from '../base/brand.ts'

/** A data element tag as one number: group in the high 16 bits, element in the low 16 (PS3.5 7.1). */
export type Tag = Brand<number, 'Tag'>

export const tagOf = (group: number, element: number): Tag => (((group << 16) >>> 0) + element) as Tag

/** `(gggg,eeee)` in lower-case hexadecimal. */
export function formatTag(tag: Tag): string {
  const hex = (tag >>> 0).toString(16).padStart(8, '0')
  return `(${hex.slice(0, 4)},${hex.slice(4)})`
}

/** Undefined when the text is not `(gggg,eeee)`. */
export function parseTag(text: string): Tag | undefined {
  const match = /^\(([0-9a-fA-F]{4}),([0-9a-fA-F]{4})\)$/.exec(text)
  return match === null ? undefined : tagOf(Number.parseInt(match[1] ?? '', 16), Number.parseInt(match[2] ?? '', 16))
}

/** One step down a path: an element, and for a sequence which item of it (zero-based), or every item. */
export interface PathStep {
  readonly tag: Tag
  readonly item?: number | 'every'
}

/** Where an attribute stands: one step for the data set's own elements, more for what is inside sequences. */
export type AttributePath = readonly PathStep[]
