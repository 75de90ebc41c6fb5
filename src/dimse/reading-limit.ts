import { type Clock, type Milliseconds, ms } from '../base/clock.ts'
import { Watch } from './watch.ts'

/** What an open association is waiting for. `ours`: we are working, the peer need not do anything. */
export type Waiting = 'nothing' | 'ours' | 'next-message' | 'rest-of-message'

/** A peer that sends less than this within the network limit stands still: bytes that drip in do not hold us. */
const LEAST_PROGRESS = 1024

/** The limits on silence while reading: one between messages, a shorter one inside them. */
export class ReadingLimit {
  readonly #clock: Clock
  readonly #network: Milliseconds
  readonly #idle: Milliseconds
  readonly #watch: Watch
  #waiting: Waiting = 'nothing'
  #received = 0
  /** What is left of the network limit for the piece of message that is being waited for. */
  #left: number
  #since = 0

  /** @param idle 0 is no limit */
  constructor(
    clock: Clock,
    limits: { readonly network: Milliseconds; readonly idle: Milliseconds },
    expire: () => void,
  ) {
    this.#clock = clock
    this.#network = limits.network
    this.#idle = limits.idle
    this.#left = limits.network
    this.#watch = new Watch(clock, expire)
  }

  received(bytes: number): void {
    this.#received += bytes
  }

  /** Says, after every chunk and every change, what is being waited for now. */
  waitFor(waiting: Waiting): void {
    const now = this.#clock.monotonic()
    if (this.#waiting === 'rest-of-message') this.#left -= now - this.#since
    this.#since = now
    if (this.#received >= LEAST_PROGRESS || waiting === 'next-message') this.#grant()
    this.#waiting = waiting
    if (waiting === 'rest-of-message') this.#watch.arm(ms(Math.max(1, this.#left)))
    else if (waiting === 'next-message' && this.#idle > 0) this.#watch.arm(this.#idle)
    else this.#watch.disarm()
  }

  stop(): void {
    this.#watch.stop()
  }

  #grant(): void {
    this.#received = 0
    this.#left = this.#network
  }
}
