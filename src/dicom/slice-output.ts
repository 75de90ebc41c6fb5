/**
 * Collects what leaves for each slice that comes in: runs of the slice itself as views, everything else as new bytes.
 */
export class SliceOutput {
  #ready: Buffer[] = []
  #slice: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0

  /** Bytes of this slice are valid until `take` was emptied by the reader. */
  begin(slice: Uint8Array): void {
    this.#slice = slice
    this.#start = 0
    this.#end = 0
  }

  copy(bytes: Uint8Array, start: number, end: number): void {
    if (start === end) return
    if (bytes !== this.#slice) {
      this.write(Buffer.from(bytes.subarray(start, end)))
      return
    }
    if (start !== this.#end) {
      this.#flush()
      this.#start = start
    }
    this.#end = end
  }

  /** The bytes belong to the output from now on. */
  write(bytes: Uint8Array): void {
    this.#flush()
    if (bytes.length > 0) this.#ready.push(bufferOf(bytes))
  }

  take(): readonly Buffer[] {
    this.#flush()
    const ready = this.#ready
    this.#ready = []
    return ready
  }

  #flush(): void {
    if (this.#end > this.#start) this.#ready.push(bufferOf(this.#slice.subarray(this.#start, this.#end)))
    this.#start = this.#end
  }
}

/** The same memory as a Buffer. */
export const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
