import type { NewObligation } from '../ledger.ts'
import { type AnswersOfStudies, answersOf } from './answer-keeping.ts'
import { holdKeeping } from './hold-keeping.ts'
import type { WriteContext } from './write-context.ts'

export const OBLIGATION_INSERT = `INSERT INTO obligation
  (id, instance, kind, state, rule, reason, until, ruleset_digest, made_at, question, study_round, follows)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
export const QUESTION_INSERT = `INSERT OR IGNORE INTO question (key, service, call, given, asked_at, attempts, next_attempt_at)
  VALUES (?, ?, ?, ?, ?, 0, ?)`
/** What else of the same round a person looks at as one with this. */
export const ROUND_LEAD = `SELECT seq FROM obligation WHERE study_round = ? AND follows IS NULL AND state = ? AND reason IS ?
  AND question IS ? ORDER BY seq LIMIT 1`

type Owed = Exclude<NewObligation, { readonly kind: 'DELIVER' }>

export interface OwedBy {
  readonly instance: number
  readonly study: number | null
  /** Null for the instance moment. */
  readonly round: number | null
  readonly digest: string
}

/** `answered`: what it would wait for came meanwhile, so the decision that says so is to be made again. */
export type Owing = 'owed' | 'released' | 'answered'

/** Writes what is owed beside deliveries: that it waits, is held, or goes nowhere. */
export function owing(context: WriteContext): (by: OwedBy, owed: Owed) => Owing {
  const { db } = context
  const insert = db.prepare(OBLIGATION_INSERT)
  const question = db.prepare(QUESTION_INSERT)
  const leadOf = db.prepare<[number, string, string, string | null], number>(ROUND_LEAD).pluck()
  const holds = holdKeeping(context)
  const answers: AnswersOfStudies = answersOf(context)

  function write(by: OwedBy, owed: Owed, state: string, until: number | null, key: string | null): void {
    const rule = owed.rule === null ? null : JSON.stringify(owed.rule)
    const lead = by.round === null ? null : (leadOf.get(by.round, state, owed.reason, key) ?? null)
    const what = [context.newId(), by.instance, owed.kind, state, rule, owed.reason, until]
    insert.run(...what, by.digest, context.at(), key, by.round, lead)
  }

  return (by, owed) => {
    switch (owed.kind) {
      case 'DISCARD':
        write(by, owed, 'DISCARDED', null, null)
        return 'owed'
      case 'HOLD':
        if (holds.isAnswered(by.instance, by.round, owed)) return 'released'
        if (!holds.stays(by.instance, by.round, owed, by.digest)) write(by, owed, 'HELD', null, owed.question ?? null)
        return 'owed'
      case 'WAIT': {
        const { question: asked, until } = owed
        write(by, owed, 'WAITING', until, asked?.key ?? null)
        if (asked === null) return 'owed'
        const { key, service, call, dueAt } = asked
        question.run(key, service, call, JSON.stringify(asked.arguments), context.at(), dueAt)
        context.wake('question')
        return asked.isNew && answers.isThere(by.study ?? -by.instance, key) ? 'answered' : 'owed'
      }
      default:
        return owed satisfies never
    }
  }
}
