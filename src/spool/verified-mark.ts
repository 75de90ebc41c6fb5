import { type Clock, ms, type Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { InFlight } from './in-flight.ts'

/** What a start must check again is at most what comes in during this time. */
const EVERY = ms(1_000)

export interface VerifiedMarkDeps {
  readonly ledger: Pick<Ledger, 'markVerified'>
  readonly inFlight: Pick<InFlight, 'verified'>
  readonly clock: Pick<Clock, 'after'>
  readonly log: Log
}

/** Tells the ledger now and then up to where blobs are known to be durable, so that a start need not look there again. */
export class VerifiedMark implements AsyncDisposable {
  readonly #deps: VerifiedMarkDeps
  #marked: InstanceId | undefined
  #timer: Timer | undefined
  #marking: Promise<void> = Promise.resolve()

  constructor(deps: VerifiedMarkDeps) {
    this.#deps = deps
  }

  /** Something has become durable; it will be marked soon. */
  advance(): void {
    this.#timer ??= this.#deps.clock.after(EVERY, () => {
      this.#timer = undefined
      this.#marking = this.#mark()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel()
    await this.#marking
    await this.#mark()
  }

  async #mark(): Promise<void> {
    const upTo = this.#deps.inFlight.verified
    if (upTo === undefined || upTo === this.#marked) return
    try {
      await this.#deps.ledger.markVerified(upTo)
      this.#marked = upTo
    } catch {
      // Nothing is lost but time at the next start.
      this.#deps.log.warn('verified-mark-failed')
    }
  }
}
