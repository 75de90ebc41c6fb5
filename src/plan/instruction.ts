import { EDIT_VERSION } from '../dicom/resolved-edit.ts'
import type { NewObligation, Unplanned } from '../ledger/ledger.ts'
import { receivedDraft } from '../rules/amendment.ts'
import { heldTowards } from '../rules/destinations.ts'
import type { Facts } from '../rules/facts.ts'
import { destinationOfPair } from '../rules/relay-pair.ts'
import { type Resolved, resolve } from '../rules/resolve.ts'
import type { Ruleset } from '../rules/ruleset.ts'

/**
 * What a request that named its destination makes us owe, in place of the rules' instance moment (ARCHITECTURE.md 4): one
 * delivery of the instance as it came, with the corrections on record, as rule `request:<id>`. Undefined for all that came
 * without such a request.
 *
 * The relay's instances say by their reception where they go: they came by STOW-RS, in the name of the calling AE, for the
 * called AE; nothing else that comes by that door names either.
 *
 * @param facts asked for only where there are corrections
 */
export function instructed(
  instance: Unplanned,
  ruleset: Ruleset,
  facts: () => Facts,
): readonly NewObligation[] | undefined {
  const { door, callingAe, calledAe, associationId } = instance.reception
  if (door !== 'STOW' || callingAe === null || calledAe === null) return undefined
  const destination = destinationOfPair(ruleset.destinations, callingAe, calledAe, undefined)
  const rule = { name: `request:${associationId ?? ''}`, file: '', line: 0, rulesetDigest: ruleset.digest }
  if (destination === undefined) return [{ kind: 'HOLD', rule, reason: 'destination gone' }]
  const corrected = instance.amendments.length === 0 ? AS_IT_CAME : resolve(receivedDraft(facts(), ruleset.keys))
  if ('hold' in corrected) return [{ kind: 'HOLD', rule, reason: `rewrite: ${corrected.hold}` }]
  return [
    {
      kind: 'DELIVER',
      destination,
      rules: [rule],
      ...corrected,
      editVersion: EDIT_VERSION,
      outgoingUid: instance.identity.sopInstanceUid,
      urgent: false,
      held: heldTowards(ruleset.destinations, destination),
    },
  ]
}

const AS_IT_CAME: Resolved = { edits: [], changes: [] }
