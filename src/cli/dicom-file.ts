import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { hasErrno, KurirError } from '../base/failure.ts'
import { type FoundFileMeta, findFileMeta } from '../dicom/file-meta.ts'
import { HeaderCollector, type ScanResult } from '../dicom/scan.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'

const PREFIX_BYTES = 512 * 1024

/** A Part 10 file (PS3.10) whose head has been read. */
export interface DicomFile extends FoundFileMeta {
  readonly path: string
  /** The data set as it stands. */
  dataSet(): AsyncIterable<Uint8Array>
}

/** @throws KurirError `not-found` when there is no such file, `unreadable`, `invalid-dataset` when it is not DICOM */
export async function openDicomFile(path: string): Promise<DicomFile> {
  const prefix = await readPrefix(path)
  const found = findFileMeta(prefix, prefix.length < PREFIX_BYTES)
  if (found.outcome !== 'found') throw new KurirError('invalid-dataset', 'permanent', `${path} is not a DICOM file`)
  return {
    ...found,
    path,
    dataSet: () => createReadStream(path, { start: found.dataSetOffset, highWaterMark: 256 * 1024 }),
  }
}

/** Scans the header as a door would while receiving. */
export async function scanFile(file: DicomFile): Promise<ScanResult> {
  const collector = new HeaderCollector(transferSyntaxOf(file.transferSyntaxUid))
  for await (const slice of file.dataSet()) {
    collector.push(slice)
    if (collector.isDone) break
  }
  return await collector.finish()
}

async function readPrefix(path: string): Promise<Buffer> {
  try {
    await using handle = await open(path)
    const buffer = Buffer.alloc(PREFIX_BYTES)
    const { bytesRead } = await handle.read(buffer, 0, PREFIX_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) throw new KurirError('not-found', 'permanent', `${path} does not exist`)
    if (hasErrno(error, 'EISDIR')) throw new KurirError('invalid-dataset', 'permanent', `${path} is a folder`)
    throw new KurirError('unreadable', 'permanent', `${path} cannot be read`, { cause: error })
  }
}
