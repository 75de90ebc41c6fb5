import type { CharacterSet } from '../dicom/character-set.ts'
import { encodeText } from '../dicom/text-encoder.ts'
import { delimitersOf } from '../dicom/value.ts'
import { isText, usesCharacterSet, type Vr } from '../dicom/vr.ts'
import { badModel } from './model.ts'

/** The text cannot be written in the character set that was asked for. */
export const NOT_IN_SET = Symbol('not in the character set')

/**
 * A value as a data set holds it in little endian (PS3.5 6.2, 7.3), of even length.
 *
 * @param values text forms, as a model has them
 * @throws KurirError `invalid-dataset` for a value that its VR cannot hold
 */
export function encodeValues(values: readonly string[], vr: Vr, set: CharacterSet): Buffer | typeof NOT_IN_SET {
  if (values.length === 0) return Buffer.alloc(0)
  if (isText(vr)) return encodeTexts(values, vr, set)
  const write = WRITERS[vr]
  if (write === undefined) throw badModel('an attribute of a binary VR has text as its value')
  // A missing number has no form of its own; alone it is an attribute without a value.
  if (values.every((value) => value === '')) return Buffer.alloc(0)
  return Buffer.concat(values.map(write))
}

function encodeTexts(values: readonly string[], vr: Vr, set: CharacterSet): Buffer | typeof NOT_IN_SET {
  const text = values.join('\\')
  if (!usesCharacterSet(vr)) {
    if (!/^[\x20-\x7e\t\r\n\f]*$/.test(text)) throw badModel('a value holds characters that its VR may not')
    return padded(Buffer.from(text, 'latin1'), vr)
  }
  const bytes = encodeText(text, set, delimitersOf(vr))
  return bytes === undefined ? NOT_IN_SET : padded(bytes, vr)
}

/** PS3.5 6.2: UI and bytes are padded with NUL, text with a space. */
export function padded(bytes: Buffer, vr: Vr): Buffer {
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, paddingOf(vr)])
}

export const paddingOf = (vr: Vr): Buffer => Buffer.of(vr === 'UI' || !isText(vr) ? 0 : 0x20)

type Write = (value: string) => Buffer

function whole(bytes: 2 | 4 | 8, least: bigint, most: bigint): Write {
  return (value) => {
    const number = /^\s*[+-]?\d{1,20}\s*$/.test(value) ? BigInt(value.trim().replace(/^\+/, '')) : undefined
    if (number === undefined || number < least || number > most) throw badModel('a number does not fit its VR')
    const buffer = Buffer.alloc(8)
    buffer.writeBigUInt64LE(BigInt.asUintN(64, number))
    return buffer.subarray(0, bytes)
  }
}

const unsigned = (bytes: 2 | 4 | 8): Write => whole(bytes, 0n, (1n << BigInt(bytes * 8)) - 1n)
const signed = (bytes: 2 | 4 | 8): Write =>
  whole(bytes, -(1n << BigInt(bytes * 8 - 1)), (1n << BigInt(bytes * 8 - 1)) - 1n)

function floating(bytes: 4 | 8): Write {
  return (value) => {
    const text = value.trim().replace(/^([+-]?)inf(inity)?$/i, '$1Infinity')
    const number = Number(text)
    if (text === '' || (Number.isNaN(number) && !/^nan$/i.test(text))) throw badModel('a value is no number')
    const buffer = Buffer.alloc(bytes)
    if (bytes === 4) buffer.writeFloatLE(number)
    else buffer.writeDoubleLE(number)
    return buffer
  }
}

function attributeTag(value: string): Buffer {
  const digits = value.replace(/[(),\s]/g, '')
  if (!/^[0-9A-Fa-f]{8}$/.test(digits)) throw badModel('an attribute tag is not eight hexadecimal digits')
  const buffer = Buffer.alloc(4)
  buffer.writeUInt16LE(Number.parseInt(digits.slice(0, 4), 16), 0)
  buffer.writeUInt16LE(Number.parseInt(digits.slice(4), 16), 2)
  return buffer
}

const WRITERS: Readonly<Partial<Record<Vr, Write>>> = {
  US: unsigned(2),
  UL: unsigned(4),
  UV: unsigned(8),
  SS: signed(2),
  SL: signed(4),
  SV: signed(8),
  FL: floating(4),
  FD: floating(8),
  AT: attributeTag,
}
