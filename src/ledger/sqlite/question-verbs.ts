import type { Instant } from '../../base/clock.ts'
import type { Arguments } from '../../rules/decision.ts'
import type { Answer } from '../../rules/facts.ts'
import type { ClaimToken } from '../ids.ts'
import type { ClaimedQuestion, QuestionOutcome } from '../questions.ts'
import { answersOf } from './answer-keeping.ts'
import { decidingAnew } from './decide-anew.ts'
import { instanceStates } from './instance-state.ts'
import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const QUESTIONS_DUE = `SELECT key, service, call, given, asked_at AS askedAt, attempts FROM question
  WHERE next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?`
/** The claim's lease is the next attempt: who dies with it is followed then. */
export const QUESTION_CLAIM = `UPDATE question SET claim_token = ?, next_attempt_at = ? WHERE key = ?`
export const QUESTION_CLAIMED = `SELECT key, service, call, asked_at AS askedAt FROM question WHERE key = ? AND claim_token = ?`
export const QUESTION_AGAIN = `UPDATE question SET attempts = attempts + ?, next_attempt_at = ?, status = ?, reason = ?,
  claim_token = NULL WHERE key = ?`
export const QUESTION_FORGET = `DELETE FROM question WHERE key = ?`
export const QUESTIONS_OF_SERVICE = `UPDATE question SET next_attempt_at = ?
  WHERE service = ? AND next_attempt_at > ? AND claim_token IS NULL`
export const SOMEBODY_WAITS = `SELECT 1 FROM obligation WHERE question = ? AND state = 'WAITING' LIMIT 1`
/** Whom an answer concerns: who waits for it, and who was held for it. */
export const CONCERNED = `SELECT o.seq, o.instance, o.study_round AS round, i.study FROM obligation o
  JOIN instance i ON i.seq = o.instance WHERE o.question = ? AND o.state IN ('WAITING', 'HELD')`
export const WAITS_OVER = `SELECT o.seq, o.instance, i.id FROM obligation o JOIN instance i ON i.seq = o.instance
  WHERE o.state = 'WAITING' AND o.until IS NOT NULL AND o.until <= ? ORDER BY o.until LIMIT ?`
export const WAIT_HELD = `UPDATE obligation SET kind = 'HOLD', state = 'HELD', until = NULL WHERE seq = ?`
export const WAIT_REFUSED = `UPDATE obligation SET kind = 'HOLD', state = 'HELD', until = NULL, reason = ?
  WHERE question = ? AND state = 'WAITING'`
export const STUDY_OF_UID = `SELECT seq FROM study WHERE study_instance_uid = ?`
export const ANSWERS_OF_STUDY = `SELECT key FROM study_answer WHERE study = ?`
export const OPEN_OF_STUDY = `SELECT DISTINCT o.instance, o.study_round AS round, o.question FROM instance i
  JOIN obligation o ON o.instance = i.seq
  WHERE i.study = ? AND o.delivery IS NULL AND o.question IS NOT NULL AND o.state IN ('HELD', 'WAITING')`
export const QUESTION_AT_ONCE = `UPDATE question SET next_attempt_at = ? WHERE key = ? AND claim_token IS NULL`

interface Due {
  readonly key: string
  readonly service: string
  readonly call: string
  readonly given: string
  readonly askedAt: Instant
  readonly attempts: number
}
interface Concerned {
  readonly seq: number
  readonly instance: number
  readonly round: number | null
  readonly study: number | null
}

type QuestionVerb = 'claimQuestions' | 'settleQuestion' | 'questionsDue' | 'waitsExpired' | 'studyAskAgain'

/** Questions of decisions: one row for all who wait, answers pinned by study. */
export function questionVerbs(context: WriteContext): Pick<WriterVerbs, QuestionVerb> {
  return {
    claimQuestions: claiming(context),
    settleQuestion: settling(context),
    waitsExpired: expiring(context),
    ...askingAgain(context),
  }
}

function claiming(context: WriteContext): WriterVerbs['claimQuestions'] {
  const { db } = context
  const due = db.prepare<[number, number], Due>(QUESTIONS_DUE)
  const claim = db.prepare<[string, number, string]>(QUESTION_CLAIM)
  const forget = db.prepare<[string]>(QUESTION_FORGET)
  const waits = db.prepare<[string], number>(SOMEBODY_WAITS).pluck()

  return (limit, lease) =>
    due.all(context.at(), limit).flatMap(({ given, ...row }): ClaimedQuestion[] => {
      if (waits.get(row.key) === undefined) {
        forget.run(row.key)
        return []
      }
      const token = context.newId<ClaimToken>()
      claim.run(token, context.at() + lease, row.key)
      const asked: Arguments = JSON.parse(given)
      return [{ ...row, token, arguments: asked }]
    })
}

