import { constants, fstatSync } from 'node:fs'
import { hasErrno } from '../base/failure.ts'
import { type FileMeta, readFileMeta } from '../dicom/file-meta.ts'
import { TRAILING_PADDING_HEAD_BYTES } from '../dicom/trailing-padding.ts'
import { type CommitRecord, PREAMBLE_BYTES, readCommitRecord } from './commit-record.ts'
import { sha256 } from './digest.ts'
import { padded } from './direct-io.ts'
import { closeFile, flushFile, openFile, readAt, truncateFile } from './file-io.ts'
import type { HeaderReading } from './header-reading.ts'

const READ_WRITE = constants.O_RDWR | constants.O_NOFOLLOW
const SLICE_BYTES = 1024 * 1024

/**
 * What a file of the spool is. `empty`: a tray file. `unfinished`: no valid commit record. `damaged`: a valid record over
 * other bytes. `whole`: what the record says, and flushed once more, for the process may have died before its own flush.
 */
export type Inspection =
  | { readonly kind: 'missing' | 'empty' | 'unfinished' | 'damaged' }
  | { readonly kind: 'whole'; readonly record: CommitRecord; readonly meta: FileMeta | undefined }

/** Reads whole blobs at a start, one after the other through one buffer. */
export class BlobInspector {
  readonly #buffer = Buffer.allocUnsafeSlow(SLICE_BYTES)

  /** @param reading is given the data set, to read its header again */
  async inspect(path: string, reading?: (meta: FileMeta) => Pick<HeaderReading, 'push'>): Promise<Inspection> {
    const fd = await openIfThere(path)
    if (fd === undefined) return { kind: 'missing' }
    try {
      return await this.#inspect(fd, reading)
    } finally {
      await closeFile(fd)
    }
  }

  /** Makes an unfinished file a tray file again. */
  async empty(path: string): Promise<void> {
    const fd = await openFile(path, READ_WRITE)
    try {
      await truncateFile(fd)
    } finally {
      await closeFile(fd)
    }
  }

  async #inspect(fd: number, reading?: (meta: FileMeta) => Pick<HeaderReading, 'push'>): Promise<Inspection> {
    const { size } = fstatSync(fd)
    if (size === 0) return { kind: 'empty' }
    const head = this.#buffer.subarray(0, await readAt(fd, this.#buffer.subarray(0, SLICE_BYTES), 0))
    const record = readCommitRecord(head.subarray(0, PREAMBLE_BYTES))
    if (record === undefined) return { kind: 'unfinished' }
    const end = record.dataSetAt + record.length
    if (size < end || size > padded(end + TRAILING_PADDING_HEAD_BYTES) || record.dataSetAt > head.length)
      return { kind: 'damaged' }
    const meta = readFileMeta(Buffer.from(head.subarray(0, record.dataSetAt)))?.meta
    const into = meta === undefined ? undefined : reading?.(meta)
    if (!(await this.#matches(fd, record, into))) return { kind: 'damaged' }
    await flushFile(fd)
    return { kind: 'whole', record, meta }
  }

  async #matches(fd: number, record: CommitRecord, into: Pick<HeaderReading, 'push'> | undefined): Promise<boolean> {
    const digest = sha256()
    for (let at = 0; at < record.length; ) {
      const slice = this.#buffer.subarray(0, Math.min(SLICE_BYTES, record.length - at))
      const read = await readAt(fd, slice, record.dataSetAt + at)
      if (read < slice.length) return false
      digest.update(slice)
      into?.push(slice)
      at += read
    }
    return digest.end() === record.sha256
  }
}

async function openIfThere(path: string): Promise<number | undefined> {
  try {
    return await openFile(path, READ_WRITE)
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}
