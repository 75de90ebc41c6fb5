import type { Instant } from '../../base/clock.ts'
import type { Answer } from '../../rules/facts.ts'
import type { WriteContext } from './write-context.ts'

export const ANSWER_KEEP = `INSERT INTO answer (key, found, fields, answered_at, keep_until) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET found = excluded.found, fields = excluded.fields, answered_at = excluded.answered_at,
    keep_until = excluded.keep_until`
export const ANSWER_FRESH = `SELECT 1 FROM answer WHERE key = ? AND keep_until > ?`
export const ANSWERS_EXPIRE = `DELETE FROM answer
  WHERE key IN (SELECT key FROM answer INDEXED BY answer_keep WHERE keep_until <= ? LIMIT 64)`
export const ANSWER_FORGET = `DELETE FROM answer WHERE key = ?`
export const PIN_OF = `SELECT found, fields, answered_at AS answeredAt FROM study_answer WHERE study = ? AND key = ?`
export const PIN_REMEMBERED = `INSERT INTO study_answer (study, key, found, fields, answered_at, asked_at)
  SELECT ?, key, found, fields, answered_at, ? FROM answer WHERE key = ? AND answered_at = ?`
export const PIN = `INSERT INTO study_answer (study, key, found, fields, answered_at, asked_at) VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (study, key) DO UPDATE SET found = excluded.found, fields = excluded.fields,
    answered_at = excluded.answered_at`
export const UNPIN = `DELETE FROM study_answer WHERE study = ? AND key = ?`

interface Pinned {
  readonly found: number
  readonly fields: string
  readonly answeredAt: number
}

export interface AnswersOfStudies {
  /**
   * Pins what a decision rests on. False when the study rests on another answer by now, or it is gone: then the decision does
   * not stand.
   */
  rest(study: number, key: string, answeredAt: Instant): boolean
  /** Whether there is an answer that a decision could have had. */
  isThere(study: number, key: string): boolean
  /** Remembers a new answer across studies. */
  remember(key: string, answer: Answer, keepUntil: number): void
  /** Whether this says something else than what the study rested on. */
  pin(study: number, key: string, answer: Answer, askedAt: number): boolean
  forget(study: number, key: string): void
}

/** The answers that decisions rest on: one for a study and a question, kept as long as the study. */
export function answersOf({ db, at }: WriteContext): AnswersOfStudies {
  const keep = db.prepare(ANSWER_KEEP)
  const fresh = db.prepare<[string, number], number>(ANSWER_FRESH).pluck()
  const expire = db.prepare<[number]>(ANSWERS_EXPIRE)
  const forget = db.prepare<[string]>(ANSWER_FORGET)
  const pinOf = db.prepare<[number, string], Pinned>(PIN_OF)
  const pinRemembered = db.prepare<[number, number, string, number]>(PIN_REMEMBERED)
  const pin = db.prepare(PIN)
  const unpin = db.prepare<[number, string]>(UNPIN)

  return {
    rest(study, key, answeredAt) {
      const pinned = pinOf.get(study, key)
      if (pinned !== undefined) return pinned.answeredAt === answeredAt
      return pinRemembered.run(study, at(), key, answeredAt).changes === 1
    },
    isThere: (study, key) => pinOf.get(study, key) !== undefined || fresh.get(key, at()) !== undefined,
    remember(key, { found, fields }, keepUntil) {
      keep.run(key, found ? 1 : 0, JSON.stringify(fields), at(), keepUntil)
      expire.run(at())
    },
    pin(study, key, { found, fields }, askedAt) {
      const text = JSON.stringify(fields)
      const before = pinOf.get(study, key)
      if (before !== undefined && before.found === (found ? 1 : 0) && before.fields === text) return false
      pin.run(study, key, found ? 1 : 0, text, at(), askedAt)
      return true
    },
    forget(study, key) {
      unpin.run(study, key)
      forget.run(key)
    },
  }
}
