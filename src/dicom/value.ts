import { formatTag, tagOf } from './attribute-path.ts'
import { type CharacterSet, decodeText } from './character-set.ts'
import { unpadEnd } from './padding.ts'
import { isOneValue, isText, usesCharacterSet, wordBytes } from './vr.ts'

/**
 * A value as text (PS3.5 6.2): decoded, split at the backslash where the VR has several values, without padding;
 * numbers of binary VRs in decimal, AT as `(gggg,eeee)`. Undefined where it cannot be text: bytes, sequences.
 */
export function decodeValue(
  bytes: Buffer,
  vr: string,
  bigEndian: boolean,
  set: CharacterSet,
): readonly string[] | undefined {
  if (isText(vr)) return decodeTextValue(bytes, vr, set)
  if (vr === 'UN') return decodeUnknown(bytes, set)
  return decodeNumbers(bytes, vr, bigEndian)
}

function decodeTextValue(bytes: Buffer, vr: string, set: CharacterSet): readonly string[] {
  if (bytes.length === 0) return []
  if (!usesCharacterSet(vr)) return split(bytes.toString('latin1'), vr)
  return split(decodeText(bytes, set, delimitersOf(vr)), vr)
}

/** The characters that separate values and, in a PN, components (PS3.5 6.2). */
export const delimitersOf = (vr: string): string => (vr === 'PN' ? '\\^=' : isOneValue(vr) ? '' : '\\')

function split(text: string, vr: string): readonly string[] {
  if (isOneValue(vr)) return one(unpadEnd(text))
  if (!text.includes('\\')) return one(unpad(text))
  return text.split('\\').map(unpad)
}

const one = (text: string): readonly string[] => (text === '' ? [] : [text])

// Leading spaces mean nothing either where there may be several values (PS3.5 table 6.2-1). NULs are seen in the field.
function unpad(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && text.charCodeAt(start) === 0x20) start++
  while (end > start && (text.charCodeAt(end - 1) === 0x20 || text.charCodeAt(end - 1) === 0)) end--
  return start === 0 && end === text.length ? text : text.slice(start, end)
}

/** Text where it looks like text, so that rules can match private elements of implicit data sets. */
function decodeUnknown(bytes: Buffer, set: CharacterSet): readonly string[] | undefined {
  const content = trimNuls(bytes)
  for (const byte of content) {
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x1b) return undefined
  }
  const text = decodeText(content, set, '\\')
  return text.includes('\ufffd') ? undefined : content.length === 0 ? one('') : split(text, 'LO')
}

function trimNuls(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes
}

function decodeNumbers(bytes: Buffer, vr: string, bigEndian: boolean): readonly string[] | undefined {
  const read = READERS[vr]
  if (read === undefined) return undefined
  const size = vr === 'AT' ? 4 : wordBytes(vr)
  const values: string[] = []
  for (let at = 0; at + size <= bytes.length; at += size) values.push(read(bytes, at, bigEndian))
  return values
}

type Reader = (bytes: Buffer, at: number, big: boolean) => string

const READERS: Readonly<Record<string, Reader>> = {
  US: (b, at, big) => String(big ? b.readUInt16BE(at) : b.readUInt16LE(at)),
  SS: (b, at, big) => String(big ? b.readInt16BE(at) : b.readInt16LE(at)),
  UL: (b, at, big) => String(big ? b.readUInt32BE(at) : b.readUInt32LE(at)),
  SL: (b, at, big) => String(big ? b.readInt32BE(at) : b.readInt32LE(at)),
  UV: (b, at, big) => String(big ? b.readBigUInt64BE(at) : b.readBigUInt64LE(at)),
  SV: (b, at, big) => String(big ? b.readBigInt64BE(at) : b.readBigInt64LE(at)),
  FL: (b, at, big) => formatFloat(big ? b.readFloatBE(at) : b.readFloatLE(at)),
  FD: (b, at, big) => String(big ? b.readDoubleBE(at) : b.readDoubleLE(at)),
  AT: (b, at, big) =>
    formatTag(
      big ? tagOf(b.readUInt16BE(at), b.readUInt16BE(at + 2)) : tagOf(b.readUInt16LE(at), b.readUInt16LE(at + 2)),
    ),
}

/** The shortest decimal that is the same single-precision number. */
function formatFloat(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return String(short)
  }
  return String(value)
}
