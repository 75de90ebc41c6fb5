import { EDIT_VERSION } from '../dicom/resolved-edit.ts'
import type { NewObligation, Unplanned } from '../ledger/ledger.ts'
import { heldTowards } from '../rules/destinations.ts'
import { destinationOfPair } from '../rules/relay-pair.ts'
import type { Ruleset } from '../rules/ruleset.ts'

/**
 * What a request that named its destination makes us owe, in place of the rules' instance moment (ARCHITECTURE.md 4): one
 * delivery of the instance as it came, on record as rule `request:<id>`. Undefined for all that came without such a request.
 *
 * The relay's instances say by their reception where they go: they came by STOW-RS, in the name of the calling AE, for the
 * called AE; nothing else that comes by that door names either.
 */
export function instructed(instance: Unplanned, ruleset: Ruleset): readonly NewObligation[] | undefined {
  const { door, callingAe, calledAe, associationId } = instance.reception
  if (door !== 'STOW' || callingAe === null || calledAe === null) return undefined
  const destination = destinationOfPair(ruleset.destinations, callingAe, calledAe, undefined)
  const rule = { name: `request:${associationId ?? ''}`, file: '', line: 0, rulesetDigest: ruleset.digest }
  if (destination === undefined) return [{ kind: 'HOLD', rule, reason: 'destination gone' }]
  return [
    {
      kind: 'DELIVER',
      destination,
      rules: [rule],
      edits: [],
      changes: [],
      editVersion: EDIT_VERSION,
      outgoingUid: instance.identity.sopInstanceUid,
      urgent: false,
      held: heldTowards(ruleset.destinations, destination),
    },
  ]
}
