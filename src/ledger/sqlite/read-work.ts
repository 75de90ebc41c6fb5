import { type Instant, instant } from '../../base/clock.ts'
import type { InstanceId } from '../ids.ts'
import type { DestinationCondition } from '../records.ts'
import { type DeliveryState, OBLIGATION_STATES, type ObligationState } from '../states.ts'
import type { ObligationCounts, QueueDepth } from '../views.ts'
import type { Connection } from './connection.ts'
import type { ReaderVerbs } from './protocol.ts'
import { amendmentsBySeq } from './read-amendments.ts'
import { blobOf, INSTANCE_COLUMNS, type InstanceColumns, identityOf, receptionOf } from './read-instances.ts'

export const UNPLANNED = `SELECT ${INSTANCE_COLUMNS}, i.version, h.header FROM instance i
  JOIN instance_header h ON h.instance = i.seq WHERE i.undecided = 1 AND i.seq > ? ORDER BY i.seq LIMIT ?`
/** An id that is gone still has a place: after the last one made before it. */
export const PLACE_OF_ID = `SELECT seq FROM instance WHERE id <= ? ORDER BY id DESC LIMIT 1`
export const NEXT_READY = `SELECT next_attempt_at FROM delivery WHERE destination = ? AND urgent = ? AND state = 'READY'
  ORDER BY next_attempt_at LIMIT 1`
export const NEXT_LEASE = `SELECT lease_until FROM delivery WHERE destination = ? AND state = 'SENDING'
  ORDER BY lease_until LIMIT 1`
export const PAUSE = `SELECT paused_until AS until FROM destination WHERE name = ? AND paused_by IS NOT NULL`
export const DEPTHS = `SELECT state, n FROM delivery_tally WHERE destination = ?`
export const RETRYING_LATER = `SELECT count(*) FROM (SELECT 1 FROM delivery WHERE destination = ? AND state = 'READY'
  AND attempts > 0 AND next_attempt_at > ? LIMIT 10000)`
export const OLDEST_READY = `SELECT planned_at FROM delivery WHERE destination = ? AND state = 'READY'
  ORDER BY planned_at LIMIT 1`
export const CONDITIONS = `SELECT t.name, paused_by AS pausedBy, paused_reason AS pausedReason, paused_until AS pausedUntil,
  down_since AS downSince, down_failures AS downFailures, down_probe_at AS downProbeAt, down_reason AS downReason, notes
  FROM (SELECT name FROM destination UNION SELECT destination FROM delivery_tally) t
  LEFT JOIN destination USING (name) ORDER BY t.name`
export const OBLIGATION_COUNTS = `SELECT state, n FROM obligation_tally`
export const BLOB_DECIDED = `SELECT 1 FROM instance WHERE blob_key = ? AND undecided = 0`
export const BLOBS_UNDECIDED = `SELECT blob_key FROM instance WHERE undecided = 1`
export const VERIFIED = `SELECT value FROM mark WHERE name = 'verified'`
export const UNVERIFIED = `SELECT ${INSTANCE_COLUMNS} FROM instance i WHERE i.seq > ? ORDER BY i.seq LIMIT ?`

interface ConditionColumns {
  readonly name: string
  readonly pausedBy: string | null
  readonly pausedReason: string | null
  readonly pausedUntil: Instant | null
  readonly downSince: Instant | null
  readonly downFailures: number | null
  readonly downProbeAt: Instant | null
  readonly downReason: string | null
  readonly notes: string | null
}
type WorkVerb =
  | 'unplanned'
  | 'nextDueAt'
  | 'queueDepth'
  | 'conditions'
  | 'obligationCounts'
  | 'undecidedBlobs'
  | 'decidedBlobs'
  | 'unverified'

/** What there is to do and how much of it. Counts come from tallies that the writer's triggers keep. */
export function readWork(db: Connection): Pick<ReaderVerbs, WorkVerb> {
  return { ...readUndecided(db), ...readQueues(db), ...readBlobs(db) }
}

