import type { LedgerViews, ObligationRow } from '../ledger/views.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { StudyMember } from '../rules/study-decision.ts'
import { factsOnRecord } from './facts-on-record.ts'

/** So many instances of a study are explained at once: their headers are in memory together, and deciding does not pause. */
export const MOST_MEMBERS = 500
const PAGE = 200

/**
 * The members of a study as its first round would have them, by their ids; discarded and unreadable ones are none. Undefined
 * when there are more than `MOST_MEMBERS` instances.
 *
 * @param views of the ledger
 */
export async function membersOf(
  views: Pick<LedgerViews, 'instances' | 'header' | 'amendments' | 'obligations'>,
  studyInstanceUid: string,
  ruleset: Ruleset,
): Promise<readonly StudyMember[] | undefined> {
  const members: StudyMember[] = []
  let seen = 0
  let after: string | undefined
  for (;;) {
    const request = { first: PAGE, ...(after === undefined ? {} : { after }) }
    const page = await views.instances({ studyInstanceUid }, request)
    seen += page.rows.length
    if (seen > MOST_MEMBERS) return undefined
    for (const { row } of page.rows) {
      const facts = row.state === 'DISCARDED' ? undefined : await factsOnRecord(views, row, ruleset)
      if (facts === undefined) continue
      const { id, state } = row
      const isWanted = (await views.obligations(id)).some(wants)
      members.push({ id, facts, isNew: true, isHeld: state === 'HELD', isWanted })
    }
    after = page.rows.at(-1)?.cursor
    if (!page.hasNext || after === undefined) return members.reverse()
  }
}

/** By what the instance moment decided; waiting for the study's moment itself, which no rule asks for, is no wanting. */
const wants = ({ kind, state, round, rule }: ObligationRow): boolean =>
  round === null && state !== 'CANCELLED' && (kind === 'WAIT' ? rule !== null : kind === 'DELIVER' || kind === 'HOLD')
