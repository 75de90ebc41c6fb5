import type { RulesetRecord } from '../ledger.ts'
import type { RulesetRow } from '../views.ts'
import type { Connection } from './connection.ts'
import { type Placed, pager, type Source } from './paging.ts'
import type { ReaderVerbs } from './protocol.ts'

const RULESET_SELECT = `SELECT r.seq, r.seq AS at, r.digest, r.loaded_at AS loadedAt, r.loaded_by AS "by", r.summary, r.pin,
  (SELECT json_group_array(value ->> 'name') FROM json_each(r.files)) AS files FROM ruleset r`
export const RULESET_LAST = `SELECT digest, loaded_at AS loadedAt, loaded_by AS "by", files, summary, pin FROM ruleset
  ORDER BY seq DESC LIMIT 1`
export const RULESET_VIEW = `${RULESET_SELECT} WHERE r.digest = ?`
export const RULESET_FILES = `SELECT files FROM ruleset WHERE digest = ?`

/** All of them, by when they last came into force. */
export const RULESET_SOURCE: Source = { select: RULESET_SELECT, where: [], params: [], at: 'r.seq', seq: 'r.seq' }

/** With the columns that hold JSON as they stand. */
type Stored<Row> = Omit<Row, 'files' | 'summary' | 'pin'> & {
  readonly files: string
  readonly summary: string | null
  readonly pin: string | null
}

/** The rulesets that are or were in force. */
export function readRulesets(
  db: Connection,
): Pick<ReaderVerbs, 'lastRuleset' | 'ruleset' | 'rulesets' | 'rulesetFiles'> {
  const { page } = pager(db)
  const last = db.prepare<[], Stored<RulesetRecord>>(RULESET_LAST)
  const view = db.prepare<[string], Stored<RulesetRow> & Placed>(RULESET_VIEW)
  const files = db.prepare<[string], string>(RULESET_FILES).pluck()
  return {
    lastRuleset: () => opened<RulesetRecord>(last.get()),
    ruleset(digest) {
      const row = view.get(digest)
      return row === undefined ? undefined : toRow(row)
    },
    rulesets: (request) => page('r', [RULESET_SOURCE], request, toRow),
    rulesetFiles(digest) {
      const text = files.get(digest)
      return text === undefined ? undefined : JSON.parse(text)
    },
  }
}

const toRow = ({ seq: _, at: __, ...row }: Stored<RulesetRow> & Placed): RulesetRow => parsed<RulesetRow>(row)

const opened = <Row>(row: Stored<Row> | undefined): Row | undefined =>
  row === undefined ? undefined : parsed<Row>(row)

/** What was written as JSON by `ruleset-verbs.ts`, as it was before. */
function parsed<Row>({ files, summary, pin, ...row }: Stored<Row>): Row {
  const jsonOrNull = (text: string | null): unknown => (text === null ? null : JSON.parse(text))
  return { ...row, files: JSON.parse(files), summary: jsonOrNull(summary), pin: jsonOrNull(pin) } as Row
}
