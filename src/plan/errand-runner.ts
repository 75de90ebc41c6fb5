import { backoff } from '../base/backoff.ts'
import { type Clock, type Instant, instant, type Milliseconds, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { ClaimedErrand, ErrandSettlement } from '../ledger/errands.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { AttemptOutcome } from '../ledger/states.ts'
import { nextTry } from '../queue/retry-policy.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { CallOutcome, Services } from '../services/call.ts'
import type { DueWorkOf } from './due-work.ts'
import { retryOf, timeForCalls } from './waits.ts'

export interface ErrandRunnerDeps {
  readonly ledger: Pick<Ledger, 'claimErrands' | 'settleErrand' | 'nextErrandAt' | 'now' | 'wakes'>
  readonly services: Pick<Services, 'tell'>
  readonly ruleset: () => Ruleset
  readonly random: () => number
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Log
}

const AT_ONCE = 16
const SETTLE_AGAIN = { first: ms(200), longest: ms(10_000) }

type Verdict = Pick<ErrandSettlement, 'state' | 'nextAttemptAt' | 'reason'> & {
  readonly outcome: AttemptOutcome | null
}

/**
 * Tells services what study moments owe them, each until it was heard. It stands in this room because it is made of the same
 * parts as asking: the ledger's rows and `Services`; nothing of it is a delivery.
 */
export class ErrandRunner implements DueWorkOf {
  readonly topic = 'errand'
  readonly #deps: ErrandRunnerDeps
  readonly #telling = new Set<Promise<void>>()

  constructor(deps: ErrandRunnerDeps) {
    this.#deps = deps
  }

  nextAt(): Promise<Instant | undefined> {
    return this.#telling.size >= AT_ONCE ? Promise.resolve(undefined) : this.#deps.ledger.nextErrandAt()
  }

  async work(signal: AbortSignal): Promise<boolean> {
    const free = AT_ONCE - this.#telling.size
    // One whose runner got no further is told again after twice the time that it may take.
    const limit = timeForCalls(this.#deps.ruleset())
    const claimed = free > 0 ? await this.#deps.ledger.claimErrands(free, ms(2 * limit)) : []
    for (const errand of claimed) {
      const telling: Promise<void> = this.#tell(errand, limit, signal).finally(() => this.#told(telling))
      this.#telling.add(telling)
    }
    return claimed.length > 0
  }

  /** What is due looks at no time while all hands are full: the first one that is free again says so. */
  #told(telling: Promise<void>): void {
    const wereFull = this.#telling.size === AT_ONCE
    this.#telling.delete(telling)
    if (wereFull) this.#deps.ledger.wakes.wake(this.topic)
  }

  async #tell(errand: ClaimedErrand, limit: Milliseconds, stopping: AbortSignal): Promise<void> {
    const { ledger, services, log } = this.#deps
    const { id, token, service, call } = errand
    try {
      const signal = AbortSignal.any([stopping, AbortSignal.timeout(limit)])
      const startedAt = ledger.now()
      const told = await services.tell({ service, call, arguments: errand.arguments }, signal)
      const took = ms(ledger.now() - startedAt)
      const { outcome, ...verdict } = this.#judge(errand, told)
      const status = told.status === null ? null : String(told.status)
      const attempt = outcome === null ? null : { startedAt, took, outcome, status, reason: verdict.reason }
      await this.#settle({ errand: id, token, attempt, ...verdict }, stopping)
      log.info('service-told', { service, state: told.kind, took })
    } catch (error) {
      // Its lease ends, and it is told again: being told twice is what `already` is for.
      if (stopping.aborted) return
      log.warn('errand-not-settled', { service, code: error instanceof KurirError ? error.code : 'internal' })
    }
  }

  /** What a service has heard is put on record as soon as the ledger can: till then nobody else tells it. */
  async #settle(settlement: ErrandSettlement, stopping: AbortSignal): Promise<void> {
    const { ledger, clock, random, log } = this.#deps
    for (let failures = 1; ; failures += 1) {
      try {
        await ledger.settleErrand(settlement)
        return
      } catch (error) {
        const code = error instanceof KurirError ? error.code : 'internal'
        if (code === 'ledger-closed') throw error
        log.error('settlements-not-written', { count: 1, code })
        await clock.sleep(backoff(SETTLE_AGAIN, failures, random()), stopping)
      }
    }
  }

  #judge({ service, attempts }: ClaimedErrand, told: CallOutcome): Verdict {
    const { ledger, random, ruleset } = this.#deps
    switch (told.kind) {
      case 'accepted':
      case 'found':
        return { outcome: 'DELIVERED', state: 'DELIVERED', nextAttemptAt: null, reason: null }
      case 'already':
        return { outcome: 'DELIVERED_WITH_WARNING', state: 'DELIVERED', nextAttemptAt: null, reason: 'already told' }
      case 'missing':
        return { outcome: 'PERMANENT', state: 'REJECTED', nextAttemptAt: null, reason: 'nothing there to tell' }
      case 'refused':
        return { outcome: 'PERMANENT', state: 'REJECTED', nextAttemptAt: null, reason: told.reason }
      case 'again': {
        const { reason } = told
        const retry = retryOf(ruleset(), service)
        const after = (wait: Milliseconds) => instant(ledger.now() + Math.max(told.retryAfter ?? 0, wait))
        // A service that rests was not told: that is no try, and makes nobody give up.
        if (told.scope === 'service') {
          const nextAttemptAt = after(backoff(retry, attempts + 1, random()))
          return { outcome: null, state: 'PENDING', nextAttemptAt, reason }
        }
        const next = nextTry(retry, attempts + 1, random())
        if (next.kind === 'give-up') return { outcome: 'TRANSIENT', state: 'FAILED', nextAttemptAt: null, reason }
        return { outcome: 'TRANSIENT', state: 'PENDING', nextAttemptAt: after(next.wait), reason }
      }
      default:
        return told satisfies never
    }
  }
}
