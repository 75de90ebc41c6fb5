import type { Instant } from '../../base/clock.ts'
import type { Arguments, RuleRef } from '../../rules/decision.ts'
import type { ErrandRow, ErrandSelection } from '../errands.ts'
import type { ObligationState } from '../states.ts'
import type { ErrandAttemptRow } from '../views.ts'
import type { Connection } from './connection.ts'
import { type Placed, pager, type Source } from './paging.ts'
import type { ReaderVerbs } from './protocol.ts'
import { conditions } from './read-instances.ts'

export const ERRAND_SELECT = `SELECT e.seq, e.made_at AS at, e.id, s.study_instance_uid AS studyInstanceUid,
  (SELECT r.number FROM study_round r WHERE r.seq = e.round) AS round, e.rule, e.destination, e.service, e.call,
  e.given, e.state, e.reason, e.status, e.attempts, e.next_attempt_at AS nextAttemptAt, e.settled_at AS settledAt
  FROM errand e CROSS JOIN study s ON s.seq = e.study`
export const ERRAND_VIEW = `${ERRAND_SELECT} WHERE e.id = ?`
const ERRAND_ATTEMPT_SELECT = `SELECT a.seq, a.number AS at, a.id, a.number, a.started_at AS startedAt, a.took, a.outcome,
  a.status, a.reason, (SELECT e.id FROM errand e WHERE e.seq = a.errand) AS errand FROM errand_attempt a`
export const NEXT_ERRAND = `SELECT next_attempt_at FROM errand WHERE service IS NOT NULL AND state = 'PENDING'
  ORDER BY next_attempt_at LIMIT 1`

interface ErrandColumns extends Placed, Omit<ErrandRow, 'rule' | 'arguments' | 'madeAt'> {
  readonly rule: string
  readonly given: string
}
type AttemptColumns = Placed & ErrandAttemptRow

/** What study moments owe, newest first. */
export function readErrands(
  db: Connection,
): Pick<ReaderVerbs, 'errand' | 'errands' | 'errandAttempts' | 'nextErrandAt'> {
  const { page } = pager(db)
  const view = db.prepare<[string], ErrandColumns>(ERRAND_VIEW)
  const next = db.prepare<[], Instant>(NEXT_ERRAND).pluck()
  return {
    errand(id) {
      const row = view.get(id)
      return row === undefined ? undefined : toErrand(row)
    },
    errands: (selection, request) => page('e', errandSources(selection), request, toErrand),
    errandAttempts(errand, request) {
      const of = { where: ['a.errand = (SELECT seq FROM errand WHERE id = ?)'], params: [errand] }
      return page('b', [{ select: ERRAND_ATTEMPT_SELECT, ...of, at: 'a.number', seq: 'a.seq' }], request, toAttempt)
    },
    nextErrandAt: () => next.get(),
  }
}

/** One source a state: an index cannot give their union in order. */
export function errandSources(selection: ErrandSelection): readonly Source[] {
  const { states, service, destination, accessionNumber, studyInstanceUid } = selection
  const source = (state: ObligationState | undefined): Source => {
    const filter = conditions([
      ['e.study = (SELECT seq FROM study WHERE study_instance_uid = ?)', studyInstanceUid],
      ['e.state = ?', state],
      ['e.service = ?', service],
      ['e.destination = ?', destination],
      ['s.accession_number = ?', accessionNumber],
    ])
    return { select: ERRAND_SELECT, ...filter, at: 'e.made_at', seq: 'e.seq' }
  }
  return states === undefined ? [source(undefined)] : states.map(source)
}

function toErrand({ at, seq: _, given, ...row }: ErrandColumns): ErrandRow {
  const rule: RuleRef = JSON.parse(row.rule)
  const told: Arguments = JSON.parse(given)
  return { ...row, rule, arguments: told, madeAt: at as Instant }
}

function toAttempt({ at: _, seq: __, ...row }: AttemptColumns): ErrandAttemptRow {
  return row
}
