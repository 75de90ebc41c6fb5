import type { CharacterSet } from '../dicom/character-set.ts'
import { encodeText } from '../dicom/text-encoder.ts'
import { delimitersOf } from '../dicom/value.ts'
import { isText, usesCharacterSet, type Vr } from '../dicom/vr.ts'
import { badModel } from './model.ts'
import type { Steps } from './steps.ts'

/** The text cannot be written in the character set that was asked for, or not in a reasonable time. */
export const NOT_IN_SET = Symbol('not in the character set')

/** Characters beyond which only UTF-8 is written: the others are looked up character by character, and proven by reading. */
const LONGEST_LOOKED_UP = 65_536
const VALUES_A_STEP = 2_048

/**
 * A value as a data set holds it in little endian (PS3.5 6.2, 7.3), of even length.
 *
 * @param values text forms, as a model has them
 * @throws KurirError `invalid-dataset` for a value that its VR cannot hold
 */
export function* encodeValues(values: readonly string[], vr: Vr, set: CharacterSet): Steps<Buffer | typeof NOT_IN_SET> {
  yield
  if (values.length === 0) return Buffer.alloc(0)
  if (isText(vr)) return encodeTexts(values, vr, set)
  const write = WRITERS[vr]
  if (write === undefined) throw badModel('an attribute of a binary VR has text as its value')
  // A missing number has no form of its own; alone it is an attribute without a value.
  if (values.every((value) => value === '')) return Buffer.alloc(0)
  const bytes = Buffer.alloc(values.length * write.bytes)
  for (const [at, value] of values.entries()) {
    write.into(bytes, at * write.bytes, value)
    if (at % VALUES_A_STEP === VALUES_A_STEP - 1) yield
  }
  return bytes
}

function encodeTexts(values: readonly string[], vr: Vr, set: CharacterSet): Buffer | typeof NOT_IN_SET {
  const text = values.join('\\')
  if (!usesCharacterSet(vr)) {
    if (!/^[\x20-\x7e\t\r\n\f]*$/.test(text)) throw badModel('a value holds characters that its VR may not')
    return padded(Buffer.from(text, 'latin1'), vr)
  }
  if (text.length > LONGEST_LOOKED_UP && set.kind !== 'utf-8' && /[\u0080-\uffff]/.test(text)) return NOT_IN_SET
  const bytes = encodeText(text, set, delimitersOf(vr))
  return bytes === undefined ? NOT_IN_SET : padded(bytes, vr)
}

/** PS3.5 6.2: UI and bytes are padded with NUL, text with a space. */
export function padded(bytes: Buffer, vr: Vr): Buffer {
  return bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, paddingOf(vr)])
}

export const paddingOf = (vr: Vr): Buffer => Buffer.of(vr === 'UI' || !isText(vr) ? 0 : 0x20)

interface Write {
  readonly bytes: number
  readonly into: (target: Buffer, at: number, value: string) => void
}

function whole(bytes: 2 | 4 | 8, isSigned: boolean): Write {
  const bits = BigInt(bytes * 8)
  const least = isSigned ? -(1n << (bits - 1n)) : 0n
  const most = (1n << (isSigned ? bits - 1n : bits)) - 1n
  const into = (target: Buffer, at: number, value: string): void => {
    const number = /^\s*[+-]?\d{1,20}\s*$/.test(value) ? BigInt(value.trim().replace(/^\+/, '')) : undefined
    if (number === undefined || number < least || number > most) throw badModel('a number does not fit its VR')
    if (bytes === 8) target.writeBigUInt64LE(BigInt.asUintN(64, number), at)
    else target.writeUIntLE(Number(BigInt.asUintN(bytes * 8, number)), at, bytes)
  }
  return { bytes, into }
}

function floating(bytes: 4 | 8): Write {
  const into = (target: Buffer, at: number, value: string): void => {
    const text = value.trim().replace(/^([+-]?)inf(inity)?$/i, '$1Infinity')
    const number = Number(text)
    if (text === '' || (Number.isNaN(number) && !/^nan$/i.test(text))) throw badModel('a value is no number')
    if (bytes === 4) target.writeFloatLE(number, at)
    else target.writeDoubleLE(number, at)
  }
  return { bytes, into }
}

const attributeTag: Write = {
  bytes: 4,
  into(target, at, value) {
    const digits = value.replace(/[(),\s]/g, '')
    if (!/^[0-9A-Fa-f]{8}$/.test(digits)) throw badModel('an attribute tag is not eight hexadecimal digits')
    target.writeUInt16LE(Number.parseInt(digits.slice(0, 4), 16), at)
    target.writeUInt16LE(Number.parseInt(digits.slice(4), 16), at + 2)
  },
}

const WRITERS: Readonly<Partial<Record<Vr, Write>>> = {
  US: whole(2, false),
  UL: whole(4, false),
  UV: whole(8, false),
  SS: whole(2, true),
  SL: whole(4, true),
  SV: whole(8, true),
  FL: floating(4),
  FD: floating(8),
  AT: attributeTag,
}
