import { type Instant, instant } from '../../base/clock.ts'
import type { Connection } from './connection.ts'

export const TIME_MARK = `SELECT value FROM mark WHERE name = 'time'`
export const TIME_MARK_SET = `INSERT INTO mark (name, value) VALUES ('time', ?)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value`

/** Writing it with every commit would be waste; a second is fine for intervals of seconds and more. */
const GRAIN_MS = 1_000

/** Remembers how far the ledger's time had come, so that a clock set back while we were down is noticed. */
export function openTimeMark(db: Connection) {
  const set = db.prepare<[number]>(TIME_MARK_SET)
  let marked = db.prepare<[], number>(TIME_MARK).pluck().get() ?? 0
  return {
    advance(to: Instant) {
      if (to >= marked && to < marked + GRAIN_MS) return
      set.run(to)
      marked = to
    },
  }
}

export const SHIFT_DUE = `UPDATE delivery SET next_attempt_at = next_attempt_at - ?
  WHERE destination = ? AND state = 'READY' AND next_attempt_at > ?`
export const SHIFT_PAUSES = `UPDATE destination SET paused_until = paused_until - ? WHERE paused_until > ?`
export const SHIFT_PROBES = `UPDATE destination SET down_probe_at = down_probe_at - ? WHERE down_probe_at > ?`
export const SHIFT_MOMENTS = `UPDATE study_timer SET due_at = due_at - ?, longest_at = longest_at - ?,
  opened_at = opened_at - ? WHERE due_at > ?`
export const SHIFT_ERRANDS = `UPDATE errand SET next_attempt_at = next_attempt_at - ?
  WHERE service IS NOT NULL AND state = 'PENDING' AND next_attempt_at > ?`
export const SHIFT_QUESTIONS = `UPDATE question SET asked_at = asked_at - ?, next_attempt_at = next_attempt_at - ?`
/** Since when those ask who wait for another answer than the last one: how long they do counts from there. */
export const SHIFT_ASKED = `UPDATE study_answer SET asked_at = asked_at - ? WHERE (study, key) IN
  (SELECT coalesce(i.study, -i.seq), o.question FROM obligation o JOIN instance i ON i.seq = o.instance
    WHERE o.state = 'WAITING' AND o.until IS NOT NULL AND o.until > ?)`
export const SHIFT_WAITS = `UPDATE obligation SET until = until - ?
  WHERE state = 'WAITING' AND until IS NOT NULL AND until > ?`
export const SHIFT_ANSWERS = `UPDATE answer SET keep_until = keep_until - ? WHERE keep_until > ?`
const SHIFTS = [SHIFT_PAUSES, SHIFT_PROBES, SHIFT_ERRANDS, SHIFT_ASKED, SHIFT_WAITS, SHIFT_ANSWERS]

/**
 * When the wall clock was set back while nobody ran, whatever waits would wait that much longer. Intervals survive: due
 * times move back by the same step. Leases need nothing: their holders died with their process.
 *
 * @param now the wall clock at opening
 */
export function mendClock(db: Connection, now: Instant): void {
  const mark = instant(db.prepare<[], number>(TIME_MARK).pluck().get() ?? 0)
  const step = mark - now
  if (step <= GRAIN_MS) return
  const destinations = db.prepare<[], string>('SELECT DISTINCT destination FROM delivery_tally').pluck().all()
  db.transaction(() => {
    const shift = db.prepare(SHIFT_DUE)
    for (const destination of destinations) shift.run(step, destination, now)
    for (const sql of SHIFTS) db.prepare(sql).run(step, now)
    db.prepare(SHIFT_MOMENTS).run(step, step, step, now)
    db.prepare(SHIFT_QUESTIONS).run(step, step)
    db.prepare(TIME_MARK_SET).run(now)
  })()
}
