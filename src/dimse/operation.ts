import type { Clock, Milliseconds, Timer } from '../base/clock.ts'
import type { FailureCode } from '../base/failure.ts'
import type { StoreOutcome } from './association.ts'

/** Message ids go from 1 to 65535 and round again (PS3.7 E.1); 0 is none. */
export const nextMessageId = (last: number): number => (last % 0xffff) + 1

/** What a request is answered by (PS3.7 9.1.1.1, 9.1.5.1). */
export interface Awaited {
  readonly commandField: number
  /** Of a C-STORE; an answer need not say it, but may not say another. */
  readonly sopInstanceUid?: string
}

/** One request of ours and its one outcome, which is settled exactly once by whoever comes first. */
export class Operation {
  readonly messageId: number
  readonly awaited: Awaited
  readonly #answer = Promise.withResolvers<StoreOutcome>()
  #settled = false
  #sent = false
  #taken = false
  #early: StoreOutcome | undefined
  #timer: Timer | undefined

  constructor(messageId: number, awaited: Awaited) {
    this.messageId = messageId
    this.awaited = awaited
  }

  get outcome(): Promise<StoreOutcome> {
    return this.#answer.promise
  }

  get isSettled(): boolean {
    return this.#settled
  }

  /** Whether its answer is here, though it may have come early and not count yet. */
  get isAnswered(): boolean {
    return this.#settled || this.#early !== undefined
  }

  /** The last fragment is about to leave: from here on the peer may have the object. */
  markTaken(): void {
    this.#taken = true
  }

  /** All is written: an answer that came early counts now, otherwise one is due within the limit. */
  markSent(clock: Clock, limit: Milliseconds, expired: () => void): void {
    this.#sent = true
    if (this.#early !== undefined) this.settle(this.#early)
    else if (!this.#settled) this.#timer = clock.after(limit, expired)
  }

  /** The peer's answer. One that comes before all is sent waits, so that the association stays usable. */
  answer(outcome: StoreOutcome): void {
    if (this.#sent) this.settle(outcome)
    else this.#early = outcome
  }

  /** No answer will come. A refusal that came early still stands; a success for what was never whole does not. */
  lose(code: FailureCode, reason: string): void {
    const refused = this.#early?.kind === 'answered' && this.#early.status !== 0 && this.#early.status >> 12 !== 0xb
    this.settle(refused && this.#early ? this.#early : { kind: 'lost', code, taken: this.#taken, reason })
  }

  settle(outcome: StoreOutcome): void {
    if (this.#settled) return
    this.#settled = true
    this.#timer?.cancel()
    this.#answer.resolve(outcome)
  }
}
