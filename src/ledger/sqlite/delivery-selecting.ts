import type { Instant } from '../../base/clock.ts'
import type { DeliveryId } from '../ids.ts'
import type { DeliverySelection } from '../records.ts'
import type { Connection } from './connection.ts'
import { deliverySources } from './delivery-sources.ts'
import { type Placed, pager } from './paging.ts'

const SELECT = `SELECT d.id, d.planned_at AS at, d.seq FROM delivery d`
const WAITING_IF_READY = `(d.state <> 'READY' OR (d.attempts > 0 AND d.next_attempt_at > ?))`
const SENDABLE = `EXISTS (SELECT 1 FROM instance i WHERE i.seq = d.instance AND i.spooled = 1)`

/** Beyond this many the rest is not counted: a person who retries a thousand at a time need not know more. */
export const LEFT_CAP = 10_000

interface Found extends Placed {
  readonly id: DeliveryId
}

/**
 * The oldest deliveries of a selection, and how many more there are (at most `LEFT_CAP`). Of those that are READY only
 * the ones whose next try lies in the future; none whose original is no longer in the spool.
 */
export function deliverySelecting(db: Connection) {
  const sourcesOf = deliverySources(db)
  const { merged } = pager(db)
  return (
    selection: DeliverySelection,
    now: Instant,
    limit: number,
  ): { readonly ids: readonly DeliveryId[]; readonly left: number } => {
    const sources = sourcesOf(SELECT, selection).map((source) => ({
      ...source,
      where: [...source.where, WAITING_IF_READY, SENDABLE],
      params: [...source.params, now],
    }))
    const range = { limit: limit + LEFT_CAP, newestFirst: false, after: undefined, before: undefined }
    const rows = merged<Found>(sources, range)
    return { ids: rows.slice(0, limit).map((row) => row.id), left: Math.max(0, rows.length - limit) }
  }
}