function settling(context: WriteContext): WriterVerbs['settleQuestion'] {
  const { db } = context
  const claimed = db.prepare<[string, string], Omit<Due, 'given' | 'attempts'>>(QUESTION_CLAIMED)
  const again = db.prepare(QUESTION_AGAIN)
  const forget = db.prepare<[string]>(QUESTION_FORGET)
  const refused = db.prepare<[string, string]>(WAIT_REFUSED)
  const concerned = db.prepare<[string], Concerned>(CONCERNED)
  const answers = answersOf(context)
  const refreshState = instanceStates(db)
  const decideAgain = decidingAgain(context)

  function answered(key: string, askedAt: Instant, { answer, keepFor, nextAttemptAt, status }: Answered): void {
    answers.remember(key, answer, context.at() + keepFor)
    const changed = new Map<number, boolean>()
    const rows = concerned.all(key).filter(({ study, instance }) => {
      const of = study ?? -instance
      const known = changed.get(of) ?? answers.pin(of, key, answer, askedAt)
      changed.set(of, known)
      return known
    })
    if (answer.found) forget.run(key)
    else again.run(1, nextAttemptAt, status, 'not found', key)
    decideAgain(rows)
  }

  return (key, token, outcome) => {
    const row = claimed.get(key, token)
    if (row === undefined) return 'superseded'
    switch (outcome.kind) {
      case 'answered':
        answered(key, row.askedAt, outcome)
        audit(context, row, outcome.answer)
        break
      case 'again':
        again.run(outcome.counted ? 1 : 0, outcome.nextAttemptAt, outcome.status, outcome.reason, key)
        break
      case 'refused': {
        const rows = concerned.all(key)
        refused.run(`${row.service}.${row.call}: ${outcome.reason}`, key)
        for (const { instance } of rows) refreshState(instance)
        forget.run(key)
        break
      }
      default:
        outcome satisfies never
    }
    context.wake('question')
    return 'applied'
  }
}

type Answered = Extract<QuestionOutcome, { readonly kind: 'answered' }>

function audit(context: WriteContext, { service, call }: Pick<Due, 'service' | 'call'>, { found }: Answer): void {
  const detail = JSON.stringify({ call: `${service}.${call}` })
  const note = { event: 'Answer Received', actor: 'planner', outcome: found ? 'found' : 'not found', detail } as const
  context.audit.append(context.at(), note)
}

/** Each instance and each round once, however many of their branches wait. */
function decidingAgain(context: WriteContext): (rows: readonly Pick<Concerned, 'instance' | 'round'>[]) => void {
  const anew = decidingAnew(context)
  return (rows) => {
    const rounds = new Set(rows.flatMap(({ round }) => (round === null ? [] : [round])))
    const instances = new Set(rows.flatMap(({ round, instance }) => (round === null ? [instance] : [])))
    for (const round of rounds) anew.round(round)
    for (const instance of instances) anew.instance(instance)
  }
}

function expiring(context: WriteContext): WriterVerbs['waitsExpired'] {
  const { db } = context
  const over = db.prepare<[number, number], { seq: number; instance: number; id: string }>(WAITS_OVER)
  const hold = db.prepare<[number]>(WAIT_HELD)
  const refreshState = instanceStates(db)
  return (limit) => {
    const rows = over.all(context.at(), limit)
    for (const { seq, instance, id } of rows) {
      hold.run(seq)
      refreshState(instance)
      const note = { event: 'Wait Expired', actor: 'planner', outcome: 'held' } as const
      context.audit.append(context.at(), { ...note, subject: ['Instance', id] })
    }
    return rows.length
  }
}

function askingAgain(context: WriteContext): Pick<WriterVerbs, 'questionsDue' | 'studyAskAgain'> {
  const { db } = context
  const ofService = db.prepare<[number, string, number]>(QUESTIONS_OF_SERVICE)
  const study = db.prepare<[string], number>(STUDY_OF_UID).pluck()
  const keys = db.prepare<[number], string>(ANSWERS_OF_STUDY).pluck()
  const open = db.prepare<[number], { instance: number; round: number | null; question: string }>(OPEN_OF_STUDY)
  const atOnce = db.prepare<[number, string]>(QUESTION_AT_ONCE)
  const answers = answersOf(context)
  const decideAgain = decidingAgain(context)

  return {
    questionsDue(service) {
      const { changes } = ofService.run(context.at(), service, context.at())
      if (changes > 0) context.wake('question')
      return changes
    },
    studyAskAgain(uid, by) {
      const seq = study.get(uid)
      if (seq === undefined) return { kind: 'not-found' }
      for (const key of keys.all(seq)) answers.forget(seq, key)
      const rows = open.all(seq)
      for (const { question } of rows) atOnce.run(context.at(), question)
      decideAgain(rows)
      const note = { event: 'Answers Forgotten', actor: by.name, outcome: 'success' } as const
      context.audit.append(context.at(), { ...note, subject: ['Study', uid] })
      context.wake('question')
      return { kind: 'ok', value: uid }
    },
  }
}
