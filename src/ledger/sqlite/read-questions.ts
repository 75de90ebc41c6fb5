import { type Instant, instant } from '../../base/clock.ts'
import type { KeptAnswer } from '../questions.ts'
import type { Connection } from './connection.ts'
import type { ReaderVerbs } from './protocol.ts'

export const STUDY_KEY = `SELECT coalesce(study, -seq) FROM instance WHERE id = ?`
export const PINNED_ANSWER = `SELECT key, found, fields, answered_at AS answeredAt, asked_at AS askedAt FROM study_answer
  WHERE study = ? AND key = ?`
export const REMEMBERED_ANSWER = `SELECT key, found, fields, answered_at AS answeredAt, NULL AS askedAt FROM answer
  WHERE key = ? AND keep_until > ?`
export const NEXT_QUESTION = `SELECT next_attempt_at FROM question ORDER BY next_attempt_at LIMIT 1`
export const NEXT_WAIT_OVER = `SELECT until FROM obligation WHERE state = 'WAITING' AND until IS NOT NULL ORDER BY until LIMIT 1`

interface AnswerColumns {
  readonly key: string
  readonly found: number
  readonly fields: string
  readonly answeredAt: Instant
  readonly askedAt: Instant | null
}

/** Answers that are there, and when to ask next. */
export function readQuestions(db: Connection): Pick<ReaderVerbs, 'answers' | 'nextQuestionAt'> {
  const studyOf = db.prepare<[string], number>(STUDY_KEY).pluck()
  const pinned = db.prepare<[number, string], AnswerColumns>(PINNED_ANSWER)
  const remembered = db.prepare<[string, number], AnswerColumns>(REMEMBERED_ANSWER)
  const nextQuestion = db.prepare<[], Instant>(NEXT_QUESTION).pluck()
  const nextWait = db.prepare<[], Instant>(NEXT_WAIT_OVER).pluck()

  return {
    answers: (asked, at) =>
      asked.map(({ instance, key }) => {
        const study = studyOf.get(instance)
        const row = (study === undefined ? undefined : pinned.get(study, key)) ?? remembered.get(key, at)
        return row === undefined ? undefined : toAnswer(row)
      }),
    nextQuestionAt() {
      const times = [nextQuestion.get(), nextWait.get()].filter((time) => time !== undefined)
      return times.length === 0 ? undefined : instant(Math.min(...times))
    },
  }
}

function toAnswer({ found, fields, ...row }: AnswerColumns): KeptAnswer {
  const values: KeptAnswer['fields'] = JSON.parse(fields)
  return { ...row, found: found === 1, fields: values }
}
