import { alignedBuffer } from './direct-io.ts'

/** Aligned buffers of one size that go round, so that receiving makes no garbage of that size. */
export class BufferPool {
  readonly #free: Buffer[] = []
  readonly #sizeBytes: number
  readonly #keep: number

  /** @param keep how many unused ones are held on to */
  constructor(sizeBytes: number, keep: number) {
    this.#sizeBytes = sizeBytes
    this.#keep = keep
  }

  /** Holds whatever was in it before. */
  take(): Buffer {
    return this.#free.pop() ?? alignedBuffer(this.#sizeBytes)
  }

  giveBack(buffer: Buffer): void {
    if (this.#free.length < this.#keep) this.#free.push(buffer)
  }
}
