import { backoff } from '../base/backoff.ts'
import { type Instant, instant, type Milliseconds, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ClaimedQuestion, QuestionOutcome } from '../ledger/questions.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { CallOutcome, Services } from '../services/call.ts'
import type { DueWorkOf } from './due-work.ts'
import { retryOf, timeForCalls } from './waits.ts'

export interface QuestionerDeps {
  readonly ledger: Pick<
    Ledger,
    'claimQuestions' | 'settleQuestion' | 'waitsExpired' | 'nextQuestionAt' | 'now' | 'wakes'
  >
  readonly services: Pick<Services, 'ask'>
  readonly ruleset: () => Ruleset
  readonly random: () => number
  readonly log: Log
}

/** Asked at the same time; each service has its own limit below this. */
const AT_ONCE = 32
/** An answer is good for other studies this long. */
const REMEMBERED = ms(600_000)
/** That there is nothing may change any moment. */
const MISSING_REMEMBERED = ms(60_000)
/** Turned into holds in one transaction. */
const EXPIRED_AT_ONCE = 64

/**
 * Puts the questions of decisions to services: each once, whoever waits for its answer. The ledger keeps what is open, so
 * patience survives a restart.
 */
export class Questioner implements DueWorkOf {
  readonly topic = 'question'
  readonly #deps: QuestionerDeps
  readonly #asking = new Set<Promise<void>>()

  constructor(deps: QuestionerDeps) {
    this.#deps = deps
  }

  nextAt(): Promise<Instant | undefined> {
    return this.#asking.size >= AT_ONCE ? Promise.resolve(undefined) : this.#deps.ledger.nextQuestionAt()
  }

  async work(signal: AbortSignal): Promise<boolean> {
    const expired = await this.#deps.ledger.waitsExpired(EXPIRED_AT_ONCE)
    const free = AT_ONCE - this.#asking.size
    // One whose asker got no further is asked again after twice the time that it may take.
    const limit = timeForCalls(this.#deps.ruleset())
    const claimed = free > 0 ? await this.#deps.ledger.claimQuestions(free, ms(2 * limit)) : []
    for (const question of claimed) {
      const asking: Promise<void> = this.#ask(question, limit, signal).finally(() => this.#asked(asking))
      this.#asking.add(asking)
    }
    return expired > 0 || claimed.length > 0
  }

  /** What is due looks at no time while all hands are full: the first one that is free again says so. */
  #asked(asking: Promise<void>): void {
    const wereFull = this.#asking.size === AT_ONCE
    this.#asking.delete(asking)
    if (wereFull) this.#deps.ledger.wakes.wake(this.topic)
  }

  async #ask({ key, token, ...question }: ClaimedQuestion, limit: Milliseconds, stopping: AbortSignal): Promise<void> {
    const { services, ledger, log } = this.#deps
    try {
      const signal = AbortSignal.any([stopping, AbortSignal.timeout(limit)])
      const { service, call } = question
      const outcome = await services.ask({ service, call, arguments: question.arguments }, signal)
      await ledger.settleQuestion(key, token, this.#judge(question, outcome))
      log.debug('question-asked', { service, state: outcome.kind })
    } catch (error) {
      // Its lease ends, and it is asked again.
      if (stopping.aborted) return
      const code = error instanceof KurirError ? error.code : 'internal'
      log.warn('question-not-settled', { service: question.service, code })
    }
  }

  #judge({ service, attempts }: Omit<ClaimedQuestion, 'key' | 'token'>, outcome: CallOutcome): QuestionOutcome {
    const { ledger, random, ruleset } = this.#deps
    const nextAttemptAt = instant(ledger.now() + backoff(retryOf(ruleset(), service), attempts + 1, random()))
    switch (outcome.kind) {
      case 'found': {
        const answer = { found: true, fields: outcome.fields }
        return { kind: 'answered', answer, keepFor: REMEMBERED, nextAttemptAt, status: String(outcome.status) }
      }
      case 'missing': {
        const answer = { found: false, fields: {} }
        const keepFor: Milliseconds = MISSING_REMEMBERED
        return { kind: 'answered', answer, keepFor, nextAttemptAt, status: String(outcome.status) }
      }
      case 'again': {
        const notBefore = instant(ledger.now() + (outcome.retryAfter ?? 0))
        const { reason, scope } = outcome
        const status = outcome.status === null ? null : String(outcome.status)
        const at = instant(Math.max(notBefore, nextAttemptAt))
        return { kind: 'again', counted: scope === 'call', nextAttemptAt: at, status, reason }
      }
      case 'refused':
        return {
          kind: 'refused',
          status: outcome.status === null ? null : String(outcome.status),
          reason: outcome.reason,
        }
      case 'accepted':
      case 'already':
        return { kind: 'refused', status: String(outcome.status), reason: 'no answer to a question' }
      default:
        return outcome satisfies never
    }
  }
}
