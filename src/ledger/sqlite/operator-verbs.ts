import type { InstanceId } from '../ids.ts'
import type { OperatorOutcome } from '../ledger.ts'
import type { DeliverySelection } from '../records.ts'
import type { DeliveryState, InstanceState } from '../states.ts'
import { deliverySelecting } from './delivery-selecting.ts'
import { errandsOfRounds } from './errand-making.ts'
import { instanceStates } from './instance-state.ts'
import type { WriterVerbs } from './protocol.ts'
import { OBLIGATION_FOLLOWS } from './settle-verbs.ts'
import type { WriteContext } from './write-context.ts'

export const DELIVERY_BY_ID = `SELECT d.seq, d.id, d.instance, d.study, d.errand, d.destination, d.state, i.spooled FROM delivery d
  JOIN instance i ON i.seq = d.instance WHERE d.id = ?`
export const RETRY = `UPDATE delivery SET state = 'READY', reason = NULL, next_attempt_at = ?, settled_at = NULL,
  sent_sha256 = CASE WHEN state = 'HELD' THEN NULL ELSE sent_sha256 END WHERE seq = ?`
export const CANCEL = `UPDATE delivery SET state = 'CANCELLED', reason = ?, next_attempt_at = NULL, settled_at = ?
  WHERE seq = ?`
export const INSTANCE_TO_REPLAN = `SELECT i.seq, i.state, i.undecided, i.spooled, i.unreadable IS NULL AS readable
  FROM instance i WHERE i.id = ?`
export const OBLIGATIONS_FORGET = `UPDATE obligation SET state = 'CANCELLED', reason = 'asked anew'
  WHERE instance = ? AND delivery IS NULL AND study_round IS NULL
  AND (state IN ('HELD', 'WAITING') OR (kind = 'HOLD' AND state = 'DISCARDED'))`
export const INSTANCE_REPLAN = `UPDATE instance SET undecided = 1, version = version + 1, round = round + 1,
  duplicate_of = NULL WHERE seq = ?`

interface DeliveryAt {
  readonly seq: number
  readonly id: string
  readonly instance: number
  readonly study: number | null
  readonly errand: number | null
  readonly destination: string
  readonly state: DeliveryState
  readonly spooled: number
}
interface InstanceAt {
  readonly seq: number
  readonly state: InstanceState
  readonly undecided: number
  readonly spooled: number
  readonly readable: number
}

/** From where a person may send again, and from where a person may call it off. */
const RETRIABLE: ReadonlySet<DeliveryState> = new Set<DeliveryState>([
  'READY',
  'HELD',
  'REJECTED',
  'FAILED',
  'CANCELLED',
])
const CANCELLABLE: ReadonlySet<DeliveryState> = new Set<DeliveryState>(['READY', 'HELD', 'REJECTED', 'FAILED'])
/** Without being asked for by state, all but what somebody called off. */
const RETRIED_UNASKED: readonly DeliveryState[] = ['READY', 'HELD', 'REJECTED', 'FAILED']

type OperatorVerb = 'deliveryRetry' | 'deliveriesRetry' | 'deliveryCancel' | 'instanceReplan'

/** What people decide. */
export function operatorVerbs(context: WriteContext): Pick<WriterVerbs, OperatorVerb> {
  const { db } = context
  const find = db.prepare<[string], DeliveryAt>(DELIVERY_BY_ID)
  const retry = db.prepare<[number, number]>(RETRY)
  const cancel = db.prepare<[string, number, number]>(CANCEL)
  const follow = db.prepare(OBLIGATION_FOLLOWS)
  const refreshState = instanceStates(db)
  const select = deliverySelecting(db)
  const errands = errandsOfRounds(context)

  function audit(
    event: 'Delivery Retried' | 'Delivery Cancelled',
    actor: string,
    row: DeliveryAt,
    reason?: string,
  ): void {
    const detail = JSON.stringify({ destination: row.destination, from: row.state, reason })
    context.audit.append(context.at(), { event, actor, outcome: 'success', subject: ['Delivery', row.id], detail })
  }

  function retryOne(row: DeliveryAt, actor: string): void {
    retry.run(context.at(), row.seq)
    follow.run('PENDING', null, row.seq)
    refreshState(row.instance)
    if (row.errand !== null) errands.refresh(row.errand)
    audit('Delivery Retried', actor, row)
    context.wake(`deliver:${row.destination}`)
  }

  return {
    deliveryRetry(id, by) {
      const row = find.get(id)
      if (row === undefined) return { kind: 'not-found' }
      if (!RETRIABLE.has(row.state)) return { kind: 'not-allowed-now', state: row.state }
      if (row.spooled === 0) return { kind: 'not-allowed-now', state: 'original no longer in the spool' }
      retryOne(row, by.name)
      return { kind: 'ok', value: id }
    },
    deliveriesRetry(selection, limit, by) {
      const states = (selection.states ?? RETRIED_UNASKED).filter((state) => RETRIABLE.has(state))
      const wanted: DeliverySelection = { ...selection, states }
      // READY and due needs no retry: it would be counted for ever.
      const waitingAfter = context.at()
      const { ids, left } = select(wanted, waitingAfter, limit)
      for (const id of ids) {
        const row = find.get(id)
        if (row !== undefined) retryOne(row, by.name)
      }
      return { retried: ids.length, left }
    },
    deliveryCancel(id, reason, by) {
      const row = find.get(id)
      if (row === undefined) return { kind: 'not-found' }
      if (!CANCELLABLE.has(row.state)) return { kind: 'not-allowed-now', state: row.state }
      cancel.run(reason, context.at(), row.seq)
      follow.run('CANCELLED', reason, row.seq)
      refreshState(row.instance)
      if (row.errand !== null) errands.refresh(row.errand)
      if (row.study !== null) errands.studyMoved(row.study)
      audit('Delivery Cancelled', by.name, row, reason)
      return { kind: 'ok', value: id }
    },
    instanceReplan: replanning(context),
  }
}

function replanning(context: WriteContext): WriterVerbs['instanceReplan'] {
  const { db } = context
  const find = db.prepare<[string], InstanceAt>(INSTANCE_TO_REPLAN)
  const forget = db.prepare<[number]>(OBLIGATIONS_FORGET)
  const replan = db.prepare<[number]>(INSTANCE_REPLAN)
  const refreshState = instanceStates(db)
  return (id, by): OperatorOutcome<InstanceId> => {
    const row = find.get(id)
    if (row === undefined) return { kind: 'not-found' }
    if (row.readable === 0) return { kind: 'not-allowed-now', state: 'unreadable' }
    if (row.spooled === 0) return { kind: 'not-allowed-now', state: 'original no longer in the spool' }
    if (row.undecided === 1) return { kind: 'ok', value: id }
    forget.run(row.seq)
    replan.run(row.seq)
    refreshState(row.seq)
    const note = { event: 'Decision Asked Anew', actor: by.name, outcome: 'success' } as const
    context.audit.append(context.at(), { ...note, subject: ['Instance', id] })
    context.wake('plan')
    return { kind: 'ok', value: id }
  }
}
