import type { Tag } from './attribute-path.ts'

/** How the elements of one nesting level are written. */
export interface ElementEncoding {
  readonly explicitVr: boolean
  readonly bigEndian: boolean
}

/**
 * The header of an element, item or delimiter as it stands in the stream. One object serves the whole walk: what a
 * handler wants to keep it copies during the call.
 */
export interface ElementHead {
  readonly tag: Tag
  /** As written; what the dictionary says where nothing is written; empty for items and delimiters. */
  readonly vr: string
  /** The length field; -1 when undefined (FFFFFFFFH). */
  readonly length: number
  readonly content: 'value' | 'sequence' | 'fragments'
  /** How this header was written. */
  readonly encoding: ElementEncoding
  /** Its own bytes are `raw[start, end)`. */
  readonly raw: Uint8Array
  readonly start: number
  readonly end: number
}

/** What a walk tells. Bytes handed over are valid during the call only. Every byte looked at is told once, in order. */
export interface WalkHandler {
  element(head: ElementHead): void
  /** A piece of the value of the element or fragment last told. */
  value(bytes: Uint8Array, start: number, end: number): void
  /** The value is complete. Not told of sequences and fragments. */
  valueEnd(): void
  item(head: ElementHead): void
  /** `head` is the delimiter; undefined where the length told. */
  itemEnd(head: ElementHead | undefined): void
  /** One fragment of encapsulated pixel data (PS3.5 A.4), the offset table being the first. */
  fragment(head: ElementHead): void
  /** Of a sequence or of fragments; `head` as for items. */
  sequenceEnd(head: ElementHead | undefined): void
  /**
   * Bytes that mean nothing where they stand: NULs behind the data set, stray delimiters, rubbish in a sequence, the header
   * the walk failed at.
   */
  stray(bytes: Uint8Array, start: number, end: number): void
}
