import type { InstanceRow, LedgerViews } from '../ledger/views.ts'
import { factsOf } from '../plan/facts.ts'
import { defaultCharset } from '../plan/obligations.ts'
import type { Facts } from '../rules/facts.ts'
import type { Ruleset } from '../rules/ruleset.ts'

/** What the rules see of an instance on record, its amendments included; undefined when it is held `unreadable`. */
export async function factsOnRecord(
  views: Pick<LedgerViews, 'header' | 'amendments'>,
  { id, reception, identity, unreadable }: InstanceRow,
  ruleset: Ruleset,
): Promise<Facts | undefined> {
  const [header, rows] = await Promise.all([views.header(id), views.amendments(id)])
  if (unreadable !== null || header === undefined) return undefined
  const amendments = rows.flatMap(({ attributes }) => attributes)
  const received = { header, reception, identity, amendments }
  return factsOf(received, defaultCharset(ruleset, received))
}
