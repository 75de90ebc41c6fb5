import type { Statement } from 'better-sqlite3'
import type { Instant } from '../../base/clock.ts'
import { KurirError } from '../../base/failure.ts'
import type { RuleRef } from '../../rules/decision.ts'
import type { Answer } from '../../rules/facts.ts'
import type { ObligationKind } from '../states.ts'
import type { PastDecision, PastObligation } from '../views.ts'
import type { Connection } from './connection.ts'
import { unpackEdits } from './packing.ts'
import type { ReaderVerbs } from './protocol.ts'
import { amendmentsBySeq } from './read-amendments.ts'
import { INSTANCE_COLUMNS, type InstanceColumns, identityOf, receptionOf } from './read-instances.ts'

export const NEXT_PAST_STUDY = `SELECT seq, last_received_at AS at FROM study
  WHERE (last_received_at, seq) > (?, ?) AND last_received_at < ? ORDER BY last_received_at, seq LIMIT 1`
export const PAST_OF_STUDY = `SELECT ${INSTANCE_COLUMNS}, i.undecided, i.study AS studySeq, h.header FROM instance i
  JOIN instance_header h ON h.instance = i.seq
  WHERE i.study = ? AND i.unreadable IS NULL AND (i.received_at, i.seq) > (?, ?) ORDER BY i.received_at, i.seq LIMIT ?`
export const PAST_WITHOUT_STUDY = `SELECT ${INSTANCE_COLUMNS}, i.undecided, i.study AS studySeq, h.header FROM instance i
  JOIN instance_header h ON h.instance = i.seq
  WHERE i.study IS NULL AND i.unreadable IS NULL AND i.received_at < ? AND (i.received_at, i.seq) > (?, ?) ORDER BY i.received_at, i.seq LIMIT ?`
export const PAST_OBLIGATIONS = `SELECT o.kind, o.rule, o.reason, o.question, d.destination, c.rules, c.edits FROM obligation o
  LEFT JOIN delivery d ON d.seq = o.delivery LEFT JOIN delivery_content c ON c.delivery = d.seq
  WHERE o.instance = ? AND (o.state <> 'CANCELLED' OR o.kind = 'DELIVER') ORDER BY o.seq`

/** Those that decisions on the study rested on; of an instance of no study its own. */
export const PAST_ANSWERS = `SELECT key, found, fields, asked_at AS askedAt FROM study_answer WHERE study = ?`

type PastColumns = InstanceColumns & {
  readonly undecided: number
  readonly studySeq: number | null
  readonly header: Uint8Array
}
interface PastObligationColumns {
  readonly kind: ObligationKind
  readonly rule: string | null
  readonly reason: string | null
  readonly question: string | null
  readonly destination: string | null
  readonly rules: string | null
  readonly edits: string | null
}

/** Where a page ended: in which study (null: after the last one), after which instance of it. */
interface Place {
  readonly study: { readonly seq: number; readonly at: number } | null
  readonly at: number
  readonly seq: number
}

const LONGEST = 1_000

/** Past instances with what was decided of them, study by study: what a candidate's decisions are held against. */
export function readPast(db: Connection): Pick<ReaderVerbs, 'pastDecisions'> {
  const nextStudy = db.prepare<[number, number, number], { seq: number; at: number }>(NEXT_PAST_STUDY)
  const ofStudy = db.prepare<[number, number, number, number], PastColumns>(PAST_OF_STUDY)
  const alone = db.prepare<[number, number, number, number], PastColumns>(PAST_WITHOUT_STUDY)
  const amendmentsOf = amendmentsBySeq(db)
  const answers = db.prepare<[number], AnswerColumns>(PAST_ANSWERS)
  const obligations = db.prepare<[number], PastObligationColumns>(PAST_OBLIGATIONS)

  const toPast = (row: PastColumns, answersOf: AnswersOf): PastDecision => ({
    id: row.id,
    reception: receptionOf(row),
    identity: identityOf(row),
    header: row.header,
    isDecided: row.undecided === 0,
    obligations: obligations.all(row.seq).map(toObligation),
    amendments: amendmentsOf(row.seq),
    answers: answersOf(row.studySeq ?? -row.seq),
  })

  return {
    pastDecisions({ since, before }, limit, after) {
      const most = Math.min(limit, LONGEST)
      let place = after === undefined ? beginning(nextStudy.get(since, -1, before), since) : parsePlace(after)
      const answersOf = lookedUpOnce(answers)
      const rows: PastDecision[] = []
      while (rows.length < most) {
        const wanted = most - rows.length
        const found =
          place.study === null
            ? alone.all(before, place.at, place.seq, wanted)
            : ofStudy.all(place.study.seq, place.at, place.seq, wanted)
        rows.push(...found.map((row) => toPast(row, answersOf)))
        const last = found.at(-1)
        if (last !== undefined) place = { study: place.study, at: last.at, seq: last.seq }
        if (found.length === wanted) break
        if (place.study === null) return { rows, next: null }
        place = beginning(nextStudy.get(place.study.at, place.study.seq, before), since)
      }
      return { rows, next: formatPlace(place) }
    },
  }
}

interface AnswerColumns {
  readonly key: string
  readonly found: number
  readonly fields: string
  readonly askedAt: Instant
}

type AnswersOf = (study: number) => PastDecision['answers']

/** Instances come study by study, so what was found last is asked for again. */
function lookedUpOnce(find: Statement<[number], AnswerColumns>): AnswersOf {
  let last: { readonly study: number; readonly answers: PastDecision['answers'] } | undefined
  return (study) => {
    if (last?.study === study) return last.answers
    const answers = find.all(study).map(({ key, found, fields, askedAt }) => {
      const said: Answer['fields'] = JSON.parse(fields)
      return [key, { found: found === 1, fields: said, askedAt }] as const
    })
    last = { study, answers: new Map(answers) }
    return last.answers
  }
}

const beginning = (study: Place['study'] | undefined, since: number): Place =>
  study === undefined || study === null ? { study: null, at: since, seq: -1 } : { study, at: -1, seq: -1 }

function toObligation(row: PastObligationColumns): PastObligation {
  const rules: readonly RuleRef[] = JSON.parse(row.rules ?? (row.rule === null ? '[]' : `[${row.rule}]`))
  const { kind, reason, destination } = row
  const awaitsStudy = kind === 'WAIT' && row.question === null
  return { kind, reason, destination, rules, awaitsStudy, edits: row.edits === null ? [] : unpackEdits(row.edits) }
}

const formatPlace = ({ study, at, seq }: Place): string =>
  study === null ? `-.-.${at}.${seq}` : `${study.at}.${study.seq}.${at}.${seq}`

/** @throws KurirError `invalid-argument` when the text is no place that this ledger gave out */
function parsePlace(text: string): Place {
  const match = /^(?:(\d{1,16})\.(\d{1,16})|-\.-)\.(-?\d{1,16})\.(-?\d{1,16})$/.exec(text)
  if (match === null) throw new KurirError('invalid-argument', 'permanent', 'no such cursor')
  const [, studyAt, study, at, seq] = match
  const place = { at: Number(at), seq: Number(seq) }
  return { ...place, study: studyAt === undefined ? null : { at: Number(studyAt), seq: Number(study) } }
}
