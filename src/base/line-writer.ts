import { writeSync } from 'node:fs'
import { hasErrno } from './failure.ts'

/** Lines are written together: one for each instance would cost a system call for each. */
const TOGETHER = { bytes: 8_192, everyMs: 100 } as const
/** So much waits for a descriptor that takes nothing; lines beyond it are lost, and counted. In UTF-16 units. */
const MOST_WAITING = 1_048_576
/** How long the end of the process waits for a reader that is slow. */
const LAST_WAIT = { times: 20, ms: 50 } as const

/**
 * Writes lines to a descriptor of which nobody can wait: a full disk under it, a slow reader or none must not keep us from
 * our work. What cannot be written is kept for a while and tried again.
 */
export class LineWriter {
  readonly #fd: number
  readonly #onLost: (count: number) => void
  #lines: string[] = []
  #length = 0
  /** Of a line that went out in part, and those behind it. */
  #rest: Buffer = Buffer.alloc(0)
  #lost = 0
  #isGone = false
  #isSlow = false
  #timer: NodeJS.Timeout | undefined

  /** @param onLost told how many lines were lost, when lines can be written again */
  constructor(fd: number, onLost: (count: number) => void) {
    this.#fd = fd
    this.#onLost = onLost
  }

  /** Takes a line with its end; it is written within a tenth of a second, or with many others at once. */
  write(line: string): void {
    if (this.#isGone) return
    if (this.#length + this.#rest.length > MOST_WAITING) {
      this.#lost += 1
      return
    }
    this.#lines.push(line)
    this.#length += line.length
    if (this.#length >= TOGETHER.bytes) this.flush()
    if (this.#length > 0) this.#later()
  }

  /** Writes what there is, unless the last try has failed just now. Never throws. */
  flush(): void {
    if (this.#rest.length === 0) this.#flush()
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const text = this.#lines.join('')
    this.#lines = []
    this.#length = 0
    this.#rest = this.#written(Buffer.concat([this.#rest, Buffer.from(text)]))
    if (this.#rest.length > 0) this.#later()
    else if (this.#lost > 0) this.#tellLost()
  }

  /** For the end of the process: waits a second for a reader that is slow, and for nothing else. */
  end(): void {
    this.#flush()
    const clock = new Int32Array(new SharedArrayBuffer(4))
    for (let time = 0; this.#isSlow && time < LAST_WAIT.times; time += 1) {
      Atomics.wait(clock, 0, 0, LAST_WAIT.ms)
      this.#flush()
    }
    clearTimeout(this.#timer)
  }

  /** What is left of it. */
  #written(bytes: Buffer): Buffer {
    this.#isSlow = false
    let at = 0
    try {
      while (at < bytes.length) at += writeSync(this.#fd, bytes, at)
    } catch (error) {
      this.#isGone = hasErrno(error, 'EPIPE')
      this.#isSlow = hasErrno(error, 'EAGAIN')
    }
    return this.#isGone ? Buffer.alloc(0) : bytes.subarray(at)
  }

  #tellLost(): void {
    const count = this.#lost
    this.#lost = 0
    this.#onLost(count)
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.#flush(), TOGETHER.everyMs).unref()
  }
}
