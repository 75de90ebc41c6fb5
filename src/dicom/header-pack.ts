import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { KurirError } from '../base/failure.ts'
import { Header } from './header.ts'
import { HeaderIndex, ITEM, LEFT_OUT, SEQUENCE } from './header-index.ts'
import { transferSyntaxOf } from './transfer-syntax.ts'

const VERSION = 1
/** Headers are a few kilobytes: less memory than the default's 256 KB is less to lay out for each of them. */
const FOR_SMALL = { level: constants.Z_BEST_SPEED, windowBits: 13, memLevel: 5 } as const
// No header that we made is larger; one that claims to be was not made by us.
const MAX_UNPACKED_BYTES = 4_194_304

/**
 * A header as the ledger keeps it: one byte of version, then raw DEFLATE of the transfer syntax UID, the entries and
 * the values. Smaller than what it was made from by a third or more.
 */
export function packHeader(header: Header): Uint8Array {
  const { index } = header
  const uid = Buffer.from(header.transferSyntax.uid, 'latin1')
  const plain = new Writer(uid.length + 12 + index.count * 16 + index.values.length)
  plain.number(uid.length)
  plain.bytes(uid)
  plain.number(index.count)
  for (let entry = 0; entry < index.count; entry++) {
    plain.word(index.tag(entry))
    const vr = index.vr(entry)
    plain.byte(vr === '' ? 0 : vr.charCodeAt(0))
    plain.byte(vr === '' ? 0 : vr.charCodeAt(1))
    plain.byte(index.flags(entry))
    plain.number(contains(index.flags(entry)) ? index.next(entry) - entry : index.length(entry))
  }
  plain.bytes(index.values)
  const packed = deflateRawSync(plain.written, { ...FOR_SMALL, chunkSize: chunkFor(plain.written.length) })
  return Buffer.concat([Buffer.of(VERSION), packed])
}

/** Reads what `packHeader` made; throws KurirError `unreadable` for anything else. */
export function unpackHeader(bytes: Uint8Array): Header {
  if (bytes[0] !== VERSION) throw unreadable('a header in a format of another version')
  const reader = new Reader(inflate(bytes.subarray(1)))
  const uid = reader.bytes(reader.number()).toString('latin1')
  const count = reader.number()
  // Each entry takes at least eight bytes: nothing is allocated for entries that are not there.
  if (count * 8 > reader.left) throw unreadable('a header that was cut')
  const index = new HeaderIndex({ entries: Math.max(count, 1), bytes: Math.max(reader.left, 1) })
  const fields = Array.from({ length: count }, () => readEntry(reader))
  for (const [entry, { tag, vr, flags, number }] of fields.entries()) {
    const inside = contains(flags)
    index.add(tag, vr, flags, inside ? 0 : number)
    if (inside) index.setNext(entry, Math.min(entry + Math.max(number, 1), count))
    else if ((flags & LEFT_OUT) === 0) index.append(reader.bytes(number), 0, number)
  }
  return new Header(transferSyntaxOf(uid), index.trim())
}

function readEntry(reader: Reader): { tag: number; vr: string; flags: number; number: number } {
  const tag = reader.word()
  const code = [reader.byte(), reader.byte()]
  return { tag, vr: code[0] === 0 ? '' : String.fromCharCode(...code), flags: reader.byte(), number: reader.number() }
}

/** How much is taken at a time for what comes out; the default of 16 KB would be freed again for each header. */
const chunkFor = (bytes: number): number => Math.min(Math.max(bytes, 1024), 16_384)

const contains = (flags: number): boolean => (flags & (SEQUENCE | ITEM)) !== 0

const unreadable = (what: string, cause?: unknown): KurirError =>
  new KurirError('unreadable', 'permanent', `the ledger holds ${what}`, { cause })

function inflate(bytes: Uint8Array): Buffer {
  try {
    return inflateRawSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES, chunkSize: chunkFor(bytes.length * 4) })
  } catch (cause) {
    throw unreadable('a header that cannot be inflated', cause)
  }
}

class Writer {
  readonly #buffer: Buffer
  #at = 0

  constructor(atMost: number) {
    this.#buffer = Buffer.allocUnsafe(atMost)
  }

  get written(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  byte(value: number): void {
    this.#buffer[this.#at++] = value
  }

  word(value: number): void {
    this.#at = this.#buffer.writeUInt32BE(value >>> 0, this.#at)
  }

  /** Seven bits a byte, low ones first. */
  number(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.byte(rest)
  }

  bytes(value: Uint8Array): void {
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }
}

class Reader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get left(): number {
    return this.#buffer.length - this.#at
  }

  byte(): number {
    const byte = this.#buffer[this.#at++]
    if (byte === undefined) throw unreadable('a header that was cut')
    return byte
  }

  word(): number {
    return this.byte() * 0x1000000 + ((this.byte() << 16) | (this.byte() << 8) | this.byte())
  }

  number(): number {
    let value = 0
    for (let scale = 1; scale < 2 ** 42; scale *= 0x80) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw unreadable('a header with an impossible number')
  }

  bytes(length: number): Buffer {
    if (length > this.left) throw unreadable('a header that was cut')
    this.#at += length
    return this.#buffer.subarray(this.#at - length, this.#at)
  }
}
