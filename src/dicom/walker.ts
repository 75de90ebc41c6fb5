import { tagOf } from './attribute-path.ts'
import { HeadReader, IMPLICIT_ENCODING, type MutableHead } from './head-reader.ts'
import type { TransferSyntax } from './transfer-syntax.ts'
import type { ElementEncoding, WalkHandler } from './walk-handler.ts'

/** Sequences inside sequences beyond this are refused: real ones stay below ten. */
export const MAX_SEQUENCE_DEPTH = 64

/** Why a data set cannot be read to its end. */
export const WALK_PROBLEMS = ['truncated', 'overrun', 'undefined-length', 'not-an-item', 'too-deep'] as const
export type WalkProblem = (typeof WALK_PROBLEMS)[number]

interface Frame {
  readonly kind: 'sequence' | 'item' | 'fragments'
  /** The position behind its last byte; -1 when a delimiter ends it. */
  readonly end: number
  readonly inner: ElementEncoding
  /** How what follows the frame is written. */
  readonly outer: ElementEncoding
}

const ITEM = tagOf(0xfffe, 0xe000)
const ITEM_DELIMITATION = tagOf(0xfffe, 0xe00d)
const SEQUENCE_DELIMITATION = tagOf(0xfffe, 0xe0dd)

/**
 * Reads a data set (PS3.5 section 7) from slices of any size and tells a handler what it meets, without keeping more
 * than one element header. Deflated data sets are inflated first. Liberal: a data set in another VR encoding than its
 * transfer syntax claims, single elements of unknown VR, missing and stray delimiters are read. It never throws,
 * recurses, or allocates by a length it read.
 */
export class DataSetWalker {
  readonly #handler: WalkHandler
  readonly #reader: HeadReader
  readonly #frames: Frame[] = []
  #position = 0
  #remaining = 0
  #told: 'value' | 'fragment' | 'stray' = 'value'
  #problem: WalkProblem | undefined
  #stopped = false

  constructor(transferSyntax: Pick<TransferSyntax, 'explicitVr' | 'bigEndian'>, handler: WalkHandler) {
    this.#reader = new HeadReader(transferSyntax)
    this.#handler = handler
  }

  /** How many sequences and items are open; 0 for the data set's own elements. */
  get depth(): number {
    return this.#frames.length
  }

  /** How the level being read is written; at depth 0, once a byte was read, how the data set really is. */
  get encoding(): ElementEncoding {
    return this.#reader.encoding
  }

  get problem(): WalkProblem | undefined {
    return this.#problem
  }

  /** True after `stop` and after a problem: further slices are not looked at. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** For handlers: nothing more is told, the element told last included. */
  stop(): void {
    this.#stopped = true
  }

  /** How many bytes were told of: fewer than the slice has only once `stopped`. */
  push(slice: Uint8Array): number {
    let at = 0
    while (at < slice.length && !this.#stopped) {
      at = this.#remaining > 0 ? this.#takeValue(slice, at) : this.#takeHeader(slice, at)
    }
    return at
  }

  /** The data set ends here. A last padding of NULs is tolerated. */
  end(): void {
    if (this.#stopped) return
    const padding = this.#reader.gathered
    const closed = this.#frames.length === 0 && this.#remaining === 0
    if (!closed || padding.some((byte) => byte !== 0)) this.#problem = 'truncated'
    this.#stopped = true
    if (padding.length > 0) this.#handler.stray(padding, 0, padding.length)
  }

  #fail(problem: WalkProblem, head: MutableHead): void {
    this.#problem = problem
    this.#stopped = true
    this.#handler.stray(head.raw, head.start, head.end)
  }

