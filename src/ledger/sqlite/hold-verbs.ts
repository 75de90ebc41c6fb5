import type { NewAmendment } from '../amendments.ts'
import type { DeliveryId, InstanceId } from '../ids.ts'
import type { Actor, OperatorOutcome } from '../ledger.ts'
import type { ObligationState } from '../states.ts'
import { correcting } from './amend-verbs.ts'
import { answersOf } from './answer-keeping.ts'
import { decidingAnew } from './decide-anew.ts'
import { DISCARDED, RELEASED } from './hold-keeping.ts'
import { instanceStates } from './instance-state.ts'
import { operatorVerbs } from './operator-verbs.ts'
import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const HOLD_VIEW = `SELECT o.seq, o.state, o.reason, o.question, o.study_round AS round, o.follows, i.id AS instanceId,
  i.seq AS instance, i.study, i.spooled, i.unreadable, d.id AS delivery FROM obligation o JOIN instance i ON i.seq = o.instance
  LEFT JOIN delivery d ON d.seq = o.delivery WHERE o.id = ?`
/** One thing for a person to look at, with everything it stands for; of a wait that is over a part may still be WAITING. */
export const HOLD_GROUP = `SELECT instance FROM obligation WHERE seq = ? AND state = 'HELD'
  UNION ALL SELECT instance FROM obligation WHERE follows = ? AND state IN ('HELD', 'WAITING')`
export const HOLD_RELEASE = `UPDATE obligation SET state = 'CANCELLED', reason = '${RELEASED}' || reason
  WHERE seq = ? AND state = 'HELD'`
export const HOLDS_RELEASE = `UPDATE obligation SET kind = 'HOLD', state = 'CANCELLED', until = NULL,
  reason = '${RELEASED}' || reason WHERE follows = ? AND state IN ('HELD', 'WAITING')`
export const HOLD_DISCARD = `UPDATE obligation SET state = 'DISCARDED', reason = ? || '${DISCARDED}' || reason
  WHERE seq = ? AND state = 'HELD'`
export const HOLDS_DISCARD = `UPDATE obligation SET kind = 'HOLD', state = 'DISCARDED', until = NULL,
  reason = ? || '${DISCARDED}' || reason WHERE follows = ? AND state IN ('HELD', 'WAITING')`
/** A round of which a part is written is finished first; so its members wait with what they wait for. */
const NOT_BEGUN = `NOT EXISTS (SELECT 1 FROM study_round r JOIN round_member m ON m.round = r.seq
  WHERE r.state = 'OPEN' AND r.ruleset_digest IS NOT NULL AND m.instance = obligation.instance)`
export const DECIDED_BEFORE = `SELECT seq, instance, study_round AS round FROM obligation
  WHERE delivery IS NULL AND state IN ('HELD', 'WAITING') AND ruleset_digest < ? AND ${NOT_BEGUN} LIMIT ?`
export const DECIDED_AFTER = `SELECT seq, instance, study_round AS round FROM obligation
  WHERE delivery IS NULL AND state IN ('HELD', 'WAITING') AND ruleset_digest > ? AND ${NOT_BEGUN} LIMIT ?`
export const DECIDED_NOW = `UPDATE obligation SET ruleset_digest = ? WHERE seq = ?`

interface Held {
  readonly seq: number
  readonly state: ObligationState
  readonly reason: string | null
  readonly question: string | null
  readonly round: number | null
  readonly follows: number | null
  readonly instanceId: InstanceId
  readonly instance: number
  readonly study: number | null
  readonly spooled: number
  readonly unreadable: string | null
  readonly delivery: DeliveryId | null
}
interface Open {
  readonly seq: number
  readonly instance: number
  readonly round: number | null
}
type HoldEvent = 'Hold Released' | 'Hold Discarded'
type Found = { readonly kind: 'held'; readonly row: Held } | Exclude<OperatorOutcome<never>, { readonly kind: 'ok' }>

