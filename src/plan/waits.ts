import { type Instant, instant, type Milliseconds, ms } from '../base/clock.ts'
import type { NewObligation } from '../ledger/deciding.ts'
import type { KeptAnswer } from '../ledger/questions.ts'
import { asksUntil } from '../rules/asking-on.ts'
import type { Ask, PlannedHold, PlannedWait } from '../rules/decision.ts'
import type { Rule } from '../rules/rule.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { SERVICE_RETRY, type ServiceRetry } from '../rules/service-reach.ts'

/** The answers that a decision was made with, by their key. */
export type Kept = ReadonlyMap<string, KeptAnswer>
export const NO_ANSWERS: Kept = new Map()

/** How long the service of a question is asked, and how often. */
export const retryOf = (ruleset: Ruleset, service: string): ServiceRetry =>
  ruleset.services.get(service)?.retry ?? SERVICE_RETRY

/** One call may wait for its turn, and a read is made twice: so much at least for what takes next to no time. */
const TIME_LEAST = 60_000
/** Longer nobody is waited for, whatever is declared. */
const TIME_MOST = 86_400_000

/** How long one call of a service, whichever, may take from its claim to its outcome, by what the rules let services take. */
export function timeForCalls({ services }: Pick<Ruleset, 'services'>): Milliseconds {
  const declared = [...services.values()].flatMap(({ reach, calls }) => [
    reach.kind === 'http' ? reach.http.timeout : 0,
    ...[...calls.values()].map(({ timeout }) => timeout ?? 0),
  ])
  return ms(Math.min(TIME_MOST, Math.max(TIME_LEAST, 2 * Math.max(0, ...declared))))
}

/** A branch that waits for a first answer: as long as its service is asked. */
export function waitForAnswer(ruleset: Ruleset, ask: Ask, now: Instant): NewObligation {
  const until = instant(now + retryOf(ruleset, ask.service).giveUpAfter)
  return waitFor(ask, `${ask.alias}: no answer yet`, until, { dueAt: now, isNew: true })
}

/** A branch that was told that there is nothing: it waits while the rule wants to try, then a person is asked. */
export function waitOrHold(ruleset: Ruleset, wait: PlannedWait, kept: Kept, now: Instant): NewObligation {
  const { rule, reason, ask } = wait
  const until = asksUntil(wait, kept, now)
  if (until <= now) return { kind: 'HOLD', rule, reason, question: ask.key }
  const dueAt = instant(now + retryOf(ruleset, ask.service).longest)
  return waitFor(ask, reason, instant(until), { dueAt, isNew: false })
}

function waitFor(
  { key, service, call, arguments: given, rule }: Ask,
  reason: string,
  until: Instant,
  when: { readonly dueAt: Instant; readonly isNew: boolean },
): NewObligation {
  return { kind: 'WAIT', rule, reason, question: { key, service, call, arguments: given, ...when }, until }
}

/** A rule's own `hold` is settled by the person it asks; what says that something cannot be done comes back. */
export function holdOf(ruleset: Ruleset, { rule, reason }: PlannedHold): NewObligation {
  const releasable = rule !== null && holdsOf(ruleset).get(rule.name) === reason
  return { kind: 'HOLD', rule, reason, releasable }
}

const known = new WeakMap<Ruleset, ReadonlyMap<string, string>>()

function holdsOf(ruleset: Ruleset): ReadonlyMap<string, string> {
  const before = known.get(ruleset)
  if (before !== undefined) return before
  const holds = new Map<string, string>()
  const collect = (rules: readonly Rule[]): void => {
    for (const rule of rules) {
      if (rule.hold !== undefined) holds.set(rule.ref.name, rule.hold)
      collect(rule.rules)
    }
  }
  collect(ruleset.rules)
  known.set(ruleset, holds)
  return holds
}

/** What a decision rests on, for the ledger to compare. */
export const restsOf = (asked: readonly Ask[], kept: Kept): readonly { key: string; answeredAt: Instant }[] =>
  [...new Set(asked.map(({ key }) => key))].flatMap((key) => {
    const answer = kept.get(key)
    return answer === undefined ? [] : [{ key, answeredAt: answer.answeredAt }]
  })
