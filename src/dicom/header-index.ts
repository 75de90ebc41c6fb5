import type { Tag } from './attribute-path.ts'

/** The entry's value was left out: beyond the cap, or fragments. */
export const LEFT_OUT = 1
/** A sequence; its items follow as entries of their own. */
export const SEQUENCE = 2
/** An item of the sequence before it; its elements follow. */
export const ITEM = 4
/** The value's numbers are big endian. */
export const BIG_ENDIAN = 8

const FIELDS = 5

interface Room {
  readonly fields: Uint32Array<ArrayBuffer>
  readonly values: Buffer
}

/** What most headers fit into. It goes round: one for each object on its way, and no garbage. */
const MOST = { entries: 192, bytes: 6_144 } as const
const SPARE: Room[] = []
const MOST_SPARE = 32

function roomFor({ entries, bytes }: { readonly entries: number; readonly bytes: number }): Room {
  return { fields: new Uint32Array(entries * FIELDS), values: Buffer.allocUnsafeSlow(bytes) }
}

/**
 * The elements of a header in the order they stand in the data set, nested ones behind their sequence and item. Five
 * numbers an entry and one run of value bytes: made in one pass, looked through without making objects.
 */
export class HeaderIndex {
  #fields: Uint32Array<ArrayBuffer>
  #values: Buffer
  #count = 0
  #used = 0

  /** With room for this much, and more where it is needed; unsaid, for most headers. */
  constructor(room?: { readonly entries: number; readonly bytes: number }) {
    const { fields, values } = room === undefined ? (SPARE.pop() ?? roomFor(MOST)) : roomFor(room)
    this.#fields = fields
    this.#values = values
  }

  get count(): number {
    return this.#count
  }

  /** All values, one behind the other. */
  get values(): Buffer {
    return this.#values.subarray(0, this.#used)
  }

  /** What the header takes in memory. */
  get sizeBytes(): number {
    return this.#used + this.#count * FIELDS * 4
  }

  tag(entry: number): Tag {
    return (this.#fields[entry * FIELDS] ?? 0) as Tag
  }

  vr(entry: number): string {
    const code = (this.#fields[entry * FIELDS + 1] ?? 0) >>> 16
    return code === 0 ? '' : String.fromCharCode(code >>> 8, code & 0xff)
  }

  flags(entry: number): number {
    return (this.#fields[entry * FIELDS + 1] ?? 0) & 0xffff
  }

  /** Undefined when it was left out. */
  value(entry: number): Buffer | undefined {
    if ((this.flags(entry) & LEFT_OUT) !== 0) return undefined
    const offset = this.#fields[entry * FIELDS + 2] ?? 0
    return this.#values.subarray(offset, offset + this.length(entry))
  }

  /** Of the value as received, in bytes; 0 for sequences and items. */
  length(entry: number): number {
    return this.#fields[entry * FIELDS + 3] ?? 0
  }

  /** The entry behind this one and all that it contains. */
  next(entry: number): number {
    return this.#fields[entry * FIELDS + 4] ?? this.#count
  }

  add(tag: number, vr: string, flags: number, length: number): number {
    const entry = this.#count++
    if (this.#count * FIELDS > this.#fields.length) this.#growFields()
    const at = entry * FIELDS
    this.#fields[at] = tag
    this.#fields[at + 1] = (((vr.charCodeAt(0) << 8) | vr.charCodeAt(1)) << 16) | flags
    this.#fields[at + 2] = this.#used
    this.#fields[at + 3] = length
    this.#fields[at + 4] = entry + 1
    return entry
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const size = end - start
    if (this.#used + size > this.#values.length) this.#growValues(this.#used + size)
    this.#values.set(bytes.subarray(start, end), this.#used)
    this.#used += size
  }

  /** Everything added since the entry belongs to it. */
  close(entry: number): void {
    this.#fields[entry * FIELDS + 4] = this.#count
  }

  /** For the unpacker: what lies before `next` belongs to the entry. */
  setNext(entry: number, next: number): void {
    this.#fields[entry * FIELDS + 4] = next
  }

  /** Forgets what the entry contains, its value too, and says that it was left out. */
  leaveOut(entry: number): void {
    const at = entry * FIELDS
    this.#used = this.#fields[at + 2] ?? this.#used
    this.#count = entry + 1
    this.#fields[at + 1] = (this.#fields[at + 1] ?? 0) | LEFT_OUT
    this.#fields[at + 4] = entry + 1
  }

  /** Drops the entry and all behind it. */
  truncate(entry: number): void {
    this.#used = entry < this.#count ? (this.#fields[entry * FIELDS + 2] ?? this.#used) : this.#used
    this.#count = Math.min(this.#count, entry)
  }

  /** Gives back the room that was taken in advance; no value may have been asked for before. */
  trim(): this {
    const [fields, values] = [this.#fields, this.#values]
    this.#fields = fields.slice(0, this.#count * FIELDS)
    this.#values = Buffer.from(values.subarray(0, this.#used))
    const isUsual = fields.length === MOST.entries * FIELDS && values.length === MOST.bytes
    if (isUsual && SPARE.length < MOST_SPARE) SPARE.push({ fields, values })
    return this
  }

  #growFields(): void {
    const grown = new Uint32Array(this.#fields.length * 2)
    grown.set(this.#fields)
    this.#fields = grown
  }

  #growValues(atLeast: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#values.length * 2, atLeast))
    this.#values.copy(grown, 0, 0, this.#used)
    this.#values = grown
  }
}
