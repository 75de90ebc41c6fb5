import { EDIT_VERSION } from '../dicom/resolved-edit.ts'
import type { NewObligation, PlanEntry, Unplanned } from '../ledger/ledger.ts'
import { judgeCaller } from '../rules/caller.ts'
import { decide } from '../rules/decide.ts'
import type { Decision } from '../rules/decision.ts'
import { heldTowards } from '../rules/destinations.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { factsOf } from './facts.ts'
import { instructed } from './instruction.ts'

/**
 * What a Decision makes us owe. A discard takes effect only when nothing else wants the instance (RULES.md 3.9).
 *
 * @param heldTowards why a delivery to that destination must not leave yet; null when it may
 */
export function obligationsOf(
  decision: Decision,
  heldTowards: (destination: string) => string | null,
): readonly NewObligation[] {
  const deliveries = decision.forwards.map(
    (forward): NewObligation => ({
      kind: 'DELIVER',
      destination: forward.destination,
      rules: forward.rules,
      edits: forward.edits,
      changes: forward.changes,
      editVersion: EDIT_VERSION,
      outgoingUid: forward.sopInstanceUid,
      urgent: forward.urgent,
      held: heldTowards(forward.destination),
    }),
  )
  const holds = decision.holds.map((hold): NewObligation => ({ kind: 'HOLD', ...hold }))
  const wanted = [...deliveries, ...holds, ...notYetDone(decision)]
  if (wanted.length > 0) return wanted
  return decision.discards.map((discard) => ({ kind: 'DISCARD', ...discard }))
}

// Nothing asks services or brings studies to their moment yet: a person sees what was meant, and nothing is lost.
function notYetDone({ asks, waits, awaitsStudy }: Decision): readonly NewObligation[] {
  const unasked = asks.map(({ rule, alias }) => ({ rule, reason: `${alias}: not asked` }))
  const unmet = awaitsStudy ? [{ rule: null, reason: 'waits for its study' }] : []
  return [...unasked, ...waits, ...unmet].map(({ rule, reason }) => ({ kind: 'HOLD', rule, reason }))
}

/** The decision on one instance as it is handed to the ledger. @throws whatever a mistake in a rule or a header throws */
export function planEntryOf(instance: Unplanned, ruleset: Ruleset): PlanEntry {
  const told = instructed(instance, ruleset)
  if (told !== undefined) return entry(instance, ruleset, told)
  const decision = decide(ruleset, factsOf(instance, defaultCharset(ruleset, instance)))
  return entry(
    instance,
    ruleset,
    obligationsOf(decision, (name) => heldTowards(ruleset.destinations, name)),
  )
}

/** An instance that a mistake of ours left undecided: a person looks, and it can be planned again. */
export const heldInternal = (instance: Unplanned, ruleset: Ruleset): PlanEntry =>
  entry(instance, ruleset, [{ kind: 'HOLD', rule: null, reason: 'internal' }])

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
