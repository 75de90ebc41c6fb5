import type { Unplanned } from '../ledger/ledger.ts'
import { receivedDraft } from '../rules/amendment.ts'
import { explain } from '../rules/decide.ts'
import type { Decision } from '../rules/decision.ts'
import type { Facts } from '../rules/facts.ts'
import { destinationOfPair } from '../rules/relay-pair.ts'
import { type Resolved, resolve } from '../rules/resolve.ts'
import type { Ruleset } from '../rules/ruleset.ts'

type Received = Pick<Unplanned, 'reception' | 'identity' | 'amendments'>

/**
 * What a request that named its destination says, in place of the rules' instance moment (ARCHITECTURE.md 4): the instance
 * goes there as it came, with the corrections on record, by rule `request:<id>`. Undefined for all that came without such a
 * request.
 *
 * The relay's instances say by their reception where they go: they came by STOW-RS, in the name of the calling AE, for the
 * called AE; nothing else that comes by that door names either.
 *
 * @param facts asked for only where there are corrections
 */
export function instructed(instance: Received, ruleset: Ruleset, facts: () => Facts): Decision | undefined {
  const { door, callingAe, calledAe, associationId } = instance.reception
  if (door !== 'STOW' || callingAe === null || calledAe === null) return undefined
  const destination = destinationOfPair(ruleset.destinations, callingAe, calledAe, undefined)
  const rule = { name: `request:${associationId ?? ''}`, file: '', line: 0, rulesetDigest: ruleset.digest }
  const nothing = { forwards: [], holds: [], discards: [], asks: [], waits: [], asked: [], awaitsStudy: false }
  const decision: Decision = { rulesetDigest: ruleset.digest, ...nothing }
  if (destination === undefined) return { ...decision, holds: [{ rule, reason: 'destination gone' }] }
  const corrected = instance.amendments.length === 0 ? AS_IT_CAME : resolve(receivedDraft(facts(), ruleset.keys))
  if ('hold' in corrected) return { ...decision, holds: [{ rule, reason: `rewrite: ${corrected.hold}` }] }
  const { sopInstanceUid } = instance.identity
  const forward = { destination, rules: [rule], ...corrected, sopInstanceUid, urgent: false, with: {} }
  return { ...decision, forwards: [forward] }
}

/** Why an instance that came in goes where it goes: because its request says so, or by the rules that were asked. */
export function explainReceived(instance: Received, ruleset: Ruleset, facts: Facts): ReturnType<typeof explain> {
  const decision = instructed(instance, ruleset, () => facts)
  if (decision === undefined) return explain(ruleset, facts)
  const [said] = [...decision.forwards.flatMap(({ rules }) => rules), ...decision.holds.map(({ rule }) => rule)]
  const forward = decision.forwards.map(({ destination }) => destination)
  const because = ['its request named the destination']
  const step = { depth: 0, matched: true, because, forward, asks: [], notifies: [], stopped: false }
  return { decision, steps: said === undefined || said === null ? [] : [{ rule: said, ...step }] }
}

const AS_IT_CAME: Resolved = { edits: [], changes: [] }
