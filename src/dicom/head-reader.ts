import { type Tag, tagOf } from './attribute-path.ts'
import { read16, read16Big, read32, read32Big } from './byte-order.ts'
import { implicitVr } from './dictionary.ts'
import type { TransferSyntax } from './transfer-syntax.ts'
import { isLongForm, VRS } from './vr.ts'
import type { ElementEncoding, ElementHead } from './walk-handler.ts'

const ENCODINGS = {
  implicit: { explicitVr: false, bigEndian: false },
  little: { explicitVr: true, bigEndian: false },
  big: { explicitVr: true, bigEndian: true },
} as const satisfies Record<string, ElementEncoding>

/** Implicit VR Little Endian, as in UN of undefined length (PS3.5 6.2.2). */
export const IMPLICIT_ENCODING: ElementEncoding = ENCODINGS.implicit

const LONGEST = 12
const UNDEFINED = 0xffffffff

const VR_BY_CODE: ReadonlyMap<number, string> = new Map(
  VRS.map((vr) => [(vr.charCodeAt(0) << 8) | vr.charCodeAt(1), vr]),
)

/** The head that is filled anew for each header. */
export class MutableHead implements ElementHead {
  tag: Tag = tagOf(0, 0)
  vr = ''
  length = 0
  content: 'value' | 'sequence' | 'fragments' = 'value'
  encoding: ElementEncoding = ENCODINGS.little
  raw: Uint8Array = new Uint8Array(0)
  start = 0
  end = 0
}

/** Reads headers of elements, items and delimiters (PS3.5 7.1, 7.5) from slices of any size. */
export class HeadReader {
  readonly head = new MutableHead()
  /** How headers of this level are written. */
  encoding: ElementEncoding
  readonly #gathered = new Uint8Array(LONGEST)
  #count = 0
  #isFirst = true

  constructor({ explicitVr, bigEndian }: Pick<TransferSyntax, 'explicitVr' | 'bigEndian'>) {
    this.encoding = bigEndian ? ENCODINGS.big : explicitVr ? ENCODINGS.little : ENCODINGS.implicit
  }

  /** The bytes of a header that is not complete. */
  get gathered(): Uint8Array {
    return this.#gathered.subarray(0, this.#count)
  }

  /**
   * Takes a header from the slice itself where it stands there whole, else gathers it byte by byte.
   *
   * @returns how many bytes were taken, negative while the header is not complete: `head` is valid only once it is
   */
  take(slice: Uint8Array, at: number): number {
    if (this.#count === 0 && slice.length - at >= LONGEST) return this.#read(slice, at, this.#sizeOf(slice, at))
    for (let next = at; next < slice.length; ) {
      this.#gathered[this.#count++] = slice[next++] ?? 0
      if (this.#count < 8) continue
      const size = this.#sizeOf(this.#gathered, 0)
      if (this.#count < size) continue
      this.#count = 0
      this.#read(this.#gathered, 0, size)
      return next - at
    }
    return at - slice.length
  }

  #sizeOf(bytes: Uint8Array, at: number): number {
    if (this.#isFirst) this.#detectEncoding(bytes, at)
    if (!this.encoding.explicitVr || isItemGroup(bytes, at)) return 8
    const vr = VR_BY_CODE.get(vrCode(bytes, at))
    if (vr !== undefined) return isLongForm(vr) ? 12 : 8
    return isVrLike(bytes, at) ? 12 : 8
  }

  /** The first element shows whether VRs are written, whatever the transfer syntax claims. */
  #detectEncoding(bytes: Uint8Array, at: number): void {
    this.#isFirst = false
    if (this.encoding.bigEndian) return
    if (VR_BY_CODE.has(vrCode(bytes, at))) this.encoding = ENCODINGS.little
    else if (!isVrLike(bytes, at)) this.encoding = ENCODINGS.implicit
  }

  #read(bytes: Uint8Array, at: number, size: number): number {
    const head = this.head
    const big = this.encoding.bigEndian
    const group = big ? read16Big(bytes, at) : read16(bytes, at)
    head.tag = tagOf(group, big ? read16Big(bytes, at + 2) : read16(bytes, at + 2))
    head.raw = bytes
    head.start = at
    head.end = at + size
    head.encoding = this.encoding
    head.content = 'value'
    if (group === 0xfffe) {
      head.vr = ''
      head.length = lengthOf(big ? read32Big(bytes, at + 4) : read32(bytes, at + 4))
    } else this.#readVrAndLength(head, bytes, at, size)
    return size
  }

  #readVrAndLength(head: MutableHead, bytes: Uint8Array, at: number, size: number): void {
    const { explicitVr, bigEndian } = this.encoding
    const known = explicitVr ? VR_BY_CODE.get(vrCode(bytes, at)) : undefined
    if (size === 12) {
      head.vr = known ?? String.fromCharCode(bytes[at + 4] ?? 0, bytes[at + 5] ?? 0)
      head.length = lengthOf(bigEndian ? read32Big(bytes, at + 8) : read32(bytes, at + 8))
    } else if (explicitVr && (known !== undefined || isPrintable(bytes, at))) {
      head.vr = known ?? 'UN'
      head.length = bigEndian ? read16Big(bytes, at + 6) : read16(bytes, at + 6)
    } else {
      // In an explicit data set, one element without a VR: some writers copy items from implicit ones as they are.
      head.encoding = ENCODINGS.implicit
      head.vr = implicitVr(head.tag)
      head.length = lengthOf(bigEndian ? read32Big(bytes, at + 4) : read32(bytes, at + 4))
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
