import { constants } from 'node:fs'
import { hasErrno, KurirError } from '../base/failure.ts'
import type { BlobRef } from '../ledger/blob-ref.ts'
import type { BufferPool } from './buffer-pool.ts'
import { type CommitRecord, PREAMBLE_BYTES, readCommitRecord } from './commit-record.ts'
import { type Digest, sha256 } from './digest.ts'
import { BLOCK_BYTES } from './direct-io.ts'
import { closeNow, diskFailure, openFile, readBlocksAt } from './file-io.ts'

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
  flags: number,
): AsyncGenerator<Uint8Array> {
  const fd = await openBlob(path, flags)
  const slices = new Slices(fd, pool)
  try {
    const { dataSetAt } = matchingRecord(await slices.head(), ref)
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

async function openBlob(path: string, flags: number): Promise<number> {
  try {
    return await openFile(path, READ_ONLY | flags)
  } catch (cause) {
    if (hasErrno(cause, 'ENOENT')) throw new KurirError('blob-missing', 'permanent', 'the blob is not there', { cause })
    throw diskFailure(cause)
  }
}

function matchingRecord(head: Buffer, ref: BlobRef): CommitRecord {
  const record = readCommitRecord(head)
  if (record === undefined) throw corrupt('its commit record is damaged')
  if (record.length !== ref.length || record.sha256 !== ref.sha256) throw corrupt('it is not the one that was admitted')
  return record
}

function expectDigest(digest: Digest | undefined, ref: BlobRef): void {
  if (digest !== undefined && digest.end() !== ref.sha256) throw corrupt('its bytes have changed')
}

const corrupt = (how: string): KurirError => new KurirError('blob-corrupt', 'permanent', `a blob is corrupt: ${how}`)

interface Part {
  readonly buffer: Buffer
  /** Where in the file the buffer begins, on a block. */
  readonly at: number
  /** How far the file reaches into it. */
  readonly length: number
}

/** A range of a file, one buffer ahead of the reader; every read is of whole blocks. */
class Slices {
  readonly #fd: number
  readonly #pool: BufferPool
  #position = 0
  #end = 0
  #current: Part | undefined
  #ahead: Promise<Part | undefined> = Promise.resolve(undefined)
  /** Whether the slice that came last is the end of the range. */
  isLast = false

  constructor(fd: number, pool: BufferPool) {
    this.#fd = fd
    this.#pool = pool
  }

  /** The first bytes of the file, as many as a commit record has; fewer of a shorter file. Asked for before `begin`. */
  async head(): Promise<Buffer> {
    this.#ahead = this.#read(0)
    this.#ahead.catch(() => {})
    const part = await this.#ahead
    return part === undefined ? Buffer.alloc(0) : part.buffer.subarray(0, Math.min(part.length, PREAMBLE_BYTES))
  }

  /** From here on the range. What `head` has read of it is not read again. */
  begin(position: number, end: number): void {
    this.#position = position
    this.#end = end
    const head = this.#ahead
    if (position >= end) return
    this.#ahead = head.then((part) => {
      if (part !== undefined && position < part.buffer.length) return part
      if (part !== undefined) this.#pool.giveBack(part.buffer)
      return this.#read(position)
    })
    this.#ahead.catch(() => {})
  }

  /** Valid until the next call. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.isLast || this.#position >= this.#end) return undefined
    const part = await this.#ahead
    if (part === undefined) return undefined
    if (this.#current !== undefined) this.#pool.giveBack(this.#current.buffer)
    this.#current = part
    const until = Math.min(part.at + part.buffer.length, this.#end)
    if (part.at + part.length < until) throw corrupt('it is too short')
    const slice = part.buffer.subarray(this.#position - part.at, until - part.at)
    this.#position = until
    this.isLast = until >= this.#end
    if (!this.isLast) this.#readAhead()
    return slice
  }

  async close(): Promise<void> {
    // A read under way still writes into its buffer: both go back only when it is over.
    const ahead = await this.#ahead.catch(() => undefined)
    if (this.#current !== undefined) this.#pool.giveBack(this.#current.buffer)
    if (ahead !== undefined && ahead !== this.#current) this.#pool.giveBack(ahead.buffer)
    closeNow(this.#fd)
  }

  #readAhead(): void {
    this.#ahead = this.#read(this.#position)
    this.#ahead.catch(() => {})
  }

  async #read(position: number): Promise<Part> {
    const buffer = this.#pool.take()
    const at = position - (position % BLOCK_BYTES)
    try {
      return { buffer, at, length: await readBlocksAt(this.#fd, buffer, at) }
    } catch (error) {
      this.#pool.giveBack(buffer)
      throw error
    }
  }
}
