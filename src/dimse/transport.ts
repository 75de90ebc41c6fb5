import type { Socket } from 'node:net'
import type { Clock, Milliseconds, Timer } from '../base/clock.ts'
import { OneBufferSocket } from './one-buffer-socket.ts'
import { Watch } from './watch.ts'

/** Who reads what a transport receives. */
export interface TransportUser {
  /** A chunk to read to its end; the next one comes when the promise has resolved. May throw or reject. */
  feed(chunk: Buffer): void | Promise<void>
  /** Called after every chunk, when nothing is being read. */
  rested(): void
  /** `feed` threw or rejected. */
  failed(error: unknown): void
  /** The peer sends no more; everything before was fed. */
  finished(): void
  /** What was written is not being taken. */
  stalled(): void
  /** The connection is gone. Comes once. */
  gone(): void
}

/** Smaller chunks may share an allocation, and weigh little. */
const WORTH_FREEING = 4_096

/** A TCP or TLS connection that is read one chunk at a time and written with a limit on standing still. */
export class Transport {
  readonly #socket: Socket
  readonly #user: TransportUser
  readonly #clock: Clock
  readonly #networkLimit: Milliseconds
  readonly #writing: Watch
  #writesOpen = 0
  #drained: PromiseWithResolvers<void> | undefined
  #waitingChunks: Buffer[] = []
  #busy = false
  #discarding = false
  #finished = false
  #gone = false
  #closing: Timer | undefined

  constructor(socket: Socket, user: TransportUser, clock: Clock, networkLimit: Milliseconds) {
    this.#socket = socket
    this.#user = user
    this.#clock = clock
    this.#networkLimit = networkLimit
    this.#writing = new Watch(clock, () => user.stalled())
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    if (socket instanceof OneBufferSocket) socket.readWith((chunk) => this.#receiveLent(chunk))
    else socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('end', () => this.#finish())
    socket.on('drain', () => this.#releaseWriters())
    // What went wrong with a socket is always followed by 'close'.
    socket.on('error', () => {})
    socket.on('close', () => this.#close())
  }

  /** Whether a chunk is being worked on: the peer is waited for by nobody. */
  get isBusy(): boolean {
    return this.#busy
  }

  /** Hands bytes to the socket. `done` comes once: when the kernel has them, or never will. */
  write(bytes: Uint8Array, done?: () => void): void {
    if (this.#gone || this.#socket.destroyed || !this.#socket.writable) {
      if (done !== undefined) queueMicrotask(done)
      return
    }
    if (this.#writesOpen++ === 0) this.#writing.arm(this.#networkLimit)
    this.#socket.write(bytes, () => {
      if (--this.#writesOpen === 0) this.#writing.disarm()
      else this.#writing.touch()
      done?.()
    })
  }

  /** Resolves when the socket wants more, or is gone. Undefined when it wants more now. */
  drained(): Promise<void> | undefined {
    if (this.#gone || !this.#socket.writableNeedDrain) return undefined
    this.#drained ??= Promise.withResolvers<void>()
    return this.#drained.promise
  }

  /** From now on what comes is read and thrown away, so that no reset destroys what we have said last. */
  discard(): void {
    this.#discarding = true
    this.#waitingChunks = []
    this.#socket.resume()
    if (this.#finished) this.#user.finished()
  }

  /** Says that we send no more; still reads. */
  end(): void {
    this.#socket.end()
  }

  /** Sends what is written, ends, and does not wait for the peer longer than `limit`. */
  closeWithin(limit: Milliseconds): void {
    this.#discarding = true
    this.#waitingChunks = []
    if (this.#gone) return
    this.#socket.end()
    this.#socket.resume()
    this.#closing ??= this.#clock.after(limit, () => this.#socket.destroy())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.#discarding) return
    if (this.#busy) {
      this.#waitingChunks.push(chunk)
      return
    }
    const waiting = this.#feed(chunk)
    if (waiting === undefined) return
    this.#busy = true
    this.#socket.pause()
    void this.#readOn(waiting)
  }

  /** The chunk is ours while it is being read: nothing else is read meanwhile. */
  #receiveLent(chunk: Buffer): boolean {
    this.#receive(chunk)
    return !this.#busy
  }

  // One chunk. Undefined when it was read at once.
  #feed(chunk: Buffer): Promise<void> | undefined {
    try {
      const waiting = this.#consume(chunk)
      if (waiting !== undefined) return waiting
      this.#user.rested()
    } catch (error) {
      this.#user.failed(error)
    }
    return undefined
  }

  // Nobody may keep a slice of a chunk, so its memory is given back as soon as it has been read, unless it goes round.
  #consume(chunk: Buffer): Promise<void> | undefined {
    const waiting = this.#user.feed(chunk)
    if (this.#socket instanceof OneBufferSocket) return waiting ?? undefined
    if (waiting !== undefined) return waiting.finally(() => giveBack(chunk))
    giveBack(chunk)
    return undefined
  }

  async #readOn(first: Promise<void>): Promise<void> {
    let waiting: Promise<void> | undefined = first
    this.#user.rested()
    while (waiting !== undefined || this.#waitingChunks.length > 0) {
      try {
        if (waiting !== undefined) await waiting
        const next = this.#discarding ? undefined : this.#waitingChunks.shift()
        waiting = next === undefined ? undefined : this.#consume(next)
      } catch (error) {
        waiting = undefined
        this.#user.failed(error)
      }
    }
    this.#busy = false
    if (this.#gone) return
    if (!this.#discarding) this.#user.rested()
    if (this.#finished) this.#user.finished()
    else this.#socket.resume()
  }

  #finish(): void {
    this.#finished = true
    if (!this.#busy || this.#discarding) this.#user.finished()
  }

  #releaseWriters(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }

  #close(): void {
    this.#gone = true
    this.#closing?.cancel()
    this.#writing.stop()
    this.#releaseWriters()
    this.#waitingChunks = []
    this.#user.gone()
  }
}

/**
 * Frees the memory of a chunk now. Left to the collector, the 64 KB that a socket allocates for every read make it run over
 * the whole heap many times a second, for a quarter of all processor time.
 */
function giveBack(chunk: Buffer): void {
  const { buffer } = chunk
  const isAlone = buffer instanceof ArrayBuffer && buffer.byteLength === chunk.length
  if (isAlone && chunk.length >= WORTH_FREEING) buffer.transfer(0)
}
