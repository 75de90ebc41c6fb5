import { type AeTitle, parseAeTitle } from './ae-title.ts'
import { read16, read32 } from './byte-order.ts'
import { IMPLEMENTATION_CLASS_UID, PRIVATE_INFORMATION_CREATOR_UID } from './identity.ts'
import { EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN } from './transfer-syntax.ts'
import { parseUid, type SopClassUid, type SopInstanceUid, type TransferSyntaxUid, unpadUid } from './uid.ts'
import { isLongForm, isVr } from './vr.ts'

/** What the File Meta Information of a Part 10 file says (PS3.10 7.1), as far as we read or write it. */
export interface FileMeta {
  readonly sopClassUid: SopClassUid
  readonly sopInstanceUid: SopInstanceUid
  readonly transferSyntaxUid: TransferSyntaxUid
  /** (0002,0016): who sent it to us. */
  readonly sourceAe?: AeTitle
  /** (0002,0102) under our creator in (0002,0100): what a spooled file must say for its ledger row to be rebuilt. */
  readonly privateInformation?: Uint8Array
}

/** What the head of a file told. */
export interface FoundFileMeta {
  /** What it states; a file without meta information states nothing. */
  readonly meta: Partial<FileMeta>
  /** As stated, or else as the data set's first element looks. */
  readonly transferSyntaxUid: TransferSyntaxUid
  readonly dataSetOffset: number
}

export type FileMetaResult =
  | ({ readonly outcome: 'found' } & FoundFileMeta)
  /** More bytes than these are needed. */
  | { readonly outcome: 'incomplete' }
  | { readonly outcome: 'not-dicom' }

const PREAMBLE_BYTES = 128
const MAX_META_BYTES = 262_144

/** Group 0002 of a file in Explicit VR Little Endian, its group length right, without preamble and prefix (PS3.10 7.1). */
export function encodeFileMeta(meta: FileMeta): Buffer {
  return encodeAfter(0, meta)
}

/** All that stands before the data set: 128 zero bytes, `DICM`, and `encodeFileMeta`. */
export function encodePart10Head(meta: FileMeta): Buffer {
  const bytes = encodeAfter(PREAMBLE_BYTES + PREFIX.length, meta)
  bytes.fill(0, 0, PREAMBLE_BYTES)
  bytes.write(PREFIX, PREAMBLE_BYTES, 'latin1')
  return bytes
}

const PREFIX = 'DICM'
/** Of (0002,0000), its value of four bytes included. */
const GROUP_LENGTH_BYTES = 12

type MetaElement = readonly [number: number, vr: string, value: string | Uint8Array]

function elementsOf({ sourceAe, privateInformation, ...meta }: FileMeta): readonly MetaElement[] {
  return [
    [0x0001, 'OB', Buffer.of(0, 1)],
    [0x0002, 'UI', meta.sopClassUid],
    [0x0003, 'UI', meta.sopInstanceUid],
    [0x0010, 'UI', meta.transferSyntaxUid],
    [0x0012, 'UI', IMPLEMENTATION_CLASS_UID],
    ...(sourceAe === undefined ? [] : [[0x0016, 'AE', sourceAe] as const]),
    ...(privateInformation === undefined
      ? []
      : [[0x0100, 'UI', PRIVATE_INFORMATION_CREATOR_UID] as const, [0x0102, 'OB', privateInformation] as const]),
  ]
}

/** In one buffer, with room in front. */
function encodeAfter(room: number, meta: FileMeta): Buffer {
  const elements = elementsOf(meta)
  let length = 0
  for (const [, vr, value] of elements) length += headLength(vr) + value.length + (value.length % 2)
  const bytes = Buffer.allocUnsafe(room + GROUP_LENGTH_BYTES + length)
  let at = writeHead(bytes, room, 0x0000, 'UL', 4)
  at = bytes.writeUInt32LE(length, at)
  for (const element of elements) at = writeElement(bytes, at, element)
  return bytes
}

const headLength = (vr: string): number => (isLongForm(vr) ? 12 : 8)

function writeHead(bytes: Buffer, at: number, number: number, vr: string, length: number): number {
  bytes.writeUInt16LE(0x0002, at)
  bytes.writeUInt16LE(number, at + 2)
  bytes.write(vr, at + 4, 'latin1')
  if (!isLongForm(vr)) return bytes.writeUInt16LE(length, at + 6)
  bytes.writeUInt16LE(0, at + 6)
  return bytes.writeUInt32LE(length, at + 8)
}

/** An odd length is made even: with a space in an AE, with a NUL else (PS3.5 6.2). */
function writeElement(bytes: Buffer, at: number, [number, vr, value]: MetaElement): number {
  const padding = value.length % 2
  const start = writeHead(bytes, at, number, vr, value.length + padding)
  if (typeof value === 'string') bytes.write(value, start, 'latin1')
  else bytes.set(value, start)
  const end = start + value.length
  return padding === 0 ? end : bytes.writeUInt8(vr === 'AE' ? 0x20 : 0, end)
}

