import { KurirError } from '../base/failure.ts'
import { tagOf } from './attribute-path.ts'
import { isNul, read16 } from './byte-order.ts'
import { lookUpTag } from './dictionary.ts'
import { closeItem, closeSequence, elementHeader, openItem } from './element-writer.ts'
import type { SliceOutput } from './slice-output.ts'
import type { ElementEncoding, ElementHead, WalkHandler } from './walk-handler.ts'

const ITEM_DELIMITATION = tagOf(0xfffe, 0xe00d)
const SEQUENCE_DELIMITATION = tagOf(0xfffe, 0xe0dd)
const LENGTH_TO_END = tagOf(0x0008, 0x0001)
const PIXEL_REPRESENTATION = tagOf(0x0028, 0x0103)

/**
 * Writes what is walked with or without VRs, little endian both. Values are copied byte for byte: in little endian they
 * are the same in both (PS3.5 A.1, A.2).
 */
export class Reencoder implements WalkHandler {
  readonly #to: ElementEncoding
  readonly #output: SliceOutput
  /** Pixel Representation around each open item: an icon's says nothing about the image. */
  readonly #outer: boolean[] = []
  #isSigned = false
  #drops = false
  #readsRepresentation = false

  constructor(to: ElementEncoding, output: SliceOutput) {
    this.#to = to
    this.#output = output
  }

  element(head: ElementHead): void {
    if (head.content === 'fragments') throw unwritable('an element has fragments')
    // Lengths of groups change, and nobody needs them (PS3.5 7.2).
    this.#drops = (head.tag & 0xffff) === 0 || head.tag === LENGTH_TO_END
    if (this.#drops && head.content === 'value') return
    this.#readsRepresentation = head.tag === PIXEL_REPRESENTATION
    const length = head.content === 'sequence' ? -1 : head.length
    this.#output.write(elementHeader(head.tag, this.#vrOf(head), length, this.#to))
  }

  value(bytes: Uint8Array, start: number, end: number): void {
    if (this.#drops) return
    this.#output.copy(bytes, start, end)
    if (!this.#readsRepresentation) return
    // The low byte comes first and is enough: the value is 0 or 1 (PS3.3 C.7.6.3.1.1).
    this.#isSigned = bytes[start] === 1
    this.#readsRepresentation = false
  }

  valueEnd(): void {}

  item(): void {
    this.#outer.push(this.#isSigned)
    this.#output.write(openItem(this.#to))
  }

  itemEnd(): void {
    this.#isSigned = this.#outer.pop() ?? this.#isSigned
    this.#output.write(closeItem(this.#to))
  }

  fragment(): void {}

  sequenceEnd(): void {
    this.#output.write(closeSequence(this.#to))
  }

  stray(bytes: Uint8Array, start: number, end: number): void {
    // Padding and stray delimiters are left behind; anything else has a meaning we do not know.
    if (isNul(bytes, start, end) || isDelimiter(bytes, start, end)) return
    throw unwritable('it holds bytes that belong to no element')
  }

  #vrOf(head: ElementHead): string {
    if (!this.#to.explicitVr) return head.vr
    if (head.content === 'sequence') return 'SQ'
    if (head.encoding.explicitVr) return head.vr
    return lookUpTag(head.tag)?.either === 'US or SS' && this.#isSigned ? 'SS' : head.vr
  }
}

/** (FFFE,E00D) or (FFFE,E0DD), in little endian. */
function isDelimiter(bytes: Uint8Array, start: number, end: number): boolean {
  const tag = end - start === 8 ? tagOf(read16(bytes, start), read16(bytes, start + 2)) : 0
  return tag === ITEM_DELIMITATION || tag === SEQUENCE_DELIMITATION
}

const unwritable = (why: string): KurirError =>
  new KurirError('invalid-dataset', 'permanent', `the data set cannot be re-encoded: ${why}`)
