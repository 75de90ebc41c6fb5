import type { Arguments, RuleRef } from '../../rules/decision.ts'
import type { ErrandId } from '../ids.ts'
import type { NewNotice } from '../rounds.ts'
import { DELIVERY_STATES, type DeliveryState, type ObligationState } from '../states.ts'
import { obligationStateOf } from './instance-state.ts'
import type { WriteContext } from './write-context.ts'

export const ERRAND_OF = `SELECT seq FROM errand WHERE round = ? AND destination = ?`
export const ERRANDS_OF = `SELECT seq FROM errand WHERE round = ? AND destination IS NOT NULL`
export const ERRAND_INSERT = `INSERT INTO errand (id, study, round, destination, given, rule, rule_name, ruleset_digest, state,
  attempts, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'PENDING', 0, ?)`
export const NOTICE_INSERT = `INSERT OR IGNORE INTO errand (id, study, round, service, call, given, rule, rule_name,
  ruleset_digest, after, state, reason, attempts, next_attempt_at, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`
export const CHILD_IN_STATE = `SELECT 1 FROM delivery WHERE errand = ? AND state = ? LIMIT 1`
export const ERRAND_FOLLOWS = `UPDATE errand SET state = ?, settled_at = ? WHERE seq = ? AND state <> ?`
/** Newest first: while the study is on its way the last ones are, so that this ends at once. */
export const UNDELIVERED = `SELECT state FROM delivery WHERE study = ? AND state NOT IN ('DELIVERED', 'CANCELLED', 'HELD')
  AND destination IN (SELECT value FROM json_each(?)) ORDER BY planned_at DESC LIMIT 1`
export const NOTICES_WAITING = `SELECT seq, after, reason FROM errand
  WHERE study = ? AND service IS NOT NULL AND state = 'WAITING'`
export const NOTICE_DUE = `UPDATE errand SET state = 'PENDING', reason = NULL, next_attempt_at = ? WHERE seq = ?`
export const NOTICE_WAITS_FOR = `UPDATE errand SET reason = ? WHERE seq = ?`

interface RoundAt {
  readonly seq: number
  readonly study: number
}

export interface ErrandsOfRounds {
  /** The round's errand to a destination, made when it is the first delivery. */
  destination(round: RoundAt, name: string, rule: RuleRef, given: Arguments, digest: string): number
  notice(round: RoundAt, notice: NewNotice, digest: string): void
  /** Brings an errand in line with its deliveries. */
  refresh(errand: number): void
  refreshRound(round: number): void
  /** A delivery of the study came to rest: whoever waits for that may be told now. */
  studyMoved(study: number): void
}

/** The state of an errand from those of its deliveries: the worst that somebody should look at, else what is still going. */
const ORDER: readonly ObligationState[] = ['HELD', 'PENDING', 'FAILED', 'REJECTED', 'DELIVERED', 'CANCELLED']

/** What study moments owe: errands to destinations with deliveries for children, and services to be told. */
export function errandsOfRounds(context: WriteContext): ErrandsOfRounds {
  const { db } = context
  const find = db.prepare<[number, string], number>(ERRAND_OF).pluck()
  const ofRound = db.prepare<[number], number>(ERRANDS_OF).pluck()
  const insert = db.prepare(ERRAND_INSERT)
  const insertNotice = db.prepare(NOTICE_INSERT)
  const child = db.prepare<[number, DeliveryState], number>(CHILD_IN_STATE).pluck()
  const follows = db.prepare<[ObligationState, number | null, number, ObligationState]>(ERRAND_FOLLOWS)
  const undelivered = db.prepare<[number, string], DeliveryState>(UNDELIVERED).pluck()
  const waiting = db.prepare<[number], { seq: number; after: string; reason: string | null }>(NOTICES_WAITING)
  const due = db.prepare<[number, number]>(NOTICE_DUE)
  const waitsFor = db.prepare<[string, number]>(NOTICE_WAITS_FOR)

  /** Why it waits; undefined when it need not. */
  function awaited(study: number, after: string): string | undefined {
    const state = undelivered.get(study, after)
    if (state === undefined) return undefined
    return state === 'REJECTED' || state === 'FAILED' ? `a delivery is ${state}` : 'deliveries'
  }

  function refresh(errand: number): void {
    const states = DELIVERY_STATES.filter((state) => child.get(errand, state) !== undefined).map(obligationStateOf)
    const state = ORDER.find((each) => states.includes(each))
    if (state === undefined) return
    const settledAt = state === 'HELD' || state === 'PENDING' ? null : context.at()
    follows.run(state, settledAt, errand, state)
  }

  return {
    destination(round, name, rule, given, digest) {
      const known = find.get(round.seq, name)
      if (known !== undefined) return known
      const id = context.newId<ErrandId>()
      const what = [name, JSON.stringify(given), JSON.stringify(rule), rule.name, digest]
      return Number(insert.run(id, round.study, round.seq, ...what, context.at()).lastInsertRowid)
    },
    notice(round, { service, call, arguments: given, after, rule }, digest) {
      const names = JSON.stringify(after)
      const reason = awaited(round.study, names)
      const what = [service, call, JSON.stringify(given), JSON.stringify(rule), rule.name, digest, names]
      const state = reason === undefined ? ['PENDING', null, context.at()] : ['WAITING', reason, null]
      insertNotice.run(context.newId(), round.study, round.seq, ...what, ...state, context.at())
      if (reason === undefined) context.wake('errand')
    },
    refresh,
    refreshRound: (round) => {
      for (const errand of ofRound.all(round)) refresh(errand)
    },
    studyMoved(study) {
      for (const { seq, after, reason: before } of waiting.all(study)) {
        const reason = awaited(study, after)
        if (reason === undefined) {
          due.run(context.at(), seq)
          context.wake('errand')
        } else if (reason !== before) waitsFor.run(reason, seq)
      }
    },
  }
}
