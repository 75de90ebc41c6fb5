import { type Clock, type Milliseconds, type Monotonic, ms, type Timer } from '../base/clock.ts'

/**
 * Fires when nothing was heard for a while. `touch` only writes down the time, so it may be called for every chunk; the
 * timer looks when it falls due and waits for the rest.
 */
export class Watch {
  readonly #clock: Clock
  readonly #expire: () => void
  #timer: Timer | undefined
  #due = 0
  #limit = 0
  #since = 0

  constructor(clock: Clock, expire: () => void) {
    this.#clock = clock
    this.#expire = expire
  }

  /** Starts counting anew with this limit. */
  arm(limit: Milliseconds): void {
    this.#since = this.#clock.monotonic()
    this.#limit = limit
    const due = this.#since + limit
    if (this.#timer !== undefined && this.#due <= due) return
    this.#schedule(due, this.#clock.monotonic())
  }

  /** Something was heard: the limit counts from now. */
  touch(): void {
    this.#since = this.#clock.monotonic()
  }

  /** Does not fire until armed again. */
  disarm(): void {
    this.#limit = 0
  }

  /** As `disarm`, and leaves no timer behind. */
  stop(): void {
    this.#limit = 0
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #schedule(due: number, now: Monotonic): void {
    this.#timer?.cancel()
    this.#due = due
    this.#timer = this.#clock.after(ms(Math.max(1, Math.ceil(due - now))), () => this.#look())
  }

  #look(): void {
    this.#timer = undefined
    if (this.#limit === 0) return
    const now = this.#clock.monotonic()
    const due = this.#since + this.#limit
    if (now < due) this.#schedule(due, now)
    else {
      this.#limit = 0
      this.#expire()
    }
  }
}
