import { type Clock, ms } from '../base/clock.ts'
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

/** Has what waits or is held decided again by the rules in force (RULES.md semantics 12): on a change, and at a start. */
export class NewRules implements AsyncDisposable {
  readonly #deps: NewRulesDeps
  readonly #stop = new AbortController()
  #sweeping: Promise<void> = Promise.resolve()

  constructor(deps: NewRulesDeps) {
    this.#deps = deps
  }

  /** Resolves when everything is asked anew, or somebody stops it. A failure is logged; the next start tries again. */
  sweep(): Promise<void> {
    this.#sweeping = this.#sweeping.then(() => this.#sweep())
    return this.#sweeping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#sweeping
  }

  async #sweep(): Promise<void> {
    const { ledger, clock, log } = this.#deps
    const digest = this.#deps.digest()
    try {
      let count = 0
      while (!this.#stop.signal.aborted && this.#deps.digest() === digest) {
        const asked = await ledger.decideAnew(digest, BATCH)
        count += asked
        if (asked === 0) break
        await clock.sleep(PAUSE, this.#stop.signal)
      }
      if (count > 0) log.info('decisions-asked-anew', { count, ruleset: digest.slice(0, 12) })
    } catch {
      if (!this.#stop.signal.aborted) log.error('decisions-not-asked-anew', { code: 'internal' })
    }
  }
}
