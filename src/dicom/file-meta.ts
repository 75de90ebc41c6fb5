import { type AeTitle, parseAeTitle } from './ae-title.ts'
import { read16, read32 } from './byte-order.ts'
import { IMPLEMENTATION_CLASS_UID, PRIVATE_INFORMATION_CREATOR_UID } from './identity.ts'
import { EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN } from './transfer-syntax.ts'
import { parseUid, type SopClassUid, type SopInstanceUid, type TransferSyntaxUid, type Uid, unpadUid } from './uid.ts'
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
  const { sourceAe, privateInformation } = meta
  const elements = Buffer.concat([
    element(0x0001, 'OB', Buffer.of(0, 1)),
    element(0x0002, 'UI', uidBytes(meta.sopClassUid)),
    element(0x0003, 'UI', uidBytes(meta.sopInstanceUid)),
    element(0x0010, 'UI', uidBytes(meta.transferSyntaxUid)),
    element(0x0012, 'UI', uidBytes(IMPLEMENTATION_CLASS_UID)),
    ...(sourceAe === undefined ? [] : [element(0x0016, 'AE', padded(Buffer.from(sourceAe, 'latin1'), 0x20))]),
    ...(privateInformation === undefined
      ? []
      : [
          element(0x0100, 'UI', uidBytes(PRIVATE_INFORMATION_CREATOR_UID)),
          element(0x0102, 'OB', padded(Buffer.from(privateInformation), 0)),
        ]),
  ])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(elements.length)
  return Buffer.concat([element(0x0000, 'UL', length), elements])
}

/** All that stands before the data set: 128 zero bytes, `DICM`, and `encodeFileMeta`. */
export function encodePart10Head(meta: FileMeta): Buffer {
  return Buffer.concat([Buffer.alloc(PREAMBLE_BYTES), Buffer.from('DICM', 'latin1'), encodeFileMeta(meta)])
}

const uidBytes = (uid: Uid): Buffer => padded(Buffer.from(uid, 'latin1'), 0)

const padded = (value: Buffer, padding: number): Buffer =>
  value.length % 2 === 0 ? value : Buffer.concat([value, Buffer.of(padding)])

function element(number: number, vr: string, value: Buffer): Buffer {
  const long = isLongForm(vr)
  const head = Buffer.alloc(long ? 12 : 8)
  head.writeUInt16LE(0x0002, 0)
  head.writeUInt16LE(number, 2)
  head.write(vr, 4, 'latin1')
  if (long) head.writeUInt32LE(value.length, 8)
  else head.writeUInt16LE(value.length, 6)
  return Buffer.concat([head, value])
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
