import type { Instant } from '../base/clock.ts'
import { EDIT_VERSION } from '../dicom/resolved-edit.ts'
import type { NewObligation, PlanEntry, Unplanned } from '../ledger/ledger.ts'
import { judgeCaller } from '../rules/caller.ts'
import { decide } from '../rules/decide.ts'
import type { Decision, PlannedForward } from '../rules/decision.ts'
import { heldTowards } from '../rules/destinations.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { factsOf } from './facts.ts'
import { instructed } from './instruction.ts'
import { holdOf, type Kept, NO_ANSWERS, restsOf, waitForAnswer, waitOrHold } from './waits.ts'

/** What is known when a decision becomes obligations. */
export interface Surroundings {
  readonly ruleset: Ruleset
  readonly kept: Kept
  readonly now: Instant
}

/**
 * What a Decision makes us owe. A discard takes effect only when nothing else wants the instance and nothing is still asked
 * (RULES.md 3.9); a delivery to a destination that the ruleset does not have, or cannot serve, is held, not lost.
 */
export function obligationsOf(decision: Decision, { ruleset, kept, now }: Surroundings): readonly NewObligation[] {
  if (decision.awaitsStudy) return [{ kind: 'WAIT', rule: null, reason: 'study moment', question: null, until: null }]
  const wanted = [
    ...decision.forwards.map((forward) => deliveryOf(ruleset, forward.destination, forward)),
    ...decision.holds.map((hold) => holdOf(ruleset, hold)),
    ...decision.asks.map((ask) => waitForAnswer(ruleset, ask, now)),
    ...decision.waits.map((wait) => waitOrHold(ruleset, wait, kept, now)),
  ]
  if (wanted.length > 0) return wanted
  return decision.discards.map((discard) => ({ kind: 'DISCARD', ...discard }))
}

/** One instance on its way to one destination. */
export function deliveryOf(
  ruleset: Ruleset,
  destination: string,
  { rules, edits, changes, sopInstanceUid, urgent }: Omit<PlannedForward, 'destination' | 'with'>,
): NewObligation {
  const held = heldTowards(ruleset.destinations, destination)
  const what = { rules, edits, changes, editVersion: EDIT_VERSION, outgoingUid: sopInstanceUid, urgent, held }
  return { kind: 'DELIVER', destination, ...what }
}

/**
 * The decision on one instance as it is handed to the ledger.
 *
 * @throws whatever a mistake in a rule or a header throws
 */
export function planEntryOf(
  instance: Unplanned,
  ruleset: Ruleset,
  decideIt: () => Decision = () => decide(ruleset, factsOf(instance, defaultCharset(ruleset, instance))),
  { kept, now }: Omit<Surroundings, 'ruleset'> = { kept: NO_ANSWERS, now: instance.reception.at },
): PlanEntry {
  const { quiet, longest } = ruleset.study.options
  const moment = ruleset.study.hasRules ? { moment: { quiet, longest } } : {}
  // A request that names its destination stands in for the instance moment alone.
  const told = instructed(instance, ruleset, () => factsOf(instance, defaultCharset(ruleset, instance)))
  if (told !== undefined) return { ...entry(instance, ruleset, obligationsOf(told, { ruleset, kept, now })), ...moment }
  const decision = decideIt()
  const obligations = obligationsOf(decision, { ruleset, kept, now })
  return {
    ...entry(instance, ruleset, obligations),
    ...moment,
    ...(decision.asked.length > 0 ? { rests: restsOf(decision.asked, kept) } : {}),
  }
}

/** What is owed of an instance that a mistake of ours left undecided: a person looks, and it can be planned again. */
export const HELD_INTERNAL: readonly NewObligation[] = [{ kind: 'HOLD', rule: null, reason: 'internal' }]
export const heldInternal = (instance: Unplanned, ruleset: Ruleset): PlanEntry =>
  entry(instance, ruleset, HELD_INTERNAL)

const entry = (instance: Unplanned, ruleset: Ruleset, obligations: readonly NewObligation[]): PlanEntry => ({
  instance: instance.id,
  expectedVersion: instance.version,
  rulesetDigest: ruleset.digest,
  obligations,
})

/** How text of the caller that brought it is read, where it declares no character set. */
export function defaultCharset(ruleset: Ruleset, { reception }: Pick<Unplanned, 'reception'>): string | undefined {
  if (ruleset.callers === undefined || reception.callingAe === null || reception.peer === null) return undefined
  const facts = { callingAe: reception.callingAe, calledAe: reception.calledAe ?? '', peer: reception.peer }
  const verdict = judgeCaller(ruleset.callers, facts)
  return verdict.admitted ? verdict.caller?.defaultCharset : undefined
}
