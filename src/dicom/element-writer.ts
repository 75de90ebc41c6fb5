import { type Tag, tagOf } from './attribute-path.ts'
import { isLongForm } from './vr.ts'
import type { ElementEncoding, ElementHead } from './walk-handler.ts'

const UNDEFINED = 0xffffffff
const MAX_SHORT_LENGTH = 65_534

const ITEM = tagOf(0xfffe, 0xe000)
const ITEM_DELIMITATION = tagOf(0xfffe, 0xe00d)
const SEQUENCE_DELIMITATION = tagOf(0xfffe, 0xe0dd)

/**
 * The header of an element (PS3.5 7.1.2, 7.1.3). A value too long for its VR's 16-bit length becomes UN (PS3.5 6.2.2).
 *
 * @param length in bytes; -1 for undefined
 */
export function elementHeader(tag: Tag, vr: string, length: number, encoding: ElementEncoding): Buffer {
  if (!encoding.explicitVr) return shortHeader(tag, length, encoding)
  if (!isLongForm(vr) && length >= 0 && length <= MAX_SHORT_LENGTH) {
    const head = Buffer.alloc(8)
    writeTag(head, tag, encoding)
    head.write(vr, 4, 'latin1')
    if (encoding.bigEndian) head.writeUInt16BE(length, 6)
    else head.writeUInt16LE(length, 6)
    return head
  }
  const head = Buffer.alloc(12)
  writeTag(head, tag, encoding)
  head.write(isLongForm(vr) ? vr : 'UN', 4, 'latin1')
  writeLength(head, length, 8, encoding)
  return head
}

/** The header of an item whose end is a delimiter (PS3.5 7.5). */
export const openItem = (encoding: ElementEncoding): Buffer => shortHeader(ITEM, -1, encoding)
export const closeItem = (encoding: ElementEncoding): Buffer => shortHeader(ITEM_DELIMITATION, 0, encoding)
export const closeSequence = (encoding: ElementEncoding): Buffer => shortHeader(SEQUENCE_DELIMITATION, 0, encoding)

/** The same header with an undefined length: its end will be a delimiter. */
export function withUndefinedLength(head: ElementHead): Buffer {
  const bytes = Buffer.from(head.raw.subarray(head.start, head.end))
  bytes.fill(0xff, bytes.length - 4)
  return bytes
}

function shortHeader(tag: Tag, length: number, encoding: ElementEncoding): Buffer {
  const head = Buffer.alloc(8)
  writeTag(head, tag, encoding)
  writeLength(head, length, 4, encoding)
  return head
}

function writeTag(head: Buffer, tag: Tag, { bigEndian }: ElementEncoding): void {
  if (bigEndian) {
    head.writeUInt32BE(tag, 0)
    return
  }
  head.writeUInt16LE(tag >>> 16, 0)
  head.writeUInt16LE(tag & 0xffff, 2)
}

function writeLength(head: Buffer, length: number, at: number, { bigEndian }: ElementEncoding): void {
  const field = length < 0 ? UNDEFINED : length
  if (bigEndian) head.writeUInt32BE(field, at)
  else head.writeUInt32LE(field, at)
}
