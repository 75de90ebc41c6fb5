import { type Tag, tagOf } from './attribute-path.ts'
import { read16, read16Big, read32, read32Big } from './byte-order.ts'
import { implicitVr } from './dictionary.ts'
import type { TransferSyntax } from './transfer-syntax.ts'
import { isLongForm, VRS } from './vr.ts'
import type { ElementEncoding, ElementHead, WalkHandler } from './walk-handler.ts'

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

const ENCODINGS = {
  implicit: { explicitVr: false, bigEndian: false },
  little: { explicitVr: true, bigEndian: false },
  big: { explicitVr: true, bigEndian: true },
} as const satisfies Record<string, ElementEncoding>

const ITEM = tagOf(0xfffe, 0xe000)
const ITEM_DELIMITATION = tagOf(0xfffe, 0xe00d)
const SEQUENCE_DELIMITATION = tagOf(0xfffe, 0xe0dd)
const UNDEFINED = 0xffffffff

const VR_BY_CODE: ReadonlyMap<number, string> = new Map(
  VRS.map((vr) => [(vr.charCodeAt(0) << 8) | vr.charCodeAt(1), vr]),
)

class Head implements ElementHead {
  tag: Tag = tagOf(0, 0)
  vr = ''
  length = 0
  content: 'value' | 'sequence' | 'fragments' = 'value'
  encoding: ElementEncoding = ENCODINGS.little
  raw: Uint8Array = new Uint8Array(0)
  start = 0
  end = 0
}

/**
 * Reads a data set (PS3.5 section 7) from slices of any size and tells a handler what it meets, without keeping more
 * than one element header. Deflated data sets are inflated first. Liberal: a data set in another VR encoding than its
 * transfer syntax claims, single elements of unknown VR, missing and stray delimiters are read. It never throws,
 * recurses, or allocates by a length it read.
 */
export class DataSetWalker {
  readonly #handler: WalkHandler
  readonly #head = new Head()
  readonly #scratch = new Uint8Array(12)
  readonly #frames: Frame[] = []
  #scratched = 0
  #encoding: ElementEncoding
  #position = 0
  #remaining = 0
  #told: 'value' | 'fragment' | 'stray' = 'value'
  #problem: WalkProblem | undefined
  #stopped = false

  constructor(transferSyntax: Pick<TransferSyntax, 'explicitVr' | 'bigEndian'>, handler: WalkHandler) {
    this.#encoding = transferSyntax.bigEndian
      ? ENCODINGS.big
      : transferSyntax.explicitVr
        ? ENCODINGS.little
        : ENCODINGS.implicit
    this.#handler = handler
  }

  /** How many sequences and items are open; 0 for the data set's own elements. */
  get depth(): number {
    return this.#frames.length
  }

  /** How the level being read is written; at depth 0, once a byte was read, how the data set really is. */
  get encoding(): ElementEncoding {
    return this.#encoding
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
    const padding = this.#scratch.subarray(0, this.#scratched)
    const closed = this.#frames.length === 0 && this.#remaining === 0
    if (!closed || padding.some((byte) => byte !== 0)) this.#problem = 'truncated'
    this.#stopped = true
    if (padding.length > 0) this.#handler.stray(padding, 0, padding.length)
  }

  #fail(problem: WalkProblem, head: Head): void {
    this.#problem = problem
    this.#stopped = true
    this.#handler.stray(head.raw, head.start, head.end)
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

