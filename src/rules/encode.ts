import { ASCII, type CharacterSet } from '../dicom/character-set.ts'
import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'
import { encodeText } from '../dicom/text-encoder.ts'
import { delimitersOf } from '../dicom/value.ts'
import { isLongForm, usesCharacterSet, wordBytes } from '../dicom/vr.ts'
import { keyOf } from './draft.ts'

/** Edits in the order of the data set, and what else they change beside what a rewrite said. */
export interface Encoded {
  readonly edits: readonly ResolvedEdit[]
  readonly changes: readonly AttributeChange[]
}

/** Edits as `Encoded` has them. */
export function inOrder(edits: readonly ResolvedEdit[]): readonly ResolvedEdit[] {
  const keyed = edits.map((edit) => [keyOf(edit.path), edit] as const)
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, edit]) => edit)
}

/** The most bytes an element with a 16-bit length may have (PS3.5 7.1.2). */
const SHORT_FORM_BYTES = 65_534

/**
 * The values as bytes of one element, padded to even length (PS3.5 6.2). Undefined when the character set cannot hold
 * them; `too-long` when their element could not say its length.
 */
export function encodeValues(
  values: readonly string[],
  vr: string,
  set: CharacterSet,
  bigEndian: boolean,
): Uint8Array | 'too-long' | undefined {
  const write = WRITERS[vr]
  if (write !== undefined)
    return encodeNumbers(values, wordBytes(vr), (bytes, value, at) => write(bytes, value, at, bigEndian))
  const bytes = encodeText(values.join('\\'), usesCharacterSet(vr) ? set : ASCII, delimitersOf(vr))
  if (bytes === undefined) return undefined
  if (bytes.length > SHORT_FORM_BYTES && !isLongForm(vr)) return 'too-long'
  if (bytes.length % 2 === 0) return bytes
  return Buffer.concat([bytes, Buffer.of(vr === 'UI' ? 0x00 : 0x20)])
}

type Writer = (bytes: Buffer, value: string, at: number, big: boolean) => unknown

const WRITERS: Readonly<Record<string, Writer>> = {
  US: (b, value, at, big) => (big ? b.writeUInt16BE(Number(value), at) : b.writeUInt16LE(Number(value), at)),
  SS: (b, value, at, big) => (big ? b.writeInt16BE(Number(value), at) : b.writeInt16LE(Number(value), at)),
  UL: (b, value, at, big) => (big ? b.writeUInt32BE(Number(value), at) : b.writeUInt32LE(Number(value), at)),
  SL: (b, value, at, big) => (big ? b.writeInt32BE(Number(value), at) : b.writeInt32LE(Number(value), at)),
  UV: (b, value, at, big) => (big ? b.writeBigUInt64BE(BigInt(value), at) : b.writeBigUInt64LE(BigInt(value), at)),
  SV: (b, value, at, big) => (big ? b.writeBigInt64BE(BigInt(value), at) : b.writeBigInt64LE(BigInt(value), at)),
  FL: (b, value, at, big) => (big ? b.writeFloatBE(Number(value), at) : b.writeFloatLE(Number(value), at)),
  FD: (b, value, at, big) => (big ? b.writeDoubleBE(Number(value), at) : b.writeDoubleLE(Number(value), at)),
}

function encodeNumbers(
  values: readonly string[],
  size: number,
  write: (bytes: Buffer, value: string, at: number) => unknown,
): Uint8Array | 'too-long' {
  const written = values.filter((value) => value !== '').map((value) => value.replace(/^\+/, ''))
  const bytes = Buffer.alloc(written.length * size)
  if (bytes.length > SHORT_FORM_BYTES) return 'too-long'
  for (const [index, value] of written.entries()) write(bytes, value, index * size)
  return bytes
}
