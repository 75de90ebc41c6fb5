import { type BackoffPolicy, backoff } from '../base/backoff.ts'
import { type Clock, elapsed, type Instant, instant, type Milliseconds, type Monotonic, ms } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { DestinationCondition } from '../ledger/records.ts'

export interface CircuitDeps {
  readonly destination: string
  readonly ledger: Pick<Ledger, 'destinationDown' | 'destinationUp' | 'now'>
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: Pick<Log, 'warn' | 'info' | 'error'>
  readonly random: () => number
  /** The destination's own retry policy; a circuit is asked sooner, as one probe costs little. */
  readonly policy: () => BackoffPolicy
}

const FIRST = 2_000
const LONGEST = 60_000

/**
 * Whether a destination is worth trying. Closed: yes. Open: it rests until the next probe is due. Half open: the probe is
 * due or running, by one line and few deliveries; its first success closes the circuit, a failure opens it for longer.
 * The row in the ledger lets a restart know; a ledger that cannot write it does not stop the rest.
 */
export class Circuit {
  readonly #deps: CircuitDeps
  #state: 'closed' | 'open' | 'half-open' = 'closed'
  #failures = 0
  #restsFrom: Monotonic
  #restsFor: Milliseconds = ms(0)
  #writing: Promise<void> = Promise.resolve()

  constructor(deps: CircuitDeps) {
    this.#deps = deps
    this.#restsFrom = deps.clock.monotonic()
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get isHalfOpen(): boolean {
    return this.#state === 'half-open'
  }

  /** How long it still rests; 0 when a probe is due. */
  get rest(): Milliseconds {
    const rested = elapsed(this.#restsFrom, this.#deps.clock.monotonic())
    return ms(Math.max(0, this.#restsFor - rested))
  }

  /** Takes up what an earlier process knew. The wall clock may have jumped since: no rest is longer than the longest. */
  restore(down: DestinationCondition['down']): void {
    if (down === null) return
    this.#failures = down.failures
    this.#open(ms(Math.min(LONGEST, Math.max(0, down.probeAt - this.#deps.ledger.now()))))
  }

  /**
   * The destination failed. Several lines that notice at once count as one failure.
   *
   * @param least how long it asked to be left alone
   */
  fail(reason: string, least: Milliseconds = ms(0)): void {
    if (this.#state === 'open') return
    this.#failures += 1
    const { first, longest } = this.#deps.policy()
    const policy = { first: ms(Math.min(FIRST, first)), longest: ms(Math.min(LONGEST, longest)) }
    this.#open(ms(Math.max(least, backoff(policy, this.#failures, this.#deps.random()))))
    const { ledger, destination, log } = this.#deps
    const probeAt: Instant = instant(ledger.now() + this.#restsFor)
    const failures = this.#failures
    log.warn('destination-down', { destination, reason, waitMs: this.#restsFor, attempt: failures })
    this.#write(() => ledger.destinationDown(destination, failures, probeAt, reason))
  }

  /** Lets one probe through: one line, a few deliveries. */
  tryAgain(): void {
    if (this.#state === 'open') this.#state = 'half-open'
  }

  /**
   * The destination answered as one that works. An echo proves less than a delivery: a destination that answers it and then
   * takes nothing rests longer each time.
   */
  succeed(proof: 'echo' | 'delivery'): void {
    if (proof === 'delivery') this.#failures = 0
    if (this.#state === 'closed') return
    this.#state = 'closed'
    const { ledger, destination, log } = this.#deps
    log.info('destination-up', { destination })
    this.#write(() => ledger.destinationUp(destination))
  }

  /** Resolves when what it had to write is written. */
  written(): Promise<void> {
    return this.#writing
  }

  #open(rest: Milliseconds): void {
    this.#state = 'open'
    this.#restsFrom = this.#deps.clock.monotonic()
    this.#restsFor = rest
  }

  // One after the other, so that down and up stand in the ledger in their order.
  #write(verb: () => Promise<void>): void {
    this.#writing = this.#writing.then(verb).catch(() => {
      this.#deps.log.error('condition-not-written', { destination: this.#deps.destination })
    })
  }
}
