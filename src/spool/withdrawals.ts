import { type Clock, ms } from '../base/clock.ts'
import type { FailureCode } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { BlobRef } from '../ledger/blob-ref.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { BlobStore } from './blob-store.ts'

/** A ledger without room is asked again after this. */
const AGAIN = ms(1_000)

export interface WithdrawalsDeps {
  readonly store: Pick<BlobStore, 'remove'>
  readonly ledger: Pick<Ledger, 'withdraw'>
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Log
}

/**
 * Takes back what was not acknowledged: off the disk and out of the books. The blob goes first: that makes the room which the
 * ledger may lack, and after a kill in between the row is one without a blob, which recovery withdraws.
 */
export class Withdrawals implements AsyncDisposable {
  readonly #deps: WithdrawalsDeps
  readonly #stop = new AbortController()
  readonly #pending = new Set<Promise<void>>()

  constructor(deps: WithdrawalsDeps) {
    this.#deps = deps
  }

  /**
   * Tries at once, and where that fails again and again in the background, until the spool closes: then it is the next
   * start's. Never rejects.
   *
   * @param done called once nothing is left
   */
  async takeBack(id: InstanceId, blob: BlobRef, reason: FailureCode, done: () => void): Promise<void> {
    if (await this.#try(id, blob, reason)) return done()
    this.#deps.log.warn('withdrawal-put-off', { instance: id, code: reason })
    const later = this.#later(id, blob, reason, done).finally(() => this.#pending.delete(later))
    this.#pending.add(later)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#pending)
  }

  async #later(id: InstanceId, blob: BlobRef, reason: FailureCode, done: () => void): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await this.#deps.clock.sleep(AGAIN, signal).catch(() => {})
      if (!signal.aborted && (await this.#try(id, blob, reason))) return done()
    }
  }

  async #try(id: InstanceId, blob: BlobRef, reason: FailureCode): Promise<boolean> {
    try {
      await this.#deps.store.remove(blob)
      await this.#deps.ledger.withdraw(id, reason)
      return true
    } catch {
      return false
    }
  }
}
