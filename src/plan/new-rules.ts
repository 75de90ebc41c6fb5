import { type Clock, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Ledger } from '../ledger/ledger.ts'

export interface NewRulesDeps {
  readonly ledger: Pick<Ledger, 'decideAnew'>
  readonly digest: () => string
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Log
}

/** Asked anew in one transaction. */
const BATCH = 256
/** Between two batches, so that what comes in is decided too. */
const PAUSE = ms(100)
/** A ledger that failed is asked again after this. */
const AFTER_FAILURE = ms(1_000)

/** Has what waits or is held decided again by the rules in force (RULES.md semantics 12): on a change, and at a start. */
export class NewRules implements AsyncDisposable {
  readonly #deps: NewRulesDeps
  readonly #stop = new AbortController()
  #sweeping: Promise<void> = Promise.resolve()

  constructor(deps: NewRulesDeps) {
    this.#deps = deps
  }

  /** Resolves when everything is asked anew, other rules have come, or somebody stops it. A failure is logged, and tried again. */
  sweep(): Promise<void> {
    this.#sweeping = this.#sweeping.then(() => this.#sweep())
    return this.#sweeping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#sweeping
  }

  async #sweep(): Promise<void> {
    const { clock, log } = this.#deps
    const digest = this.#deps.digest()
    let count = 0
    while (!this.#stop.signal.aborted && this.#deps.digest() === digest) {
      const asked = await this.#ask(digest)
      if (asked === 0) break
      count += asked ?? 0
      await clock.sleep(asked === undefined ? AFTER_FAILURE : PAUSE, this.#stop.signal).catch(() => {})
    }
    if (count > 0) log.info('decisions-asked-anew', { count, ruleset: digest.slice(0, 12) })
  }

  /** How many it was; undefined when the ledger failed. */
  async #ask(digest: string): Promise<number | undefined> {
    try {
      return await this.#deps.ledger.decideAnew(digest, BATCH)
    } catch (error) {
      const code = error instanceof KurirError ? error.code : 'internal'
      if (!this.#stop.signal.aborted) this.#deps.log.error('decisions-not-asked-anew', { code })
      return undefined
    }
  }
}
