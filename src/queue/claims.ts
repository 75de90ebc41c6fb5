import { type Clock, type Milliseconds, ms, type Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { ClaimToken } from '../ledger/ids.ts'
import type { Ledger } from '../ledger/ledger.ts'

export interface ClaimsDeps {
  readonly ledger: Pick<Ledger, 'renew'>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Pick<Log, 'warn'>
  readonly lease: Milliseconds
}

/** Tokens renewed in one verb, so that a long list does not hold the writer. */
const RENEW_AT_ONCE = 500

/** The claims in work here. Each is renewed three times within its lease, so that two renewals may fail. */
export class Claims {
  readonly #deps: ClaimsDeps
  readonly #tokens = new Set<ClaimToken>()
  #timer: Timer | undefined

  constructor(deps: ClaimsDeps) {
    this.#deps = deps
  }

  add(tokens: Iterable<ClaimToken>): void {
    for (const token of tokens) this.#tokens.add(token)
    this.#schedule()
  }

  drop(token: ClaimToken): void {
    this.#tokens.delete(token)
  }

  has(token: ClaimToken): boolean {
    return this.#tokens.has(token)
  }

  close(): void {
    this.#timer?.cancel()
    this.#tokens.clear()
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#tokens.size === 0) return
    this.#timer = this.#deps.clock.after(ms(this.#deps.lease / 3), () => void this.#renewAll())
  }

  async #renewAll(): Promise<void> {
    const all = [...this.#tokens]
    for (let start = 0; start < all.length; start += RENEW_AT_ONCE) {
      await this.#renew(all.slice(start, start + RENEW_AT_ONCE))
    }
    this.#timer = undefined
    this.#schedule()
  }

  async #renew(tokens: readonly ClaimToken[]): Promise<void> {
    try {
      const kept = new Set(await this.#deps.ledger.renew(tokens, this.#deps.lease))
      for (const token of tokens) if (!kept.has(token)) this.#tokens.delete(token)
    } catch {
      // The lease still runs: the next renewal may succeed, and if none does the deliveries are claimed anew.
      this.#deps.log.warn('leases-not-renewed', { count: tokens.length })
    }
  }
}
