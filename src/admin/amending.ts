import type { NewAmendment } from '../ledger/amendments.ts'
import type { InstanceRow, LedgerViews } from '../ledger/views.ts'
import { amendedFacts, amendmentProblem, receivedDraft } from '../rules/amendment.ts'
import type { Amendment } from '../rules/facts.ts'
import { resolve } from '../rules/resolve.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { factsOnRecord } from './facts-on-record.ts'

const MOST_ATTRIBUTES = 50

export type Prepared =
  | { readonly kind: 'amendment'; readonly amendment: NewAmendment }
  /** It stands like that already. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'unreadable' }
  /** `index`: of the attribute; null for all of them. */
  | { readonly kind: 'invalid'; readonly sentence: string; readonly index: number | null }

/**
 * What a person wants corrected, with what stood there before: header and earlier amendments. By the same code that puts
 * amendments into what leaves, so that what could not be written is refused now.
 */
export async function prepareAmendment(
  views: Pick<LedgerViews, 'header' | 'amendments'>,
  row: InstanceRow,
  ruleset: Ruleset,
  attributes: readonly Amendment[],
  reason: string,
): Promise<Prepared> {
  if (attributes.length === 0 || attributes.length > MOST_ATTRIBUTES) {
    return { kind: 'invalid', sentence: `From 1 to ${MOST_ATTRIBUTES} attributes.`, index: null }
  }
  for (const [index, attribute] of attributes.entries()) {
    const isTwice = attributes.findIndex(({ name }) => name === attribute.name) < index
    const sentence = isTwice ? 'This attribute is given twice.' : amendmentProblem(attribute)
    if (sentence !== undefined) return { kind: 'invalid', sentence, index }
  }
  const facts = await factsOnRecord(views, row, ruleset)
  if (facts === undefined) return { kind: 'unreadable' }
  const resolved = resolve(receivedDraft({ ...amendedFacts(facts), amendments: attributes }, ruleset.keys))
  if ('hold' in resolved) return { kind: 'invalid', sentence: `It cannot be written: ${resolved.hold}.`, index: null }
  if (resolved.changes.length === 0) return { kind: 'nothing' }
  return { kind: 'amendment', amendment: { attributes, changes: resolved.changes, reason } }
}
