import { errandsOfRounds } from './errand-making.ts'
import { instanceStates } from './instance-state.ts'
import type { WriterVerbs } from './protocol.ts'
import { OBLIGATION_FOLLOWS } from './settle-verbs.ts'
import type { WriteContext } from './write-context.ts'

export const GONE_READY = `SELECT seq, instance, study, errand FROM delivery WHERE destination = ? AND state = 'READY' LIMIT ?`
export const GONE_HOLD = `UPDATE delivery SET state = 'HELD', reason = ?, next_attempt_at = NULL WHERE seq = ?`
export const GONE_HELD = `SELECT seq, instance, study, errand FROM delivery WHERE destination = ? AND state = 'HELD' AND reason = ?
  LIMIT ?`
export const GONE_RELEASE = `UPDATE delivery SET state = 'READY', reason = NULL, next_attempt_at = ? WHERE seq = ?`

/** The reason of what is held because no ruleset says any more how its destination is reached. */
const GONE = 'destination gone'

interface DeliveryAt {
  readonly seq: number
  readonly instance: number
  readonly study: number | null
  readonly errand: number | null
}

type GoneVerb = 'deliveriesHoldGone' | 'deliveriesReleaseGone'

/** What is owed to a destination that the rules drop, and take up again. An event of the audit for each batch. */
export function goneVerbs(context: WriteContext): Pick<WriterVerbs, GoneVerb> {
  const { db } = context
  const ready = db.prepare<[string, number], DeliveryAt>(GONE_READY)
  const hold = db.prepare<[string, number]>(GONE_HOLD)
  const held = db.prepare<[string, string, number], DeliveryAt>(GONE_HELD)
  const release = db.prepare<[number, number]>(GONE_RELEASE)
  const follow = db.prepare(OBLIGATION_FOLLOWS)
  const refreshState = instanceStates(db)
  const errands = errandsOfRounds(context)

  /** Whoever follows these deliveries, or waits for them, once for all of them. */
  function moved(rows: readonly DeliveryAt[]): void {
    for (const errand of new Set(rows.map((row) => row.errand))) if (errand !== null) errands.refresh(errand)
    for (const study of new Set(rows.map((row) => row.study))) if (study !== null) errands.studyMoved(study)
  }

  function audit(event: 'Destination Gone' | 'Destination Back', destination: string, count: number): void {
    if (count === 0) return
    const note = { event, actor: 'rules', outcome: event === 'Destination Gone' ? 'held' : 'released' } as const
    const detail = JSON.stringify({ deliveries: count })
    context.audit.append(context.at(), { ...note, subject: ['Destination', destination], detail })
  }

  return {
    deliveriesHoldGone(destination, limit) {
      const rows = ready.all(destination, limit)
      for (const { seq, instance } of rows) {
        hold.run(GONE, seq)
        follow.run('HELD', GONE, seq)
        refreshState(instance)
      }
      moved(rows)
      audit('Destination Gone', destination, rows.length)
      return rows.length
    },
    deliveriesReleaseGone(destination, limit) {
      const rows = held.all(destination, GONE, limit)
      for (const { seq, instance } of rows) {
        release.run(context.at(), seq)
        follow.run('PENDING', null, seq)
        refreshState(instance)
      }
      moved(rows)
      audit('Destination Back', destination, rows.length)
      if (rows.length > 0) context.wake(`deliver:${destination}`)
      return rows.length
    },
  }
}
