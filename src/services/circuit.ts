import { backoff } from '../base/backoff.ts'
import { type Clock, type Instant, instant, type Milliseconds, type Monotonic, ms } from '../base/clock.ts'

const FIRST = ms(5_000)
const LONGEST = ms(60_000)
/** Failures in a row, of whichever calls, after which the service rests. */
const THRESHOLD = 3
/** What those are told who come while a probe is out. */
const PROBING = ms(1_000)

export interface Rest {
  readonly until: Instant
  readonly since: Instant
  readonly reason: string
}

/**
 * Whether a service is worth asking. Closed: yes. After some failures in a row it rests; when the rest is over one call is
 * let through, whose success ends it and whose failure makes it longer, up to a minute: that is how soon a service that
 * has come back is noticed by those who wait for it.
 */
export class Circuit {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #random: () => number
  #failures = 0
  #rests = 0
  #until: Monotonic | undefined
  #rest: Rest | undefined
  #probing = false

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, random: () => number) {
    this.#clock = clock
    this.#random = random
  }

  /** Undefined while it is closed. */
  get rest(): Rest | undefined {
    return this.#rest
  }

  /** How long to wait, 0 when a call may go now; while it rests that call is the probe, and is to be told how it went. */
  enter(): Milliseconds {
    if (this.#until === undefined) return ms(0)
    const wait = ms(Math.ceil(this.#until - this.#clock.monotonic()))
    if (wait > 0) return wait
    if (this.#probing) return PROBING
    this.#probing = true
    return ms(0)
  }

  /** @returns whether it rested until now */
  succeeded(): boolean {
    const rested = this.#rest !== undefined
    this.#failures = 0
    this.#rests = 0
    this.#close()
    return rested
  }

  /** @returns whether it begins to rest with this */
  failed(reason: string): boolean {
    this.#failures++
    if (this.#rest === undefined && this.#failures < THRESHOLD) return false
    // Calls that were under way when it began to rest say nothing new.
    if (this.#rest !== undefined && !this.#probing) return false
    return this.#open(backoff({ first: FIRST, longest: LONGEST }, ++this.#rests, this.#random()), reason)
  }

  /** The service itself asked for a rest. @returns whether it begins with this */
  restFor(wait: Milliseconds, reason: string): boolean {
    return this.#open(wait, reason)
  }

  /** The call that was let through ended without saying anything about the service. */
  left(): void {
    this.#probing = false
  }

  #open(wait: Milliseconds, reason: string): boolean {
    const before = this.#rest
    const now = this.#clock.now()
    this.#probing = false
    this.#until = (this.#clock.monotonic() + wait) as Monotonic
    this.#rest = { until: instant(now + wait), since: before?.since ?? now, reason }
    return before === undefined
  }

  #close(): void {
    this.#probing = false
    this.#until = undefined
    this.#rest = undefined
  }
}