function readUndecided(db: Connection): Pick<ReaderVerbs, 'unplanned' | 'obligationCounts'> {
  const find = db.prepare<[number, number], InstanceColumns & { version: number; header: Uint8Array }>(UNPLANNED)
  const counts = db.prepare<[], { state: string; n: number }>(OBLIGATION_COUNTS)
  const amendmentsOf = amendmentsBySeq(db)
  const placeOf = places(db)
  return {
    unplanned: (limit, after) =>
      find.all(placeOf(after), limit).map((row) => ({
        id: row.id,
        version: row.version,
        blob: blobOf(row),
        reception: receptionOf(row),
        identity: identityOf(row),
        header: row.header,
        // Only what has been changed since it came in can have any.
        amendments: row.version === 1 ? [] : amendmentsOf(row.seq),
      })),
    obligationCounts(): ObligationCounts {
      const rows = new Map(counts.all().map(({ state, n }) => [state, n]))
      const of = (state: ObligationState): number => rows.get(state) ?? 0
      const each = Object.fromEntries(OBLIGATION_STATES.map((state) => [state, of(state)]))
      return { ...(each as Record<ObligationState, number>), undecided: rows.get('UNDECIDED') ?? 0 }
    },
  }
}

function readQueues(db: Connection): Pick<ReaderVerbs, 'nextDueAt' | 'queueDepth' | 'conditions'> {
  const ready = db.prepare<[string, number], Instant>(NEXT_READY).pluck()
  const lease = db.prepare<[string], Instant>(NEXT_LEASE).pluck()
  const pauseOf = db.prepare<[string], { until: Instant | null }>(PAUSE)
  const depths = db.prepare<[string], { state: DeliveryState; n: number }>(DEPTHS)
  const later = db.prepare<[string, Instant], number>(RETRYING_LATER).pluck()
  const oldest = db.prepare<[string], Instant>(OLDEST_READY).pluck()
  const all = db.prepare<[], ConditionColumns>(CONDITIONS)

  return {
    nextDueAt(destination, at) {
      const pause = pauseOf.get(destination)
      const isPaused = pause !== undefined && (pause.until === null || pause.until > at)
      const work = isPaused ? [pause.until] : [ready.get(destination, 1), ready.get(destination, 0)]
      const times = [...work, lease.get(destination)].filter((time) => time !== undefined && time !== null)
      return times.length === 0 ? undefined : instant(Math.min(...times))
    },
    queueDepth(destination, at): QueueDepth {
      const rows = new Map(depths.all(destination).map(({ state, n }) => [state, n]))
      const of = (state: DeliveryState): number => rows.get(state) ?? 0
      const waiting = later.get(destination, at) ?? 0
      return {
        ready: of('READY') - waiting,
        waiting,
        sending: of('SENDING'),
        awaitingCommitment: of('AWAITING_COMMITMENT'),
        held: of('HELD'),
        rejected: of('REJECTED'),
        failed: of('FAILED'),
        delivered: of('DELIVERED'),
        cancelled: of('CANCELLED'),
        oldestReadyAt: oldest.get(destination) ?? null,
      }
    },
    conditions: (at) => all.all().map((row) => toCondition(row, at)),
  }
}

function toCondition(row: ConditionColumns, now: Instant): DestinationCondition {
  const { name, pausedBy, pausedUntil, downSince, notes } = row
  const isPaused = pausedBy !== null && (pausedUntil === null || pausedUntil > now)
  const paused = isPaused ? { by: pausedBy, reason: row.pausedReason ?? '', until: pausedUntil } : null
  if (downSince === null) return { name, paused, down: null, notes }
  const probeAt = row.downProbeAt ?? downSince
  const down = { since: downSince, failures: row.downFailures ?? 0, probeAt, reason: row.downReason ?? '' }
  return { name, paused, down, notes }
}

function readBlobs(db: Connection): Pick<ReaderVerbs, 'undecidedBlobs' | 'decidedBlobs' | 'unverified'> {
  const decided = db.prepare<[string], number>(BLOB_DECIDED).pluck()
  const undecided = db.prepare<[], string>(BLOBS_UNDECIDED).pluck()
  const verified = db.prepare<[], number>(VERIFIED).pluck()
  const find = db.prepare<[number, number], InstanceColumns>(UNVERIFIED)
  const placeOf = places(db)
  return {
    undecidedBlobs: () => new Set(undecided.all()),
    decidedBlobs: (keys) => new Set(keys.filter((key) => decided.get(key) !== undefined)),
    unverified(limit, after) {
      const from = Math.max(verified.get() ?? 0, placeOf(after))
      return find.all(from, limit).map((row) => ({ id: row.id, blob: blobOf(row) }))
    },
  }
}

function places(db: Connection): (id: InstanceId | undefined) => number {
  const place = db.prepare<[string], number>(PLACE_OF_ID).pluck()
  return (id) => (id === undefined ? 0 : (place.get(id) ?? 0))
}
