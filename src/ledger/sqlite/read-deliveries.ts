import type { Instant, Milliseconds } from '../../base/clock.ts'
import type { AttributeChange } from '../../dicom/resolved-edit.ts'
import type { RuleRef } from '../../rules/decision.ts'
import type { AttemptId, DeliveryId, ErrandId, InstanceId, ObligationId } from '../ids.ts'
import type { AttemptOutcome, DeliveryState, ObligationKind, ObligationState } from '../states.ts'
import type { AttemptRow, DeliveryRow, ObligationRow } from '../views.ts'
import type { Connection } from './connection.ts'
import { deliverySources } from './delivery-sources.ts'
import { type Placed, pager, type Source } from './paging.ts'
import type { ReaderVerbs } from './protocol.ts'

export const DELIVERY_SELECT = `SELECT d.seq, d.planned_at AS at, d.id, d.destination, d.sent_to AS sentTo, d.state, d.reason,
  d.urgent, d.attempts, d.next_attempt_at AS nextAttemptAt, d.settled_at AS settledAt, d.sent_sha256 AS sentSha256,
  (SELECT i.id FROM instance i WHERE i.seq = d.instance) AS instance,
  (SELECT e.id FROM errand e WHERE e.seq = d.errand) AS errand,
  (SELECT c.rules FROM delivery_content c WHERE c.delivery = d.seq) AS rules,
  (SELECT c.changes FROM delivery_content c WHERE c.delivery = d.seq) AS changes FROM delivery d`
export const DELIVERY_VIEW = `${DELIVERY_SELECT} WHERE d.id = ?`
const DELIVERY_PLACE = `SELECT d.seq, d.planned_at AS at FROM delivery d`
const ATTEMPT_SELECT = `SELECT a.seq, a.number AS at, a.id, a.number, a.started_at AS startedAt, a.took, a.outcome, a.status,
  a.reason, (SELECT d.id FROM delivery d WHERE d.seq = a.delivery) AS delivery FROM attempt a`
export const ATTEMPT_VIEW = `${ATTEMPT_SELECT} WHERE a.id = ?`
const OBLIGATION_SELECT = `SELECT o.seq, o.made_at AS at, o.id, o.kind, o.state, o.rule, o.reason, o.until,
  (SELECT r.number FROM study_round r WHERE r.seq = o.study_round) AS round,
  (SELECT count(*) FROM obligation f WHERE f.follows = o.seq) AS others,
  (SELECT i.id FROM instance i WHERE i.seq = o.instance) AS instance,
  (SELECT d.id FROM delivery d WHERE d.seq = o.delivery) AS delivery FROM obligation o`
export const OBLIGATIONS_OF = `${OBLIGATION_SELECT}
  WHERE o.instance = (SELECT seq FROM instance WHERE id = ?) ORDER BY o.seq`
export const HELD_SELECT = OBLIGATION_SELECT
export const OBLIGATION_VIEW = `${OBLIGATION_SELECT} WHERE o.id = ?`

interface DeliveryColumns extends Placed {
  readonly id: DeliveryId
  readonly instance: InstanceId
  readonly errand: ErrandId | null
  readonly destination: string
  readonly sentTo: string | null
  readonly state: DeliveryState
  readonly reason: string | null
  readonly urgent: number
  readonly attempts: number
  readonly nextAttemptAt: Instant | null
  readonly settledAt: Instant | null
  readonly sentSha256: string | null
  readonly rules: string
  readonly changes: string
}
interface AttemptColumns extends Placed {
  readonly id: AttemptId
  readonly delivery: DeliveryId
  readonly number: number
  readonly startedAt: Instant
  readonly took: Milliseconds | null
  readonly outcome: AttemptOutcome
  readonly status: string | null
  readonly reason: string | null
}
interface ObligationColumns extends Placed {
  readonly round: number | null
  readonly others: number
  readonly id: ObligationId
  readonly instance: InstanceId
  readonly kind: ObligationKind
  readonly state: ObligationState
  readonly rule: string | null
  readonly reason: string | null
  readonly until: Instant | null
  readonly delivery: DeliveryId | null
}

type DeliveryVerb =
  | 'delivery'
  | 'deliveries'
  | 'deliveryCount'
  | 'attempts'
  | 'attempt'
  | 'obligations'
  | 'obligation'
  | 'held'

/** What is owed, where it stands, and every try of it; newest first. */
export function readDeliveries(db: Connection): Pick<ReaderVerbs, DeliveryVerb> {
  const { page, merged } = pager(db)
  const sources = deliverySources(db)
  const view = db.prepare<[string], DeliveryColumns>(DELIVERY_VIEW)
  const attemptView = db.prepare<[string], AttemptColumns>(ATTEMPT_VIEW)
  const obligationsOf = db.prepare<[string], ObligationColumns>(OBLIGATIONS_OF)
  const obligationView = db.prepare<[string], ObligationColumns>(OBLIGATION_VIEW)

  return {
    delivery(id) {
      const row = view.get(id)
      return row === undefined ? undefined : toDelivery(row)
    },
    deliveries: (selection, request) => page('d', sources(DELIVERY_SELECT, selection), request, toDelivery),
    deliveryCount(selection, cap) {
      const range = { limit: cap + 1, newestFirst: true, after: undefined, before: undefined }
      const found = merged(sources(DELIVERY_PLACE, selection), range).length
      return found > cap ? undefined : found
    },
    attempts(delivery, request) {
      const of = { where: ['a.delivery = (SELECT seq FROM delivery WHERE id = ?)'], params: [delivery] }
      return page('a', [{ select: ATTEMPT_SELECT, ...of, at: 'a.number', seq: 'a.seq' }], request, toAttempt)
    },
    attempt(id) {
      const row = attemptView.get(id)
      return row === undefined ? undefined : toAttempt(row)
    },
    held: (request) => page('h', [HELD_SOURCE], request, toObligation),
    obligations: (instance) => obligationsOf.all(instance).map(toObligation),
    obligation(id) {
      const row = obligationView.get(id)
      return row === undefined ? undefined : toObligation(row)
    },
  }
}

/** What a person is to look at. */
export const HELD_SOURCE: Source = {
  select: HELD_SELECT,
  where: [`o.state = 'HELD'`, 'o.follows IS NULL'],
  params: [],
  at: 'o.made_at',
  seq: 'o.seq',
}

function toDelivery(row: DeliveryColumns): DeliveryRow {
  const { at, seq: _, ...columns } = row
  const rules: readonly RuleRef[] = JSON.parse(row.rules)
  const changes: readonly AttributeChange[] = JSON.parse(row.changes)
  return { ...columns, urgent: row.urgent === 1, rules, changes, plannedAt: at as Instant }
}

function toAttempt({ at: _, seq: __, ...row }: AttemptColumns): AttemptRow {
  return row
}

function toObligation({ at: _, seq: __, ...row }: ObligationColumns): ObligationRow {
  const rule: RuleRef | null = row.rule === null ? null : JSON.parse(row.rule)
  return { ...row, rule }
}
