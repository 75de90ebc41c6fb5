import { hash } from 'node:crypto'
import type { InstanceId } from '../ledger/ids.ts'

/** Bytes before the `DICM` of a Part 10 file, which are an application's own (PS3.10 7.1). */
export const PREAMBLE_BYTES = 128

/** What the preamble of a finished blob says. A file without a valid one was never finished. */
export interface CommitRecord {
  readonly id: InstanceId
  /** Where the data set begins: preamble, `DICM` and file meta. */
  readonly dataSetAt: number
  /** Bytes of the data set. */
  readonly length: number
  /** SHA-256 of the data set, lower-case hexadecimal. */
  readonly sha256: string
}

// The first byte can be neither a TIFF nor an executable; the rest reads well in a hex dump.
const MAGIC = Buffer.from('\x89KURIR\r\n', 'latin1')
const VERSION = 1
const AT = { magic: 0, version: 8, dataSetAt: 12, length: 16, sha256: 24, id: 56, check: 72, end: 88 } as const

/** The 128 bytes; those after the record are zero. A check over the record itself tells a torn one from a whole one. */
export function encodeCommitRecord(record: CommitRecord): Buffer {
  const bytes = Buffer.alloc(PREAMBLE_BYTES)
  MAGIC.copy(bytes, AT.magic)
  bytes.writeUInt32LE(VERSION, AT.version)
  bytes.writeUInt32LE(record.dataSetAt, AT.dataSetAt)
  bytes.writeBigUInt64LE(BigInt(record.length), AT.length)
  bytes.write(record.sha256, AT.sha256, 'hex')
  bytes.write(record.id.replaceAll('-', ''), AT.id, 'hex')
  checkOf(bytes).copy(bytes, AT.check)
  return bytes
}

/** Undefined for anything but a whole record of ours: an unfinished file, a foreign one, a damaged one. */
export function readCommitRecord(bytes: Buffer): CommitRecord | undefined {
  if (bytes.length < PREAMBLE_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (bytes.readUInt32LE(AT.version) !== VERSION) return undefined
  if (!checkOf(bytes).equals(bytes.subarray(AT.check, AT.end))) return undefined
  return {
    id: uuid(bytes.toString('hex', AT.id, AT.check)) as InstanceId,
    dataSetAt: bytes.readUInt32LE(AT.dataSetAt),
    length: Number(bytes.readBigUInt64LE(AT.length)),
    sha256: bytes.toString('hex', AT.sha256, AT.id),
  }
}

const checkOf = (bytes: Buffer): Buffer =>
  hash('sha256', bytes.subarray(0, AT.check), 'buffer').subarray(0, AT.end - AT.check)

const uuid = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