  #takeHeader(slice: Uint8Array, at: number): number {
    const taken = this.#reader.take(slice, at)
    if (taken < 0) return slice.length
    const { head } = this.#reader
    this.#position += head.end - head.start
    if (head.vr === '') this.#meetStructure(head)
    else this.#meetElement(head)
    return at + taken
  }

  #takeValue(slice: Uint8Array, at: number): number {
    const end = Math.min(slice.length, at + this.#remaining)
    if (this.#told === 'stray') this.#handler.stray(slice, at, end)
    else this.#handler.value(slice, at, end)
    this.#remaining -= end - at
    this.#position += end - at
    if (this.#remaining === 0) this.#finishValue()
    return end
  }

  #finishValue(): void {
    if (this.#told === 'value') this.#handler.valueEnd()
    this.#closeByLength()
  }

  #meetElement(head: MutableHead): void {
    const parent = this.#frames.at(-1)
    if (parent !== undefined && parent.kind !== 'item') {
      this.#skipRubbish(head, parent)
      return
    }
    if (parent === undefined && head.tag === 0 && head.length === 0) {
      // Eight NULs: padding behind the data set, for group 0000 is the command set's (PS3.7 E.1).
      this.#handler.stray(head.raw, head.start, head.end)
      return
    }
    const inner = this.#contentOf(head)
    if (inner === undefined) {
      this.#fail('undefined-length', head)
      return
    }
    if (parent !== undefined && parent.end >= 0 && this.#position + Math.max(head.length, 0) > parent.end) {
      this.#fail('overrun', head)
      return
    }
    if (head.content !== 'value' && this.#frames.length >= 2 * MAX_SEQUENCE_DEPTH) {
      this.#fail('too-deep', head)
      return
    }
    this.#handler.element(head)
    if (this.#stopped) return
    if (head.content === 'value') this.#expect('value', head.length)
    else this.#open(head.content, head.length, inner)
  }

  /** Says what follows the header, and how that is written. Undefined when nothing sensible can. */
  #contentOf(head: MutableHead): ElementEncoding | undefined {
    const { vr, length } = head
    if (vr === 'SQ') {
      head.content = 'sequence'
      return head.encoding
    }
    if (length >= 0) return head.encoding
    // UN of undefined length holds a sequence in Implicit VR Little Endian (PS3.5 6.2.2).
    if (vr === 'UN') {
      head.content = 'sequence'
      return IMPLICIT_ENCODING
    }
    if (vr.startsWith('O')) {
      head.content = 'fragments'
      return head.encoding
    }
    if (head.encoding.explicitVr) return undefined
    head.content = 'sequence'
    return head.encoding
  }

  #meetStructure(head: MutableHead): void {
    const frame = this.#frames.at(-1)
    if (head.tag === ITEM && frame?.kind === 'sequence') this.#openItem(head, frame)
    else if (head.tag === ITEM && frame?.kind === 'fragments') this.#openFragment(head, frame)
    else if (head.tag === ITEM && frame?.kind === 'item' && frame.end < 0) {
      // The delimiter of the item before is missing.
      this.#close(undefined)
      this.#meetStructure(head)
    } else if (head.tag === ITEM_DELIMITATION && frame?.kind === 'item' && frame.end < 0) this.#delimit(head)
    else if (head.tag === SEQUENCE_DELIMITATION && frame !== undefined && frame.kind !== 'item') this.#delimit(head)
    else if (head.tag === SEQUENCE_DELIMITATION && frame?.kind === 'item' && frame.end < 0) {
      this.#close(undefined)
      this.#delimit(head)
    } else {
      this.#handler.stray(head.raw, head.start, head.end)
      this.#closeByLength()
    }
  }

  #openItem(head: MutableHead, sequence: Frame): void {
    if (sequence.end >= 0 && this.#position + Math.max(head.length, 0) > sequence.end) {
      this.#fail('overrun', head)
      return
    }
    this.#handler.item(head)
    if (!this.#stopped) this.#open('item', head.length, sequence.inner)
  }

  #openFragment(head: MutableHead, fragments: Frame): void {
    const beyond = fragments.end >= 0 && this.#position + head.length > fragments.end
    if (head.length < 0 || beyond) {
      this.#fail(beyond ? 'overrun' : 'undefined-length', head)
      return
    }
    this.#handler.fragment(head)
    if (!this.#stopped) this.#expect('fragment', head.length)
  }

  /** Where an item should stand something else does: within a known length it is passed over, else it is the end. */
  #skipRubbish(head: MutableHead, frame: Frame): void {
    const rest = frame.end - this.#position
    if (frame.end < 0 || rest < 0) {
      this.#fail('not-an-item', head)
      return
    }
    this.#handler.stray(head.raw, head.start, head.end)
    this.#expect('stray', rest)
  }

  #expect(told: 'value' | 'fragment' | 'stray', length: number): void {
    this.#told = told
    this.#remaining = length
    if (length === 0) this.#finishValue()
  }

  #open(kind: Frame['kind'], length: number, inner: ElementEncoding): void {
    this.#frames.push({ kind, end: length < 0 ? -1 : this.#position + length, inner, outer: this.#reader.encoding })
    this.#reader.encoding = inner
    if (length === 0) this.#closeByLength()
  }

  #delimit(head: MutableHead): void {
    this.#close(head)
    this.#closeByLength()
  }

  #close(head: MutableHead | undefined): void {
    const frame = this.#frames.pop()
    if (frame === undefined) return
    this.#reader.encoding = frame.outer
    if (frame.kind === 'item') this.#handler.itemEnd(head)
    else this.#handler.sequenceEnd(head)
  }

  #closeByLength(): void {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      if (frame.end < 0 || this.#position < frame.end) return
      this.#close(undefined)
    }
  }
}
