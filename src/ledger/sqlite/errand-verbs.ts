import type { Arguments } from '../../rules/decision.ts'
import type { ClaimedErrand, ErrandSettlement } from '../errands.ts'
import type { AttemptId, ClaimToken, ErrandId } from '../ids.ts'
import type { ObligationState } from '../states.ts'
import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const ERRANDS_DUE = `SELECT seq, id, service, call, given, attempts FROM errand
  WHERE service IS NOT NULL AND state = 'PENDING' AND next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?`
/** The claim's lease is the next attempt: who dies with it is followed then. */
export const ERRAND_CLAIM = `UPDATE errand SET claim_token = ?, next_attempt_at = ? WHERE seq = ?`
export const ERRAND_CLAIMED = `SELECT e.seq, e.attempts, e.service, e.call, s.study_instance_uid AS uid FROM errand e
  JOIN study s ON s.seq = e.study WHERE e.id = ? AND e.claim_token = ? AND e.state = 'PENDING'`
export const ERRAND_SETTLE = `UPDATE errand SET state = ?, reason = ?, status = coalesce(?, status), attempts = attempts + ?,
  next_attempt_at = ?, settled_at = ?, claim_token = NULL WHERE seq = ?`
export const ERRAND_ATTEMPT_INSERT = `INSERT INTO errand_attempt
  (id, errand, number, started_at, took, outcome, status, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
export const ERRANDS_OF_SERVICE = `UPDATE errand SET next_attempt_at = ? WHERE service = ? AND state = 'PENDING'
  AND next_attempt_at > ? AND claim_token IS NULL AND service IS NOT NULL`
export const ERRAND_TO_RETRY = `SELECT e.seq, e.state, e.service, e.claim_token AS token, s.study_instance_uid AS uid
  FROM errand e JOIN study s ON s.seq = e.study WHERE e.id = ?`
export const ERRAND_RETRY = `UPDATE errand SET state = 'PENDING', reason = NULL, next_attempt_at = ?, settled_at = NULL
  WHERE seq = ?`

interface Due {
  readonly seq: number
  readonly id: ErrandId
  readonly service: string
  readonly call: string
  readonly given: string
  readonly attempts: number
}
interface Claimed {
  readonly seq: number
  readonly attempts: number
  readonly service: string
  readonly call: string
  readonly uid: string
}
interface ToRetry {
  readonly seq: number
  readonly state: ObligationState
  readonly service: string | null
  readonly token: string | null
  readonly uid: string
}

type ErrandVerb = 'claimErrands' | 'settleErrand' | 'errandsDue' | 'errandRetry'

/** Telling services: claims under a lease, and what came of each try. */
export function errandVerbs(context: WriteContext): Pick<WriterVerbs, ErrandVerb> {
  const { db } = context
  const due = db.prepare<[number, number], Due>(ERRANDS_DUE)
  const claim = db.prepare<[string, number, number]>(ERRAND_CLAIM)
  const ofService = db.prepare<[number, string, number]>(ERRANDS_OF_SERVICE)
  const toRetry = db.prepare<[string], ToRetry>(ERRAND_TO_RETRY)
  const retry = db.prepare<[number, number]>(ERRAND_RETRY)

  return {
    claimErrands: (limit, lease) =>
      due.all(context.at(), limit).map(({ seq, given, ...row }): ClaimedErrand => {
        const token = context.newId<ClaimToken>()
        claim.run(token, context.at() + lease, seq)
        const told: Arguments = JSON.parse(given)
        return { ...row, token, arguments: told }
      }),
    settleErrand: settling(context),
    errandsDue(service) {
      const { changes } = ofService.run(context.at(), service, context.at())
      if (changes > 0) context.wake('errand')
      return changes
    },
    errandRetry(id, by) {
      const row = toRetry.get(id)
      if (row === undefined) return { kind: 'not-found' }
      if (row.service === null || row.state === 'DELIVERED') return { kind: 'not-allowed-now', state: row.state }
      // Being told at this moment: its outcome decides.
      if (row.state === 'PENDING' && row.token !== null) return { kind: 'ok', value: id }
      retry.run(context.at(), row.seq)
      const note = { event: 'Errand Retried', actor: by.name, outcome: 'success' } as const
      context.audit.append(context.at(), {
        ...note,
        subject: ['Study', row.uid],
        detail: JSON.stringify({ errand: id }),
      })
      context.wake('errand')
      return { kind: 'ok', value: id }
    },
  }
}

function settling(context: WriteContext): WriterVerbs['settleErrand'] {
  const { db } = context
  const claimed = db.prepare<[string, string], Claimed>(ERRAND_CLAIMED)
  const settle = db.prepare(ERRAND_SETTLE)
  const insertAttempt = db.prepare(ERRAND_ATTEMPT_INSERT)

  return ({ errand, token, attempt, state, nextAttemptAt, reason }: ErrandSettlement) => {
    const row = claimed.get(errand, token)
    if (row === undefined) return 'superseded'
    const at = context.at()
    const next = state === 'PENDING' ? (nextAttemptAt ?? at) : null
    const counted = attempt === null ? 0 : 1
    settle.run(state, reason, attempt?.status ?? null, counted, next, state === 'PENDING' ? null : at, row.seq)
    if (attempt !== null) {
      const { startedAt, took, outcome, status } = attempt
      const id = context.newId<AttemptId>()
      insertAttempt.run(id, row.seq, row.attempts + 1, startedAt, took, outcome, status, attempt.reason)
      const detail = JSON.stringify({ errand, call: `${row.service}.${row.call}`, attempt: row.attempts + 1, status })
      const note = { event: 'Service Told', actor: 'planner', outcome: state.toLowerCase(), detail } as const
      context.audit.append(at, { ...note, subject: ['Study', row.uid] })
    }
    if (state === 'PENDING') context.wake('errand')
    return 'applied'
  }
}
