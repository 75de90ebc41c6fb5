import type { SettledBy } from '../../rules/study-decision.ts'
import type { NewObligation, OperatorOutcome } from '../ledger.ts'
import type { MomentPolicy } from '../records.ts'
import { decidingAnew } from './decide-anew.ts'
import type { WriteContext } from './write-context.ts'

export const TIMER_TOUCH = `INSERT INTO study_timer (study, opened_at, due_at, longest_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (study) DO UPDATE SET due_at = min(?, opened_at + ?), longest_at = opened_at + ? WHERE settled_by IS NULL`
export const TIMER_STIR = `UPDATE study_timer SET due_at = min(?, opened_at + ?), longest_at = opened_at + ?
  WHERE study = (SELECT seq FROM study WHERE study_instance_uid = ?) AND settled_by IS NULL`
export const TIMER_AT_ONCE = `INSERT INTO study_timer (study, opened_at, due_at, longest_at, settled_by)
  VALUES (?, ?, ?, ?, ?) ON CONFLICT (study) DO UPDATE SET due_at = excluded.due_at, settled_by = excluded.settled_by`
export const TIMER_LATER = `UPDATE study_timer SET due_at = ? WHERE study = ?`
export const TIMER_DONE = `DELETE FROM study_timer WHERE study = ?`
export const STUDY_OPENED = `UPDATE study SET state = 'OPEN' WHERE seq = ? AND state <> 'OPEN'`
export const LAST_ROUND_OF = `SELECT max(round) FROM round_member WHERE instance = ?`
export const STUDY_TO_SETTLE = `SELECT s.seq, s.state, t.study IS NOT NULL AS timed FROM study s
  LEFT JOIN study_timer t ON t.study = s.seq WHERE s.study_instance_uid = ?`
/** Whether anything of the study is in no round yet. */
export const STUDY_HAS_NEW = `SELECT 1 FROM instance i WHERE i.study = ? AND i.state <> 'DISCARDED' AND i.unreadable IS NULL
  AND NOT EXISTS (SELECT 1 FROM round_member m WHERE m.instance = i.seq) LIMIT 1`

interface PlannedInstance {
  readonly seq: number
  readonly study: number | null
  readonly version: number
}

export interface StudyTimers {
  /** An instance was decided at its own moment by rules that have a study moment too. */
  instancePlanned(row: PlannedInstance, policy: MomentPolicy, obligations: readonly NewObligation[]): void
  stir(studyInstanceUid: string, policy: MomentPolicy): void
  /** An operator calls it finished. */
  settle(studyInstanceUid: string, by: SettledBy): OperatorOutcome<string>
  later(study: number, dueAt: number): void
  done(study: number): void
}

/** When the moments of studies come: rows, so that a restart forgets none. */
export function studyTimers(context: WriteContext): StudyTimers {
  const { db } = context
  const touch = db.prepare<number[]>(TIMER_TOUCH)
  const stir = db.prepare<[number, number, number, string]>(TIMER_STIR)
  const atOnce = db.prepare<[number, number, number, number, SettledBy]>(TIMER_AT_ONCE)
  const later = db.prepare<[number, number]>(TIMER_LATER)
  const done = db.prepare<[number]>(TIMER_DONE)
  const opened = db.prepare<[number]>(STUDY_OPENED)
  const lastRound = db.prepare<[number], number | null>(LAST_ROUND_OF).pluck()
  const find = db.prepare<[string], { seq: number; state: string; timed: number }>(STUDY_TO_SETTLE)
  const hasNew = db.prepare<[number], number>(STUDY_HAS_NEW).pluck()
  const anew = decidingAnew(context)

  return {
    instancePlanned({ seq, study, version }, { quiet, longest }, obligations) {
      if (study === null) return
      // Only what has been decided before can be a member already: its study's moment does not come again for it.
      const round = version > 1 ? (lastRound.get(seq) ?? null) : null
      if (round !== null) {
        if (obligations.some(awaitsMoment)) anew.round(round)
        return
      }
      // A discarded instance is not part of its study's moment.
      if (obligations.length > 0 && obligations.every(({ kind }) => kind === 'DISCARD')) return
      const at = context.at()
      touch.run(study, at, at + Math.min(quiet, longest), at + longest, at + quiet, longest, longest)
      opened.run(study)
      context.wake('study')
    },
    stir(uid, { quiet, longest }) {
      if (stir.run(context.at() + quiet, longest, longest, uid).changes === 1) context.wake('study')
    },
    settle(uid, by) {
      const row = find.get(uid)
      if (row === undefined) return { kind: 'not-found' }
      if (row.timed === 0 && hasNew.get(row.seq) === undefined) return { kind: 'not-allowed-now', state: row.state }
      const at = context.at()
      atOnce.run(row.seq, at, at, at, by)
      context.wake('study')
      return { kind: 'ok', value: uid }
    },
    later: (study, dueAt) => void later.run(dueAt, study),
    done: (study) => void done.run(study),
  }
}

const awaitsMoment = (owed: NewObligation): boolean => owed.kind === 'WAIT' && owed.question === null
