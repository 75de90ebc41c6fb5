import { EDIT_VERSION } from '../dicom/resolved-edit.ts'
import type { NewObligation } from '../ledger/ledger.ts'
import type { Decision } from '../rules/decision.ts'

/**
 * What a Decision makes us owe. A discard takes effect only when nothing else wants the instance (RULES.md 3.9).
 *
 * @param isKnown whether there is a destination of that name; a delivery to any other is held, not lost
 */
export function obligationsOf(decision: Decision, isKnown: (destination: string) => boolean): readonly NewObligation[] {
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
      held: isKnown(forward.destination) ? null : 'destination gone',
    }),
  )
  const holds = decision.holds.map((hold): NewObligation => ({ kind: 'HOLD', ...hold }))
  const wanted = [...deliveries, ...holds]
  if (wanted.length > 0) return wanted
  return decision.discards.map((discard) => ({ kind: 'DISCARD', ...discard }))
}
