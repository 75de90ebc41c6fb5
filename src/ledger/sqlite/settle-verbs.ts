import type { Instant } from '../../base/clock.ts'
import type { AttemptId } from '../ids.ts'
import type { GivenBack, Settlement, SettleOutcome } from '../ledger.ts'
import { errandsOfRounds } from './errand-making.ts'
import { instanceStates, obligationStateOf } from './instance-state.ts'
import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const CLAIMED_BY_TOKEN = `SELECT seq, instance, study, errand, destination, attempts FROM delivery
  WHERE id = ? AND state = 'SENDING' AND claim_token = ?`
export const SETTLE = `UPDATE delivery SET state = ?, reason = ?, attempts = attempts + 1, next_attempt_at = ?,
  settled_at = ?, sent_sha256 = coalesce(?, sent_sha256), ambiguous = max(ambiguous, ?), claim_token = NULL,
  claimed_by = NULL, lease_until = NULL WHERE seq = ?`
export const ATTEMPT_INSERT = `INSERT INTO attempt (id, delivery, number, started_at, took, outcome, status, reason)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
export const OBLIGATION_FOLLOWS = `UPDATE obligation SET state = ?, reason = ? WHERE delivery = ?`
export const GIVE_BACK = `UPDATE delivery SET state = 'READY', next_attempt_at = ?, ambiguous = max(ambiguous, ?),
  claim_token = NULL, claimed_by = NULL, lease_until = NULL WHERE seq = ?`
export const RESCUABLE = `SELECT seq, id, destination, attempts FROM delivery
  WHERE destination = ? AND state = 'SENDING' AND (lease_until <= ? OR (claimed_by <> ? AND node = ?))`
export const RESCUE = `UPDATE delivery SET state = 'READY', attempts = attempts + 1, ambiguous = 1, next_attempt_at = ?,
  claim_token = NULL, claimed_by = NULL, lease_until = NULL WHERE seq = ?`
export const SENDING_DESTINATIONS = `SELECT destination FROM delivery_tally WHERE state = 'SENDING' AND n > 0`

interface ClaimedRow {
  readonly seq: number
  readonly instance: number
  readonly study: number | null
  readonly errand: number | null
  readonly destination: string
  readonly attempts: number
}
interface RescueRow {
  readonly seq: number
  readonly id: string
  readonly destination: string
  readonly attempts: number
}

/** Handing claims back: with an answer, without one, or because their holder is gone. */
export function settleVerbs(context: WriteContext): Pick<WriterVerbs, 'settle' | 'giveBack' | 'rescue'> {
  const { db } = context
  const claimed = db.prepare<[string, string], ClaimedRow>(CLAIMED_BY_TOKEN)
  const settle = db.prepare(SETTLE)
  const insertAttempt = db.prepare(ATTEMPT_INSERT)
  const follow = db.prepare(OBLIGATION_FOLLOWS)
  const giveBack = db.prepare<[Instant, number, number]>(GIVE_BACK)
  const refreshState = instanceStates(db)
  const errands = errandsOfRounds(context)

  function settleOne(settlement: Settlement): SettleOutcome {
    const { delivery, token, attempt, state, reason, nextAttemptAt, sentSha256 } = settlement
    const row = claimed.get(delivery, token)
    if (row === undefined) return 'superseded'
    const at = context.at()
    const due = state === 'READY' ? (nextAttemptAt ?? at) : null
    const settledAt = state === 'READY' || state === 'HELD' ? null : at
    const ambiguous = attempt.outcome === 'AMBIGUOUS' ? 1 : 0
    settle.run(state, state === 'READY' ? null : reason, due, settledAt, sentSha256, ambiguous, row.seq)
    const { startedAt, took, outcome, status } = attempt
    const attemptId = context.newId<AttemptId>()
    insertAttempt.run(attemptId, row.seq, row.attempts + 1, startedAt, took, outcome, status, attempt.reason)
    if (state === 'READY') context.wake(`deliver:${row.destination}`)
    else {
      context.wake('settled')
      follow.run(obligationStateOf(state), state === 'DELIVERED' ? null : reason, row.seq)
      refreshState(row.instance)
      if (row.errand !== null) errands.refresh(row.errand)
      if (row.study !== null) errands.studyMoved(row.study)
    }
    auditAttempt(settlement, row)
    return 'applied'
  }

  function auditAttempt({ delivery, attempt, state }: Settlement, { destination, attempts }: ClaimedRow): void {
    const { outcome, status, reason } = attempt
    const detail = JSON.stringify({ destination, attempt: attempts + 1, outcome, status, reason })
    const note = { event: 'DICOM Instances Transferred', actor: 'dispatcher', outcome: state.toLowerCase() } as const
    context.audit.append(context.at(), { ...note, subject: ['Delivery', delivery], detail })
  }

  function giveOneBack({ delivery, token, maybeTaken }: GivenBack): void {
    const row = claimed.get(delivery, token)
    if (row === undefined) return
    giveBack.run(context.at(), maybeTaken ? 1 : 0, row.seq)
    context.wake(`deliver:${row.destination}`)
  }

  return {
    settle: (settlements) => settlements.map(settleOne),
    giveBack: (deliveries) => {
      for (const delivery of deliveries) giveOneBack(delivery)
    },
    rescue: rescuing(context),
  }
}

/** Brings back what was SENDING under a lease that ended, or under a claimant of this node that is no more. */
function rescuing(context: WriteContext): WriterVerbs['rescue'] {
  const { db } = context
  const destinations = db.prepare<[], string>(SENDING_DESTINATIONS).pluck()
  const rescuable = db.prepare<[string, Instant, string, string], RescueRow>(RESCUABLE)
  const rescue = db.prepare<[Instant, number]>(RESCUE)
  const insertAttempt = db.prepare(ATTEMPT_INSERT)

  function rescueOne(row: RescueRow): void {
    const at = context.at()
    rescue.run(at, row.seq)
    const number = row.attempts + 1
    // When it began died with its holder.
    insertAttempt.run(context.newId<AttemptId>(), row.seq, number, at, null, 'INTERRUPTED', null, 'interrupted')
    const detail = JSON.stringify({ destination: row.destination, attempt: number })
    const note = { event: 'Delivery Interrupted', actor: 'dispatcher', outcome: 'ready' } as const
    context.audit.append(at, { ...note, subject: ['Delivery', row.id], detail })
    context.wake(`deliver:${row.destination}`)
  }

  return (liveClaimant) => {
    const rows = destinations.all().flatMap((name) => rescuable.all(name, context.at(), liveClaimant, context.node))
    for (const row of rows) rescueOne(row)
    return rows.length
  }
}
