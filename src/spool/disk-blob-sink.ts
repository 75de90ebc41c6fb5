import type { KurirError } from '../base/failure.ts'
import type { BlobRef } from '../ledger/blob-ref.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { BlobSink, FinishedBlob } from './blob-store.ts'
import type { BufferPool } from './buffer-pool.ts'
import { encodeCommitRecord, PREAMBLE_BYTES } from './commit-record.ts'
import type { SpoolCounters } from './counts.ts'
import { type Digest, sha256 } from './digest.ts'
import { closeFlushed, diskFailure, flushFile, writeAt } from './file-io.ts'
import type { Tray, TrayFile } from './tray.ts'

/** A slice of at least this many bytes is written as it is; smaller ones are gathered. */
const LARGE_SLICE = 256 * 1024
/** A growing object is flushed each time it has grown by this, so that its last flush is no longer than another's. */
const FLUSH_EVERY = 64 * 1024 * 1024

export interface DiskBlobSinkDeps {
  readonly tray: Pick<Tray, 'putBack' | 'drop'>
  readonly pool: BufferPool
  readonly counters: SpoolCounters
  readonly node: string
}

/** One blob on its way into a tray file: gathered into large writes, at most one of them under way. */
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
    this.#chunk = deps.pool.take()
    this.#chunk.set(head)
    this.#used = head.length
  }

  write(slice: Uint8Array): Promise<void> | void {
    if (this.#failure !== undefined) throw this.#failure
    // While the peer is sending the next slice, not when it waits for its answer.
    this.#digest.update(slice)
    if (slice.length >= LARGE_SLICE) return this.#writeLarge(slice)
    if (this.#used + slice.length > this.#chunk.length) return this.#writeOver(slice)
    this.#gather(slice)
  }

  async finish(): Promise<FinishedBlob> {
    await this.#settled()
    const length = this.#position + this.#used - this.#dataSetAt
    const record = { id: this.#id, dataSetAt: this.#dataSetAt, length, sha256: this.#digest.end() }
    this.#deps.counters.blobs += 1
    this.#deps.counters.bytes += length
    const ref: BlobRef = { store: 'disk', node: this.#deps.node, key: this.#file.key, length, sha256: record.sha256 }
    const durable = this.#makeDurable(encodeCommitRecord(record))
    // Its owner awaits it later, beside the ledger's commit.
    durable.catch(() => {})
    return { ref, durable }
  }

  async abort(): Promise<void> {
    await this.#writing
    await this.#flushing
    this.#deps.pool.giveBack(this.#chunk)
    await (this.#usable ? this.#deps.tray.putBack(this.#file) : this.#deps.tray.drop(this.#file))
  }

  #gather(slice: Uint8Array): void {
    this.#chunk.set(slice, this.#used)
    this.#used += slice.length
  }

  async #writeOver(slice: Uint8Array): Promise<void> {
    const room = this.#chunk.length - this.#used
    this.#gather(slice.subarray(0, room))
    const rest = slice.subarray(room)
    await this.#writeChunk()
    this.#gather(rest)
  }

  async #writeLarge(slice: Uint8Array): Promise<void> {
    await this.#writeChunk()
    await this.#settled()
    this.#begin(slice)
    await this.#settled()
  }

  /** Starts writing what was gathered, once the write before it is over, and goes on with another chunk. */
  async #writeChunk(): Promise<void> {
    if (this.#used === 0) return
    await this.#settled()
    const full = this.#chunk
    this.#begin(full.subarray(0, this.#used), () => this.#deps.pool.giveBack(full))
    this.#chunk = this.#deps.pool.take()
    this.#used = 0
  }

  #begin(bytes: Uint8Array, after: () => void = () => {}): void {
    const at = this.#position
    this.#position += bytes.length
    this.#deps.counters.writes += 1
    this.#writing = writeAt(this.#file.fd, bytes, at)
      .then(() => this.#flushGrown())
      .catch((error) => this.#fail(error))
      .finally(after)
  }

  /** Where it is the whole object, the commit record goes along in the one write. */
  async #writeLast(record: Buffer): Promise<void> {
    const whole = this.#position === 0
    if (whole) record.copy(this.#chunk)
    this.#begin(this.#chunk.subarray(0, this.#used))
    const recorded = whole ? undefined : writeAt(this.#file.fd, record.subarray(0, PREAMBLE_BYTES), 0)
    await recorded?.catch((error) => this.#fail(error))
    await this.#settled()
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

  async #makeDurable(record: Buffer): Promise<void> {
    try {
      await this.#writeLast(record)
      await this.#flushing
      if (this.#failure !== undefined) throw this.#failure
      await this.#flush()
    } catch (error) {
      // The kernel may have forgotten the dirty pages: asking again would answer that all is well.
      await this.#deps.tray.drop(this.#file)
      throw diskFailure(error)
    } finally {
      this.#deps.pool.giveBack(this.#chunk)
    }
    closeFlushed(this.#file.fd)
  }

  #flush(): Promise<void> {
    this.#deps.counters.fileFlushes += 1
    return flushFile(this.#file.fd)
  }

  #fail(error: unknown): void {
    this.#failure ??= diskFailure(error)
    if (this.#failure.code !== 'disk-full') this.#usable = false
  }
}
