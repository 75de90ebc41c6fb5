import { CONTROL, PDU_HEADER, PDV_HEADER, writeDataHeaders } from './pdu.ts'

const HEADERS = PDU_HEADER + PDV_HEADER
const BLOCK = 256 * 1024
/** A fragment shorter than this is not begun at the end of a block. */
const LEAST_FRAGMENT = 1024

/** Where blocks of whole PDUs go. `done` comes once: when they are written, or never will be. */
export type WriteBlock = (pdus: Buffer, done: () => void) => void

/**
 * Packs a data set of unknown length into P-DATA-TF PDUs (PS3.8 Annex E), several to a block, so that a block is one
 * write to the socket. Slices are copied, which is cheap, and frees their owner at once. The fragment under way is
 * closed only when more comes or the data set ends, because only the last one may say that it is the last.
 */
export class MessageWriter {
  readonly #write: WriteBlock
  readonly #mostFragment: number
  readonly #free: Buffer[] = []
  #blocksLeft = 2
  #waiting: PromiseWithResolvers<void> | undefined
  #contextId = 0
  #block: Buffer | undefined
  /** Bytes of the block in use, the open fragment included. */
  #used = 0
  /** Where the open fragment's PDU begins. */
  #pduAt = 0
  #fragmentEnd = 0

  /** @param sendLength the longest P-DATA-TF the peer takes, in bytes after its header: even, at least 128 */
  constructor(sendLength: number, write: WriteBlock) {
    this.#write = write
    this.#mostFragment = Math.min(sendLength - PDV_HEADER, BLOCK - HEADERS) & ~1
  }

  /** Begins a message with its command set, already in PDUs, of at most a few hundred bytes. */
  async begin(contextId: number, commandPdus: Buffer): Promise<void> {
    this.#contextId = contextId
    if (commandPdus.length > BLOCK / 4) {
      await new Promise<void>((resolve) => this.#write(commandPdus, resolve))
      await this.#takeBlock()
    } else {
      await this.#takeBlock()
      this.#used = this.#block === undefined ? 0 : commandPdus.copy(this.#block)
    }
    this.#openFragment()
  }

  /** Adds a piece of the data set. Undefined when all of it went in at once; the slice is free when this resolves. */
  append(slice: Uint8Array): Promise<void> | undefined {
    const taken = this.#fill(slice, 0)
    return taken === slice.length ? undefined : this.#appendRest(slice, taken)
  }

  /** The data set is complete: pads an odd length with one NUL (PS3.5 7.1, A.5) and resolves when all is written. */
  async finish(): Promise<void> {
    const block = this.#block
    if (block === undefined) return
    if ((this.#used - this.#pduAt) % 2 === 1) block[this.#used++] = 0
    this.#closeFragment(block, CONTROL.last)
    await new Promise<void>((resolve) => this.#flush(block, resolve))
  }

  async #appendRest(slice: Uint8Array, from: number): Promise<void> {
    let at = from
    while (at < slice.length) {
      if (this.#block !== undefined) {
        this.#closeFragment(this.#block, 0)
        if (BLOCK - this.#used < HEADERS + LEAST_FRAGMENT) {
          this.#flush(this.#block)
          await this.#takeBlock()
        }
      }
      this.#openFragment()
      at += this.#fill(slice, at)
    }
  }

  /** Copies what goes into blocks at hand, and says how much that was. */
  #fill(slice: Uint8Array, from: number): number {
    const block = this.#block
    if (block === undefined) return 0
    const take = Math.min(slice.length - from, this.#fragmentEnd - this.#used)
    block.set(take === slice.length ? slice : slice.subarray(from, from + take), this.#used)
    this.#used += take
    return take
  }

  #openFragment(): void {
    this.#pduAt = this.#used
    this.#used += HEADERS
    this.#fragmentEnd = Math.min(this.#used + this.#mostFragment, this.#used + ((BLOCK - this.#used) & ~1))
  }

  #closeFragment(block: Buffer, control: number): void {
    writeDataHeaders(block, this.#pduAt, this.#contextId, control, this.#used - this.#pduAt - HEADERS)
  }

  #flush(block: Buffer, done?: () => void): void {
    this.#block = undefined
    this.#write(block.subarray(0, this.#used), () => {
      this.#free.push(block)
      this.#waiting?.resolve()
      this.#waiting = undefined
      done?.()
    })
  }

  async #takeBlock(): Promise<void> {
    this.#used = 0
    const free = this.#free.pop()
    if (free !== undefined) this.#block = free
    else if (this.#blocksLeft > 0) {
      this.#blocksLeft -= 1
      this.#block = Buffer.allocUnsafeSlow(BLOCK)
    } else {
      this.#waiting = Promise.withResolvers<void>()
      await this.#waiting.promise
      this.#block = this.#free.pop()
    }
  }
}
