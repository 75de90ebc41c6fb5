import { constants } from 'node:fs'
import { hasErrno, KurirError } from '../base/failure.ts'
import type { BlobRef } from '../ledger/blob-ref.ts'
import type { BufferPool } from './buffer-pool.ts'
import { type CommitRecord, PREAMBLE_BYTES, readCommitRecord } from './commit-record.ts'
import { type Digest, sha256 } from './digest.ts'
import { closeFile, diskFailure, openFile, readAt } from './file-io.ts'

const READ_ONLY = constants.O_RDONLY | constants.O_NOFOLLOW

/**
 * The data set of a blob, in slices of a buffer's size; the preamble and the file meta never come out. While one slice is
 * in use the next is being read, into the other of two buffers.
 *
 * Read from 0, every slice but the last comes out as it is read, and the last only when the SHA-256 of all has matched.
 * Read from a later byte there is nothing to compare with.
 *
 * @throws KurirError `blob-missing`, `blob-corrupt`, `disk-io`
 */
export async function* readDataSet(
  path: string,
  ref: BlobRef,
  start: number,
  pool: BufferPool,
): AsyncGenerator<Uint8Array> {
  const fd = await openBlob(path)
  const slices = new Slices(fd, pool)
  try {
    const { dataSetAt } = await matchingRecord(fd, ref)
    const digest = start === 0 ? sha256() : undefined
    slices.begin(dataSetAt + start, dataSetAt + ref.length)
    for (let slice = await slices.next(); slice !== undefined; slice = await slices.next()) {
      digest?.update(slice)
      if (slices.isLast) expectDigest(digest, ref)
      yield slice
    }
    if (start === 0 && ref.length === 0) expectDigest(digest, ref)
  } catch (error) {
    throw diskFailure(error)
  } finally {
    await slices.close()
  }
}

async function openBlob(path: string): Promise<number> {
  try {
    return await openFile(path, READ_ONLY)
  } catch (cause) {
    if (hasErrno(cause, 'ENOENT')) throw new KurirError('blob-missing', 'permanent', 'the blob is not there', { cause })
    throw diskFailure(cause)
  }
}

async function matchingRecord(fd: number, ref: BlobRef): Promise<CommitRecord> {
  const preamble = Buffer.allocUnsafe(PREAMBLE_BYTES)
  const read = await readAt(fd, preamble, 0)
  const record = read === PREAMBLE_BYTES ? readCommitRecord(preamble) : undefined
  if (record === undefined) throw corrupt('its commit record is damaged')
  if (record.length !== ref.length || record.sha256 !== ref.sha256) throw corrupt('it is not the one that was admitted')
  return record
}

function expectDigest(digest: Digest | undefined, ref: BlobRef): void {
  if (digest !== undefined && digest.end() !== ref.sha256) throw corrupt('its bytes have changed')
}

const corrupt = (how: string): KurirError => new KurirError('blob-corrupt', 'permanent', `a blob is corrupt: ${how}`)

/** A range of a file, one buffer ahead of the reader. */
class Slices {
  readonly #fd: number
  readonly #pool: BufferPool
  #position = 0
  #end = 0
  #current: Buffer | undefined
  #ahead: Promise<Buffer | undefined> = Promise.resolve(undefined)
  /** Whether the slice that came last is the end of the range. */
  isLast = false

  constructor(fd: number, pool: BufferPool) {
    this.#fd = fd
    this.#pool = pool
  }

  begin(position: number, end: number): void {
    this.#position = position
    this.#end = end
    this.#readAhead()
  }

  /** Valid until the next call. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.isLast) return undefined
    const buffer = await this.#ahead
    if (buffer === undefined) return undefined
    if (this.#current !== undefined) this.#pool.giveBack(this.#current)
    this.#current = buffer
    const slice = buffer.subarray(0, Math.min(buffer.length, this.#end - this.#position))
    this.#position += slice.length
    this.isLast = this.#position >= this.#end
    if (!this.isLast) this.#readAhead()
    return slice
  }

  async close(): Promise<void> {
    // A read under way still writes into its buffer: both go back only when it is over.
    const ahead = await this.#ahead.catch(() => undefined)
    if (this.#current !== undefined) this.#pool.giveBack(this.#current)
    if (ahead !== undefined && ahead !== this.#current) this.#pool.giveBack(ahead)
    await closeFile(this.#fd)
  }

  #readAhead(): void {
    this.#ahead = this.#position >= this.#end ? Promise.resolve(undefined) : this.#read(this.#position)
    this.#ahead.catch(() => {})
  }

  async #read(position: number): Promise<Buffer> {
    const buffer = this.#pool.take()
    const wanted = Math.min(buffer.length, this.#end - position)
    if ((await readAt(this.#fd, buffer.subarray(0, wanted), position)) < wanted) throw corrupt('it is too short')
    return buffer
  }
}