/** The meta information of a file that has all of what we write; undefined for any other. */
export function readFileMeta(prefix: Buffer): { readonly meta: FileMeta; readonly dataSetOffset: number } | undefined {
  const result = findFileMeta(prefix, true)
  if (result.outcome !== 'found') return undefined
  const { sopClassUid, sopInstanceUid, transferSyntaxUid, ...rest } = result.meta
  if (sopClassUid === undefined || sopInstanceUid === undefined || transferSyntaxUid === undefined) return undefined
  return { meta: { ...rest, sopClassUid, sopInstanceUid, transferSyntaxUid }, dataSetOffset: result.dataSetOffset }
}

/**
 * Finds where a file's data set begins and how it is written. Liberal: preamble, prefix, group length, single elements
 * or all meta information may be missing.
 *
 * @param prefix the file's first bytes
 * @param isWhole whether they are all the file has
 */
export function findFileMeta(prefix: Buffer, isWhole = false): FileMetaResult {
  if (prefix.length < PREAMBLE_BYTES + 4 + 8 && !isWhole) return { outcome: 'incomplete' }
  const start = metaStart(prefix)
  const meta: { -readonly [Key in keyof FileMeta]?: FileMeta[Key] } = {}
  let creator = ''
  let at = start
  while (read16(prefix, at) === 0x0002 && at + 8 <= prefix.length) {
    const found = readElement(prefix, at)
    if (found === 'bad') return { outcome: 'not-dicom' }
    if (found.end > prefix.length) {
      return { outcome: isWhole || found.end > MAX_META_BYTES ? 'not-dicom' : 'incomplete' }
    }
    if (found.number === 0x0100) creator = unpadUid(found.value.toString('latin1'))
    take(meta, found, creator)
    at = found.end
  }
  if (at + 8 > prefix.length) {
    if (!isWhole) return { outcome: 'incomplete' }
    // Meta information with nothing behind it is a file with an empty data set.
    if (at === start) return { outcome: 'not-dicom' }
  }
  if (at === start && !startsDataSet(prefix, at)) return { outcome: 'not-dicom' }
  const transferSyntaxUid = meta.transferSyntaxUid ?? guessTransferSyntax(prefix, at)
  return { outcome: 'found', meta, transferSyntaxUid, dataSetOffset: at }
}

function metaStart(prefix: Buffer): number {
  if (prefix.toString('latin1', PREAMBLE_BYTES, PREAMBLE_BYTES + 4) === 'DICM') return PREAMBLE_BYTES + 4
  return prefix.toString('latin1', 0, 4) === 'DICM' ? 4 : 0
}

interface FoundElement {
  readonly number: number
  readonly value: Buffer
  readonly end: number
}

/** Meta information is always Explicit VR Little Endian (PS3.10 7.1); some writers leave the VRs out all the same. */
function readElement(bytes: Buffer, at: number): FoundElement | 'bad' {
  const vr = bytes.toString('latin1', at + 4, at + 6)
  const explicit = isVr(vr)
  const long = explicit && isLongForm(vr)
  const size = long ? 12 : 8
  const length = long ? read32(bytes, at + 8) : explicit ? read16(bytes, at + 6) : read32(bytes, at + 4)
  if (length > MAX_META_BYTES) return 'bad'
  const value = bytes.subarray(at + size, at + size + length)
  return { number: read16(bytes, at + 2), value, end: at + size + length }
}

function take(meta: { -readonly [Key in keyof FileMeta]?: FileMeta[Key] }, found: FoundElement, creator: string): void {
  const { number, value } = found
  const text = value.toString('latin1')
  switch (number) {
    case 0x0002:
      assign(meta, 'sopClassUid', parseUid<SopClassUid>(text))
      break
    case 0x0003:
      assign(meta, 'sopInstanceUid', parseUid<SopInstanceUid>(text))
      break
    case 0x0010:
      assign(meta, 'transferSyntaxUid', parseUid<TransferSyntaxUid>(text))
      break
    case 0x0016:
      assign(meta, 'sourceAe', parseAeTitle(text))
      break
    case 0x0102:
      if (creator === PRIVATE_INFORMATION_CREATOR_UID) meta.privateInformation = Uint8Array.from(value)
      break
  }
}

function assign<Key extends keyof FileMeta>(
  meta: { -readonly [K in keyof FileMeta]?: FileMeta[K] },
  key: Key,
  value: FileMeta[Key] | undefined,
): void {
  if (value !== undefined) meta[key] = value
}

/** Whether these bytes look like the first element of a data set without anything before it. */
function startsDataSet(bytes: Buffer, at: number): boolean {
  const group = read16(bytes, at)
  if (group !== 0x0008 && group !== 0x0004 && group !== 0x0010) return false
  return isVr(bytes.toString('latin1', at + 4, at + 6)) || read32(bytes, at + 4) < MAX_META_BYTES
}

function guessTransferSyntax(bytes: Buffer, at: number): TransferSyntaxUid {
  const explicit = isVr(bytes.toString('latin1', at + 4, at + 6))
  return explicit ? EXPLICIT_VR_LITTLE_ENDIAN.uid : IMPLICIT_VR_LITTLE_ENDIAN.uid
}