/** What people and new rulesets do with what is held. */
export function holdVerbs(context: WriteContext): Pick<WriterVerbs, 'holdRelease' | 'holdDiscard' | 'decideAnew'> {
  const { db } = context
  const view = db.prepare<[string], Held>(HOLD_VIEW)
  const groupOf = db.prepare<[number, number], number>(HOLD_GROUP).pluck()
  const correct = correcting(context)
  const anew = decidingAnew(context)
  const answers = answersOf(context)
  const deliveries = operatorVerbs(context)
  const refreshState = instanceStates(db)
  const release = [HOLD_RELEASE, HOLDS_RELEASE].map((sql) => db.prepare<[number]>(sql))
  const discard = [HOLD_DISCARD, HOLDS_DISCARD].map((sql) => db.prepare<[string, number]>(sql))

  function find(id: string): Found {
    const row = view.get(id)
    if (row === undefined) return { kind: 'not-found' }
    return row.state === 'HELD' ? { kind: 'held', row } : { kind: 'not-allowed-now', state: row.state }
  }

  /** A correction by the names of what it changes; the values stand with the amendment. */
  function audit(event: HoldEvent, by: Actor, row: Held, reason: string, amendment?: NewAmendment): void {
    const corrected = amendment?.changes.map(({ keyword, tag }) => keyword ?? tag)
    const detail = JSON.stringify({ reason, held: row.reason, corrected })
    const note = { event, actor: by.name, outcome: 'success', detail } as const
    context.audit.append(context.at(), { ...note, subject: ['Instance', row.instanceId] })
  }

  /** What the delivery would carry is written: with a correction there must be another one. */
  function releaseDelivery(row: Held, delivery: DeliveryId, by: Actor, amendment?: NewAmendment) {
    if (amendment === undefined) return deliveries.deliveryRetry(delivery, by)
    const isAnew = correct(row.instance, amendment, by.name)
    // The moment that owed it owes the other one.
    if (row.round !== null) anew.round(row.round)
    else if (!isAnew) anew.instance(row.instance)
    return deliveries.deliveryCancel(delivery, 'amended', by)
  }

  function releaseHold(row: Held, by: Actor, amendment: NewAmendment | undefined): void {
    const lead = row.follows ?? row.seq
    const instances = groupOf.all(lead, lead)
    for (const statement of release) statement.run(lead)
    if (row.question !== null) answers.forget(row.study ?? -row.instance, row.question)
    for (const instance of instances) {
      const isAnew = amendment !== undefined && correct(instance, amendment, by.name)
      if (row.round === null && !isAnew) anew.instance(instance)
      if (row.round !== null && !isAnew) refreshState(instance)
    }
    if (row.round !== null) anew.round(row.round)
  }

  return {
    holdRelease(id, reason, by, amendment) {
      const found = find(id)
      if (found.kind !== 'held') return found
      const { row } = found
      if (row.unreadable !== null) return { kind: 'not-allowed-now', state: 'unreadable' }
      if (row.spooled === 0) return { kind: 'not-allowed-now', state: 'original no longer in the spool' }
      audit('Hold Released', by, row, reason, amendment)
      if (row.delivery !== null) releaseDelivery(row, row.delivery, by, amendment)
      else releaseHold(row, by, amendment)
      return { kind: 'ok', value: row.instanceId }
    },
    holdDiscard(id, reason, by) {
      const found = find(id)
      if (found.kind !== 'held') return found
      const { row } = found
      audit('Hold Discarded', by, row, reason)
      if (row.delivery !== null) {
        deliveries.deliveryCancel(row.delivery, reason, by)
        return { kind: 'ok', value: row.instanceId }
      }
      const lead = row.follows ?? row.seq
      const instances = groupOf.all(lead, lead)
      for (const statement of discard) statement.run(reason, lead)
      for (const instance of instances) refreshState(instance)
      return { kind: 'ok', value: row.instanceId }
    },
    decideAnew: decidingByNewRules(context),
  }
}

function decidingByNewRules(context: WriteContext): WriterVerbs['decideAnew'] {
  const { db } = context
  const before = db.prepare<[string, number], Open>(DECIDED_BEFORE)
  const after = db.prepare<[string, number], Open>(DECIDED_AFTER)
  const mark = db.prepare<[string, number]>(DECIDED_NOW)
  const anew = decidingAnew(context)

  return (digest, limit) => {
    const rows = before.all(digest, limit)
    if (rows.length < limit) rows.push(...after.all(digest, limit - rows.length))
    const instances = new Set<number>()
    const rounds = new Set<number>()
    for (const { seq, instance, round } of rows) {
      // A round's obligations stay until it is decided; marked, they are not found again.
      mark.run(digest, seq)
      if (round === null) instances.add(instance)
      else rounds.add(round)
    }
    for (const instance of instances) anew.instance(instance)
    for (const round of rounds) anew.round(round)
    if (rows.length > 0) {
      const detail = JSON.stringify({ instances: instances.size, rounds: rounds.size })
      const note = { event: 'Decision Asked Anew', actor: 'rules', outcome: 'success', detail } as const
      context.audit.append(context.at(), { ...note, subject: ['Ruleset', digest] })
    }
    return rows.length
  }
}
