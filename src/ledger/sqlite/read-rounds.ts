import type { Instant } from '../../base/clock.ts'
import type { SettledBy } from '../../rules/study-decision.ts'
import type { InstanceId, RoundId } from '../ids.ts'
import type { OpenRound } from '../rounds.ts'
import type { Connection } from './connection.ts'
import type { ReaderVerbs } from './protocol.ts'
import { amendmentsBySeq } from './read-amendments.ts'
import { blobOf, INSTANCE_COLUMNS, type InstanceColumns, identityOf, receptionOf } from './read-instances.ts'

/** Whether nothing came for long enough, or it was open for long enough: then the last instance did not move the time. */
export const STUDIES_DUE = `SELECT s.study_instance_uid AS studyInstanceUid, t.settled_by AS settledBy,
  t.opened_at AS openedAt, t.due_at AS dueAt, t.longest_at AS longestAt
  FROM study_timer t JOIN study s ON s.seq = t.study WHERE t.due_at <= ? ORDER BY t.due_at LIMIT ?`
export const NEXT_STUDY = `SELECT due_at FROM study_timer ORDER BY due_at LIMIT 1`
export const ROUNDS_OPEN = `SELECT r.id, s.study_instance_uid AS studyInstanceUid, r.number, r.version,
  r.settled_by AS settledBy, r.ruleset_digest AS begunBy FROM study_round r JOIN study s ON s.seq = r.study WHERE r.state = 'OPEN' ORDER BY r.seq LIMIT ?`
export const ROUND_BY_ID = `SELECT seq FROM study_round WHERE id = ?`
export const MEMBER_PLACE = `SELECT seq FROM instance WHERE id = ?`
/** Wanted: by an obligation of the instance moment or of another round; waiting for the moment itself is no wanting. */
export const ROUND_MEMBERS = `SELECT ${INSTANCE_COLUMNS}, i.version, h.header, m.is_new AS isNew,
  EXISTS (SELECT 1 FROM obligation o WHERE o.instance = i.seq AND o.state NOT IN ('CANCELLED', 'DISCARDED')
    AND o.study_round IS NOT m.round AND NOT (o.kind = 'WAIT' AND o.question IS NULL)) AS isWanted
  FROM round_member m JOIN instance i ON i.seq = m.instance JOIN instance_header h ON h.instance = i.seq
  WHERE m.round = ? AND m.instance > ? AND i.state <> 'DISCARDED' ORDER BY m.instance LIMIT ?`

interface DueColumns {
  readonly studyInstanceUid: string
  readonly settledBy: SettledBy | null
  readonly openedAt: number
  readonly dueAt: number
  readonly longestAt: number
}
interface MemberColumns extends InstanceColumns {
  readonly version: number
  readonly header: Uint8Array
  readonly isNew: number
  readonly isWanted: number
}

/** Study moments that are due, and the rounds that are to be decided. */
export function readRounds(
  db: Connection,
): Pick<ReaderVerbs, 'dueStudies' | 'nextStudyAt' | 'openRounds' | 'roundMembers'> {
  const due = db.prepare<[number, number], DueColumns>(STUDIES_DUE)
  const next = db.prepare<[], Instant>(NEXT_STUDY).pluck()
  const open = db.prepare<[number], OpenRound>(ROUNDS_OPEN)
  const round = db.prepare<[string], number>(ROUND_BY_ID).pluck()
  const place = db.prepare<[string], number>(MEMBER_PLACE).pluck()
  const members = db.prepare<[number, number, number], MemberColumns>(ROUND_MEMBERS)
  const amendmentsOf = amendmentsBySeq(db)

  return {
    dueStudies: (limit, at) =>
      due.all(at, limit).map(({ studyInstanceUid, settledBy, dueAt, longestAt }) => ({
        studyInstanceUid,
        settledBy: settledBy ?? (dueAt >= longestAt ? 'longest' : 'quiet'),
      })),
    nextStudyAt: () => next.get(),
    openRounds: (limit) => open.all(limit),
    roundMembers(id: RoundId, limit: number, after?: InstanceId) {
      const seq = round.get(id)
      if (seq === undefined) return []
      const from = after === undefined ? 0 : (place.get(after) ?? 0)
      return members.all(seq, from, limit).map((row) => ({
        id: row.id,
        blob: blobOf(row),
        reception: receptionOf(row),
        identity: identityOf(row),
        header: row.header,
        amendments: row.version === 1 ? [] : amendmentsOf(row.seq),
        isNew: row.isNew === 1,
        isHeld: row.state === 'HELD',
        isWanted: row.isWanted === 1,
      }))
    },
  }
}
