import { type Clock, ms, type Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Ledger } from '../ledger/ledger.ts'

export interface GoneDestinationsDeps {
  readonly ledger: Pick<Ledger, 'deliveriesHoldGone' | 'deliveriesReleaseGone' | 'views'>
  /** The names that the rules in force declare. */
  readonly declared: () => ReadonlySet<string>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Log
}

/** So many in one transaction, so that nothing else waits for long. */
const BATCH = 500
/** What was planned or given back while the rules changed is found then. */
const LOOK_AGAIN = ms(60_000)

/**
 * Keeps what is owed to a destination that the rules no longer declare where a person sees it: held `destination gone`
 * (RULES.md semantics 12). When the rules declare it again, it is due again.
 */
export class GoneDestinations implements AsyncDisposable {
  readonly #deps: GoneDestinationsDeps
  /**
   * The declared ones of which nothing is held as gone any more; nothing is until the rules change. What they hold for other
   * reasons may be a year's, and is not looked through each minute.
   */
  readonly #clear = new Set<string>()
  #sweeping: Promise<void> = Promise.resolve()
  #timer: Timer | undefined
  #stopped = false

  constructor(deps: GoneDestinationsDeps) {
    this.#deps = deps
  }

  /**
   * For a start and for other rules: looks at every destination that was ever owed something, and again from time to time. A
   * failure is logged.
   */
  sweep(): Promise<void> {
    return this.#inTurn(() => {
      this.#clear.clear()
      return this.#sweep()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#sweeping
  }

  #inTurn(sweep: () => Promise<void>): Promise<void> {
    this.#sweeping = this.#sweeping.then(sweep)
    return this.#sweeping
  }

  async #sweep(): Promise<void> {
    if (this.#stopped) return
    this.#timer?.cancel()
    try {
      const declared = this.#deps.declared()
      for (const { name } of await this.#deps.ledger.views.conditions()) await this.#settle(name, declared.has(name))
    } catch {
      this.#deps.log.error('gone-destinations-not-held', { code: 'internal' })
    }
    if (!this.#stopped) this.#timer = this.#deps.clock.after(LOOK_AGAIN, () => void this.#inTurn(() => this.#sweep()))
  }

  async #settle(name: string, isDeclared: boolean): Promise<void> {
    const { ledger, log } = this.#deps
    if (isDeclared && this.#clear.has(name)) return
    // A look costs no commit; there is hardly ever anything to do.
    const { ready, waiting, held } = await ledger.views.queueDepth(name)
    if ((isDeclared ? held : ready + waiting) === 0) return
    const change = isDeclared
      ? () => ledger.deliveriesReleaseGone(name, BATCH)
      : () => ledger.deliveriesHoldGone(name, BATCH)
    let count = 0
    for (let done = BATCH; done === BATCH && !this.#stopped; count += done) done = await change()
    if (isDeclared && !this.#stopped) this.#clear.add(name)
    if (count > 0) log.info(isDeclared ? 'deliveries-released' : 'deliveries-held', { destination: name, count })
  }
}
