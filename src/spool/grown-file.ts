import type { KurirError } from '../base/failure.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { SpoolCounters } from './counts.ts'
import { BLOCK_BYTES } from './direct-io.ts'
import { closeFile, diskFailure, flushFile, writeAt } from './file-io.ts'

export interface GrownFileDeps {
  /** Of whole blocks each. */
  readonly chunks: BufferPool
  /** Of one block each. */
  readonly blocks: BufferPool
  readonly counters: SpoolCounters
  /** The file is flushed each time it has grown by so many bytes, so that its last flush is no longer than another's. */
  readonly flushEvery: number
}

/** A file of several writes, at most one of them under way until the end. Its first block is kept, to be written again. */
export class GrownFile {
  readonly #fd: number
  readonly #deps: GrownFileDeps
  readonly #first: Buffer
  #size = 0
  #flushedTo = 0
  #writing: Promise<void> | undefined
  #flushing: Promise<void> | undefined
  #failure: KurirError | undefined
  /** Whether a flush has failed: nothing that the kernel says of this file can be trusted then. */
  isDoubtful = false

  /** @param fd closed with `close` */
  constructor(fd: number, deps: GrownFileDeps) {
    this.#fd = fd
    this.#deps = deps
    this.#first = deps.blocks.take()
  }

  /** Bytes that it was given. */
  get size(): number {
    return this.#size
  }

  /** Why a write or a flush has failed. */
  get failure(): KurirError | undefined {
    return this.#failure
  }

  /** Starts writing a chunk, once the write before it is over; the chunk goes back to its pool then. */
  async add(chunk: Buffer): Promise<void> {
    await this.#settled()
    const at = this.#size
    if (at === 0) this.#first.set(chunk.subarray(0, BLOCK_BYTES))
    this.#size += chunk.length
    this.#writing = this.#write(chunk, at)
      .then(() => this.#flushGrown())
      .catch((error) => this.#fail(error))
      .finally(() => this.#deps.chunks.giveBack(chunk))
  }

  /**
   * The last chunk, the commit record, and the flush of everything. The record waits for the write that is under way: that
   * may be the one that began the file, and of two writes to one block either may be the later.
   */
  async end(last: Buffer, record: Buffer): Promise<void> {
    record.copy(this.#first)
    const writes = [this.#write(last, this.#size), this.#settled().then(() => this.#write(this.#first, 0))]
    // All of them end before a buffer goes back, whichever fails.
    const ends = await Promise.allSettled(writes)
    await this.#flushing
    for (const outcome of ends) if (outcome.status === 'rejected') throw outcome.reason
    await this.#settled()
    await this.#flush()
  }

  /** When nothing is under way any more. */
  async close(): Promise<void> {
    await this.#writing
    await this.#flushing
    this.#deps.blocks.giveBack(this.#first)
    await closeFile(this.#fd).catch(() => {})
  }

  #write(blocks: Uint8Array, at: number): Promise<void> {
    this.#deps.counters.writes += 1
    return writeAt(this.#fd, blocks, at)
  }

  async #settled(): Promise<void> {
    await this.#writing
    if (this.#failure !== undefined) throw this.#failure
  }

  async #flushGrown(): Promise<void> {
    if (this.#size - this.#flushedTo < this.#deps.flushEvery) return
    this.#flushedTo = this.#size
    await this.#flushing
    this.#flushing = this.#flush().catch((error) => {
      this.isDoubtful = true
      this.#fail(error)
    })
  }

  #flush(): Promise<void> {
    this.#deps.counters.fileFlushes += 1
    return flushFile(this.#fd)
  }

  #fail(error: unknown): void {
    this.#failure ??= diskFailure(error)
    if (this.#failure.code !== 'disk-full') this.isDoubtful = true
  }
}
