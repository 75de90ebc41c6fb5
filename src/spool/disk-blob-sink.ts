import type { KurirError } from '../base/failure.ts'
import type { BlobRef } from '../ledger/blob-ref.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { BlobSink, FinishedBlob } from './blob-store.ts'
import type { BufferPool } from './buffer-pool.ts'
import { encodeCommitRecord } from './commit-record.ts'
import type { SpoolCounters } from './counts.ts'
import { type Digest, sha256 } from './digest.ts'
import { BLOCK_BYTES, padded } from './direct-io.ts'
import { closeCut, diskFailure, flushFile, writeAt } from './file-io.ts'
import type { Tray, TrayFile } from './tray.ts'

/** A growing object is flushed each time it has grown by this, so that its last flush is no longer than another's. */
const FLUSH_EVERY = 64 * 1024 * 1024

export interface DiskBlobSinkDeps {
  readonly tray: Pick<Tray, 'putBack' | 'drop'>
  /** Of whole blocks each. */
  readonly chunks: BufferPool
  /** Of one block each. */
  readonly blocks: BufferPool
  readonly counters: SpoolCounters
  readonly node: string
}

/**
 * One blob on its way into a tray file: gathered into large writes of whole blocks, at most one of them under way. The commit
 * record goes along with the last write: within it where it is the whole object, else in the first block, written again.
 */
export class DiskBlobSink implements BlobSink {
  readonly #deps: DiskBlobSinkDeps
  readonly #file: TrayFile
  readonly #id: InstanceId
  readonly #dataSetAt: number
  readonly #digest: Digest = sha256()
  #chunk: Buffer
  /** Bytes gathered in the chunk. */
  #used: number
  /** Where in the file the chunk goes. */
  #position = 0
  /** The file's first block, of an object that is longer than a chunk. */
  #first: Buffer | undefined
  #flushedTo = 0
  #writing: Promise<void> | undefined
  #flushing: Promise<void> | undefined
  #failure: KurirError | undefined
  /** Until a flush has failed: after that nothing the kernel says of this file can be trusted. */
  #usable = true

  /** @param head what stands before the data set: a preamble of zeros, `DICM` and the file meta; less than a chunk */
  constructor(deps: DiskBlobSinkDeps, file: TrayFile, id: InstanceId, head: Uint8Array) {
    this.#deps = deps
    this.#file = file
    this.#id = id
    this.#dataSetAt = head.length
    this.#chunk = deps.chunks.take()
    this.#chunk.set(head)
    this.#used = head.length
  }

  write(slice: Uint8Array): Promise<void> | void {
    if (this.#failure !== undefined) throw this.#failure
    // While the peer is sending the next slice, not when it waits for its answer.
    this.#digest.update(slice)
    if (this.#used + slice.length > this.#chunk.length) return this.#writeOver(slice)
    this.#gather(slice)
  }

  /** When it resolves every byte has found its place: only the flush is left, which a full disk does not refuse. */
  async finish(): Promise<FinishedBlob> {
    if (this.#failure !== undefined) throw this.#failure
    const end = this.#position + this.#used
    const record = {
      id: this.#id,
      dataSetAt: this.#dataSetAt,
      length: end - this.#dataSetAt,
      sha256: this.#digest.end(),
    }
    try {
      await this.#writeRest(encodeCommitRecord(record))
    } catch (error) {
      this.#fail(error)
      throw diskFailure(error)
    }
    this.#deps.counters.blobs += 1
    this.#deps.counters.bytes += record.length
    const { length } = record
    const ref: BlobRef = { store: 'disk', node: this.#deps.node, key: this.#file.key, length, sha256: record.sha256 }
    const durable = this.#makeDurable(end)
    // Its owner awaits it later, beside the ledger's commit.
    durable.catch(() => {})
    return { ref, durable }
  }

  async abort(): Promise<void> {
    await this.#writing
    await this.#flushing
    this.#giveBack()
    await (this.#usable ? this.#deps.tray.putBack(this.#file) : this.#deps.tray.drop(this.#file))
  }

  #gather(slice: Uint8Array): void {
    this.#chunk.set(slice, this.#used)
    this.#used += slice.length
  }

  async #writeOver(slice: Uint8Array): Promise<void> {
    let rest = slice
    while (this.#used + rest.length > this.#chunk.length) {
      const room = this.#chunk.length - this.#used
      this.#gather(rest.subarray(0, room))
      rest = rest.subarray(room)
      await this.#writeChunk()
    }
    this.#gather(rest)
  }

  /** Starts writing a full chunk, once the write before it is over, and goes on with another. */
  async #writeChunk(): Promise<void> {
    await this.#settled()
    const full = this.#chunk
    const at = this.#position
    if (at === 0) {
      this.#first = this.#deps.blocks.take()
      this.#first.set(full.subarray(0, BLOCK_BYTES))
    }
    this.#chunk = this.#deps.chunks.take()
    this.#position += full.length
    this.#used = 0
    this.#writing = this.#write(full, at)
      .then(() => this.#flushGrown())
      .catch((error) => this.#fail(error))
      .finally(() => this.#deps.chunks.giveBack(full))
  }

  #write(blocks: Uint8Array, at: number): Promise<void> {
    this.#deps.counters.writes += 1
    return writeAt(this.#file.fd, blocks, at)
  }

  /** Waits for the write under way. @throws KurirError when any write or flush of this object has failed */
  async #settled(): Promise<void> {
    await this.#writing
    if (this.#failure !== undefined) throw this.#failure
  }

  async #flushGrown(): Promise<void> {
    if (this.#position - this.#flushedTo < FLUSH_EVERY) return
    this.#flushedTo = this.#position
    await this.#flushing
    this.#flushing = this.#flush().catch((error) => {
      this.#usable = false
      this.#fail(error)
    })
  }

  async #makeDurable(end: number): Promise<void> {
    try {
      await this.#flush()
    } catch (error) {
      // The kernel may have forgotten the dirty pages: asking again would answer that all is well.
      await this.#deps.tray.drop(this.#file)
      throw diskFailure(error)
    } finally {
      this.#giveBack()
    }
    closeCut(this.#file.fd, end)
  }

  /** The last chunk and the commit record, side by side; every write is of whole blocks. */
  async #writeRest(record: Buffer): Promise<void> {
    const last = this.#chunk.fill(0, this.#used, padded(this.#used)).subarray(0, padded(this.#used))
    const first = this.#first
    record.copy(first ?? last)
    const writes = [this.#write(last, this.#position), first === undefined ? undefined : this.#write(first, 0)]
    // All of them end before a buffer goes back, whichever fails.
    const ends = await Promise.allSettled([this.#writing, ...writes])
    await this.#flushing
    for (const outcome of ends) if (outcome.status === 'rejected') throw outcome.reason
    if (this.#failure !== undefined) throw this.#failure
  }

  #flush(): Promise<void> {
    this.#deps.counters.fileFlushes += 1
    return flushFile(this.#file.fd)
  }

  #giveBack(): void {
    this.#deps.chunks.giveBack(this.#chunk)
    if (this.#first !== undefined) this.#deps.blocks.giveBack(this.#first)
  }

  #fail(error: unknown): void {
    this.#failure ??= diskFailure(error)
    if (this.#failure.code !== 'disk-full') this.#usable = false
  }
}