  /** Reads a header from the slice itself where it stands there whole, else gathers it byte by byte. */
  #takeHeader(slice: Uint8Array, at: number): number {
    if (this.#scratched === 0 && slice.length - at >= 12) {
      const size = this.#headerSize(slice, at)
      this.#readHeader(slice, at, size)
      return at + size
    }
    let next = at
    while (next < slice.length) {
      this.#scratch[this.#scratched++] = slice[next++] ?? 0
      if (this.#scratched < 8) continue
      const size = this.#headerSize(this.#scratch, 0)
      if (this.#scratched < size) continue
      this.#scratched = 0
      this.#readHeader(this.#scratch, 0, size)
      return next
    }
    return next
  }

  #headerSize(bytes: Uint8Array, at: number): number {
    if (this.#position === 0) this.#detectEncoding(bytes, at)
    if (!this.#encoding.explicitVr || isItemGroup(bytes, at)) return 8
    const vr = VR_BY_CODE.get(vrCode(bytes, at))
    if (vr !== undefined) return isLongForm(vr) ? 12 : 8
    return isVrLike(bytes, at) ? 12 : 8
  }

  /** The first element shows whether VRs are written, whatever the transfer syntax claims. */
  #detectEncoding(bytes: Uint8Array, at: number): void {
    if (this.#encoding.bigEndian) return
    const written = VR_BY_CODE.has(vrCode(bytes, at))
    if (written) this.#encoding = ENCODINGS.little
    else if (!isVrLike(bytes, at)) this.#encoding = ENCODINGS.implicit
  }

  #readHeader(bytes: Uint8Array, at: number, size: number): void {
    const head = this.#head
    const big = this.#encoding.bigEndian
    const group = big ? read16Big(bytes, at) : read16(bytes, at)
    const element = big ? read16Big(bytes, at + 2) : read16(bytes, at + 2)
    head.tag = tagOf(group, element)
    head.raw = bytes
    head.start = at
    head.end = at + size
    head.encoding = this.#encoding
    head.content = 'value'
    if (group === 0xfffe) {
      head.vr = ''
      head.length = lengthOf(big ? read32Big(bytes, at + 4) : read32(bytes, at + 4))
      this.#position += size
      this.#meetStructure(head)
      return
    }
    this.#readVrAndLength(head, bytes, at, size)
    this.#position += size
    this.#meetElement(head)
  }

  #readVrAndLength(head: Head, bytes: Uint8Array, at: number, size: number): void {
    const big = this.#encoding.bigEndian
    const read = big ? read32Big : read32
    if (!this.#encoding.explicitVr) {
      head.vr = implicitVr(head.tag)
      head.length = lengthOf(read(bytes, at + 4))
      return
    }
    const known = VR_BY_CODE.get(vrCode(bytes, at))
    if (size === 12) {
      head.vr = known ?? String.fromCharCode(bytes[at + 4] ?? 0, bytes[at + 5] ?? 0)
      head.length = lengthOf(read(bytes, at + 8))
    } else if (known !== undefined || isPrintable(bytes, at)) {
      head.vr = known ?? 'UN'
      head.length = big ? read16Big(bytes, at + 6) : read16(bytes, at + 6)
    } else {
      // One element without a VR among others with: some writers copy items from implicit data sets as they are.
      head.encoding = ENCODINGS.implicit
      head.vr = implicitVr(head.tag)
      head.length = lengthOf(read(bytes, at + 4))
    }
  }

  #meetElement(head: Head): void {
    const parent = this.#frames.at(-1)
    if (parent !== undefined && parent.kind !== 'item') {
      this.#skipRubbish(head, parent)
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
  #contentOf(head: Head): ElementEncoding | undefined {
    const { vr, length } = head
    if (vr === 'SQ') {
      head.content = 'sequence'
      return head.encoding
    }
    if (length >= 0) return head.encoding
    // UN of undefined length holds a sequence in Implicit VR Little Endian (PS3.5 6.2.2).
    if (vr === 'UN') {
      head.content = 'sequence'
      return ENCODINGS.implicit
    }
    if (vr.startsWith('O')) {
      head.content = 'fragments'
      return head.encoding
    }
    if (head.encoding.explicitVr) return undefined
    head.content = 'sequence'
    return head.encoding
  }

  #meetStructure(head: Head): void {
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

  #openItem(head: Head, sequence: Frame): void {
    if (sequence.end >= 0 && this.#position + Math.max(head.length, 0) > sequence.end) {
      this.#fail('overrun', head)
      return
    }
    this.#handler.item(head)
    if (!this.#stopped) this.#open('item', head.length, sequence.inner)
  }

  #openFragment(head: Head, fragments: Frame): void {
    const beyond = fragments.end >= 0 && this.#position + head.length > fragments.end
    if (head.length < 0 || beyond) {
      this.#fail(beyond ? 'overrun' : 'undefined-length', head)
      return
    }
    this.#handler.fragment(head)
    if (!this.#stopped) this.#expect('fragment', head.length)
  }

  /** Where an item should stand something else does: within a known length it is passed over, else it is the end. */
  #skipRubbish(head: Head, frame: Frame): void {
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
    this.#frames.push({ kind, end: length < 0 ? -1 : this.#position + length, inner, outer: this.#encoding })
    this.#encoding = inner
    if (length === 0) this.#closeByLength()
  }

  #delimit(head: Head): void {
    this.#close(head)
    this.#closeByLength()
  }

  #close(head: Head | undefined): void {
    const frame = this.#frames.pop()
    if (frame === undefined) return
    this.#encoding = frame.outer
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

const isItemGroup = (bytes: Uint8Array, at: number): boolean =>
  (bytes[at] === 0xfe && bytes[at + 1] === 0xff) || (bytes[at] === 0xff && bytes[at + 1] === 0xfe)

const vrCode = (bytes: Uint8Array, at: number): number => ((bytes[at + 4] ?? 0) << 8) | (bytes[at + 5] ?? 0)

const isUpperCase = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x41 && byte <= 0x5a
const isPrintableByte = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x20 && byte <= 0x7e

const isVrLike = (bytes: Uint8Array, at: number): boolean => isUpperCase(bytes[at + 4]) && isUpperCase(bytes[at + 5])
const isPrintable = (bytes: Uint8Array, at: number): boolean =>
  isPrintableByte(bytes[at + 4]) && isPrintableByte(bytes[at + 5])

const lengthOf = (field: number): number => (field === UNDEFINED ? -1 : field)
