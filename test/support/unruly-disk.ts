// A disk whose every call takes effect at any time, in any order, and is answered at any time after that; some fail.
import fs from 'node:fs'

type Answer = (error: NodeJS.ErrnoException | null, value?: number) => void

const BLOCK_BYTES = 4096
const O_DSYNC = 0o10000

/** mulberry32: the same numbers for the same seed. */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface UnrulyOptions {
  readonly seed: number
  /** How many of a hundred calls fail. */
  readonly failing: number
}

const saying = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })

/**
 * Takes the place of `fs`'s calls, until it is disposed. Remembers of each file whether a power cut
 * would take any of its bytes: a write has to be flushed by a call that took effect later, or be its own flush (O_DSYNC);
 * what a failed flush did not flush no later one does.
 */
export class UnrulyDisk implements Disposable {
  /** Calls that took effect when their descriptor was closed already, or another file's. */
  strays = 0
  readonly #random: () => number
  readonly #failing: number
  readonly #steps: (() => void)[] = []
  /** Files with a write that no flush has reached. */
  readonly #volatile = new Set<string>()
  /** Files of which a flush has failed. */
  readonly #lost = new Set<string>()
  readonly #original = {
    write: fs.write,
    fdatasync: fs.fdatasync,
    read: fs.read,
    open: fs.open,
    close: fs.close,
    ftruncate: fs.ftruncate,
  }
  #isTicking = false

  constructor({ seed, failing }: UnrulyOptions) {
    this.#random = numbersFrom(seed)
    this.#failing = failing / 100
    Object.assign(fs, {
      write: (fd: number, bytes: Uint8Array, offset: number, length: number, position: number, done: Answer) =>
        this.#write(fd, bytes.subarray(offset, offset + length), position, done),
      read: (fd: number, into: Buffer, offset: number, length: number, position: number, done: Answer) =>
        this.#askOf(fd, done, () => this.#read(fd, into.subarray(offset, offset + length), position)),
      fdatasync: (fd: number, done: Answer) => this.#askOf(fd, done, () => this.#flush(fd)),
      open: (path: string, flags: number, mode: number, done: Answer) =>
        this.#ask(done, () => this.#open(path, flags, mode)),
      close: (fd: number, done: Answer) => this.#askOf(fd, done, () => this.#close(fd)),
      ftruncate: (fd: number, length: number, done: Answer) => this.#askOf(fd, done, () => this.#truncate(fd, length)),
    })
  }

  /** Whether everything that was written to the file would survive a power cut. */
  isDurable(path: string): boolean {
    return !this.#lost.has(path) && !this.#volatile.has(path)
  }

  [Symbol.dispose](): void {
    Object.assign(fs, this.#original)
  }

  /** The effect at some time, the answer at some time after that; others meanwhile. */
  #ask(done: Answer, effect: () => number | undefined): void {
    this.#later(() => {
      try {
        const value = effect()
        this.#later(() => done(null, value))
      } catch (error) {
        this.#later(() => done(error as NodeJS.ErrnoException))
      }
    })
  }

  #askOf(fd: number, done: Answer, effect: () => number | undefined): void {
    const asked = pathOf(fd)
    this.#ask(done, () => {
      if (pathOf(fd) !== asked) this.strays += 1
      return effect()
    })
  }

  #later(step: () => void): void {
    this.#steps.push(step)
    if (this.#isTicking) return
    this.#isTicking = true
    setImmediate(() => this.#tick())
  }

  #tick(): void {
    const at = Math.floor(this.#random() * this.#steps.length)
    const [step] = this.#steps.splice(at, 1)
    this.#isTicking = this.#steps.length > 0
    if (this.#isTicking) setImmediate(() => this.#tick())
    step?.()
  }

  #fails(): boolean {
    return this.#random() < this.#failing
  }

  #write(fd: number, bytes: Uint8Array, position: number, done: Answer): void {
    const taken = this.#takenOf(bytes.length)
    // Now and then in two halves, either of them first.
    const isTorn = taken > BLOCK_BYTES && this.#random() < 0.3
    const half = isTorn ? Math.ceil(taken / BLOCK_BYTES / 2) * BLOCK_BYTES : taken
    const halves = [
      () => this.#put(fd, bytes.subarray(0, half), position),
      () => this.#put(fd, bytes.subarray(half, taken), position + half),
    ]
    if (this.#random() < 0.5) halves.reverse()
    const [first, second] = halves
    const rest: Answer = (error) => {
      if (error !== null) return done(error)
      this.#askOf(fd, done, () => {
        second?.()
        return taken
      })
    }
    this.#askOf(fd, rest, () => first?.())
  }

  /** A disk that runs full takes less than it is given. */
  #takenOf(length: number): number {
    const blocks = Math.floor(length / BLOCK_BYTES)
    return blocks > 1 && this.#fails() ? Math.ceil(this.#random() * (blocks - 1)) * BLOCK_BYTES : length
  }

  #put(fd: number, bytes: Uint8Array, position: number): undefined {
    if (bytes.length === 0) return
    const fails = this.#fails()
    if (fails && this.#random() < 0.5) throw saying(this.#random() < 0.5 ? 'ENOSPC' : 'EIO')
    fs.writeSync(fd, bytes, 0, bytes.length, position)
    if (fails || !isOwnFlush(fd)) this.#volatile.add(pathOf(fd) ?? '')
    // Some are there, and said not to be.
    if (fails) throw saying('EIO')
  }

  #read(fd: number, into: Buffer, position: number): number {
    if (this.#fails()) throw saying('EIO')
    return fs.readSync(fd, into, 0, into.length, position)
  }

  #flush(fd: number): undefined {
    const path = pathOf(fd) ?? ''
    if (this.#fails()) {
      this.#lost.add(path)
      throw saying('EIO')
    }
    this.#volatile.delete(path)
  }

  #open(path: string, flags: number, mode: number): number {
    if (this.#fails()) throw saying(this.#random() < 0.5 ? 'EMFILE' : 'EIO')
    return fs.openSync(path, flags, mode)
  }

  #close(fd: number): undefined {
    fs.closeSync(fd)
    if (this.#fails()) throw saying('EIO')
  }

  #truncate(fd: number, length: number): undefined {
    const path = pathOf(fd) ?? ''
    if (this.#fails()) throw saying('EIO')
    fs.ftruncateSync(fd, length)
    this.#volatile.delete(path)
    this.#lost.delete(path)
  }
}

function pathOf(fd: number): string | undefined {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}

function isOwnFlush(fd: number): boolean {
  const flags = /^flags:\s+([0-7]+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0'
  return (Number.parseInt(flags, 8) & O_DSYNC) !== 0
}
