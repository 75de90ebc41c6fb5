import type { SettledBy } from '../../rules/study-decision.ts'
import type { RoundId } from '../ids.ts'
import type { NewObligation } from '../ledger.ts'
import type { OpenRoundOutcome, RoundPart } from '../rounds.ts'
import type { RoundState } from '../states.ts'
import { answersOf } from './answer-keeping.ts'
import { decidingAnew } from './decide-anew.ts'
import { deliveryPlanning } from './delivery-planning.ts'
import { errandsOfRounds } from './errand-making.ts'
import { holdKeeping } from './hold-keeping.ts'
import { instanceStates } from './instance-state.ts'
import { owing } from './owing.ts'
import type { WriterVerbs } from './protocol.ts'
import { studyTimers } from './study-timer.ts'
import type { WriteContext } from './write-context.ts'

export const STUDY_BY_UID = `SELECT seq FROM study WHERE study_instance_uid = ?`
export const ROUND_OPEN_OF = `SELECT id, number, version, settled_by AS settledBy,
  ruleset_digest AS begunBy FROM study_round
  WHERE study = ? AND state = 'OPEN' ORDER BY number LIMIT 1`
export const QUIET_UNTIL = `SELECT due_at FROM study_timer WHERE study = ?`
export const ROUND_LAST = `SELECT max(number) FROM study_round WHERE study = ?`
/** What is not decided at its own moment yet: any of it, or only what a round has had already. */
export const STUDY_UNDECIDED = `SELECT 1 FROM instance i WHERE i.study = ? AND +i.undecided = 1
  AND (? OR EXISTS (SELECT 1 FROM round_member m WHERE m.instance = i.seq)) LIMIT 1`
/** Whether anything of the study is decided at its own moment, and in no round yet. */
export const STUDY_HAS_READY = `SELECT 1 FROM instance i WHERE i.study = ? AND i.state <> 'DISCARDED' AND i.unreadable IS NULL
  AND +i.undecided = 0 AND NOT EXISTS (SELECT 1 FROM round_member m WHERE m.instance = i.seq) LIMIT 1`
export const ROUND_INSERT = `INSERT INTO study_round (id, study, number, settled_by, state, version, opened_at)
  VALUES (?, ?, ?, ?, 'OPEN', 1, ?)`
/** Discarded and unreadable ones are no part of the moment; what is new and not decided yet is part of the next. */
export const MEMBERS_FREEZE = `INSERT INTO round_member (round, instance, is_new)
  SELECT ?, i.seq, NOT EXISTS (SELECT 1 FROM round_member m WHERE m.instance = i.seq) FROM instance i
  WHERE i.study = ? AND i.state <> 'DISCARDED' AND i.unreadable IS NULL AND +i.undecided = 0 ORDER BY i.seq`
export const ROUND_TO_PLAN = `SELECT r.seq, r.study, r.number, r.version, r.state, s.study_instance_uid AS uid
  FROM study_round r JOIN study s ON s.seq = r.study WHERE r.id = ?`
export const MEMBER_TO_PLAN = `SELECT i.seq, i.study, i.sha256, i.state, i.undecided
  FROM round_member m JOIN instance i ON i.seq = m.instance
  WHERE m.round = ? AND m.instance = (SELECT seq FROM instance WHERE id = ?)`
/** What it waited for by this round's decision before, and its waiting for the moment that came. */
export const MEMBER_FORGET = `DELETE FROM obligation WHERE instance = ? AND delivery IS NULL AND state = 'WAITING'
  AND (study_round = ? OR (study_round IS NULL AND kind = 'WAIT' AND question IS NULL))`
export const MEMBER_OWES = `SELECT 1 FROM obligation WHERE instance = ? LIMIT 1`
export const MEMBER_LOWEST = `SELECT min(round) FROM delivery WHERE instance = ? AND destination = ?`
export const ROUND_BEGUN = `UPDATE study_round SET ruleset_digest = ? WHERE seq = ?`
export const ROUND_PLANNED = `UPDATE study_round SET state = ?, ruleset_digest = ?, planned_at = ? WHERE seq = ?`
export const STUDY_SETTLED = `UPDATE study SET state = 'SETTLED' WHERE seq = ?
  AND NOT EXISTS (SELECT 1 FROM study_timer t WHERE t.study = study.seq)`

interface OpenOf {
  readonly id: RoundId
  readonly number: number
  readonly version: number
  readonly settledBy: SettledBy
  readonly begunBy: string | null
}
interface ToPlan {
  readonly seq: number
  readonly study: number
  readonly number: number
  readonly version: number
  readonly state: RoundState
  readonly uid: string
}
interface Member {
  readonly seq: number
  readonly study: number
  readonly sha256: string
  readonly state: string
  readonly undecided: number
}

/** What is not decided at the instance moment yet is looked at again after this. */
const NOT_YET_MS = 1_000

type RoundVerb = 'studiesStirred' | 'openRound' | 'planRound' | 'studySettle'

/** Study moments: their timers, and rounds with frozen members. */
export function roundVerbs(context: WriteContext): Pick<WriterVerbs, RoundVerb> {
  const timers = studyTimers(context)
  return {
    studiesStirred: (studies, policy) => {
      for (const uid of studies) timers.stir(uid, policy)
    },
    openRound: opening(context),
    planRound: planning(context),
    studySettle(uid, by) {
      const outcome = timers.settle(uid, 'operator')
      if (outcome.kind === 'ok') {
        const note = { event: 'Study Called Finished', actor: by.name, outcome: 'success' } as const
        context.audit.append(context.at(), { ...note, subject: ['Study', uid] })
      }
      return outcome
    },
  }
}

function opening(context: WriteContext): WriterVerbs['openRound'] {
  const { db } = context
  const study = db.prepare<[string], number>(STUDY_BY_UID).pluck()
  const openOf = db.prepare<[number], OpenOf>(ROUND_OPEN_OF)
  const last = db.prepare<[number], number | null>(ROUND_LAST).pluck()
  const quietUntil = db.prepare<[number], number>(QUIET_UNTIL).pluck()
  const undecided = db.prepare<[number, number], number>(STUDY_UNDECIDED).pluck()
  const insert = db.prepare(ROUND_INSERT)
  const freeze = db.prepare<[number, number]>(MEMBERS_FREEZE)
  const hasReady = db.prepare<[number], number>(STUDY_HAS_READY).pluck()
  const settled = db.prepare<[number]>(STUDY_SETTLED)
  const timers = studyTimers(context)

  return (uid, settledBy): OpenRoundOutcome => {
    const seq = study.get(uid)
    if (seq === undefined) return { kind: 'nothing-new' }
    const open = openOf.get(seq)
    // Rounds of one study follow one another: what came since takes part in the next.
    if (open !== undefined) return { kind: 'opened', round: { ...open, studyInstanceUid: uid } }
    // More of it was decided since somebody saw that it was over.
    if (settledBy === 'quiet' && (quietUntil.get(seq) ?? 0) > context.at()) return { kind: 'not-yet' }
    const isReady = hasReady.get(seq) !== undefined
    // The longest time ends a stream that never pauses: waiting for what comes in would be waiting for its end.
    if (undecided.get(seq, settledBy === 'longest' && isReady ? 0 : 1) !== undefined) {
      timers.later(seq, context.at() + NOT_YET_MS)
      return { kind: 'not-yet' }
    }
    timers.done(seq)
    if (!isReady) {
      settled.run(seq)
      return { kind: 'nothing-new' }
    }
    const id = context.newId<RoundId>()
    const number = (last.get(seq) ?? 0) + 1
    const round = Number(insert.run(id, seq, number, settledBy, context.at()).lastInsertRowid)
    const { changes } = freeze.run(round, seq)
    const detail = JSON.stringify({ round: number, settledBy, members: changes })
    const note = { event: 'Study Moment Came', actor: 'planner', outcome: settledBy, detail } as const
    context.audit.append(context.at(), { ...note, subject: ['Study', uid] })
    context.wake('study')
    return { kind: 'opened', round: { id, studyInstanceUid: uid, number, version: 1, settledBy, begunBy: null } }
  }
}

function planning(context: WriteContext): WriterVerbs['planRound'] {
  const { db } = context
  const find = db.prepare<[string], ToPlan>(ROUND_TO_PLAN)
  const begun = db.prepare<[string, number]>(ROUND_BEGUN)
  const planned = db.prepare<[RoundState, string, number, number]>(ROUND_PLANNED)
  const settled = db.prepare<[number]>(STUDY_SETTLED)
  const answers = answersOf(context)
  const errands = errandsOfRounds(context)
  const anew = decidingAnew(context)
  const planMember = planningMembers(context)

  return (part) => {
    const round = find.get(part.round)
    if (round === undefined || round.state !== 'OPEN' || round.version !== part.expectedVersion) return 'superseded'
    const { study, seq } = round
    if (!part.rests.every(({ key, answeredAt }) => answers.rest(study, key, answeredAt))) return 'superseded'
    const answered = part.members.filter((member) => planMember(round, part, member)).length > 0
    if (part.last === null) begun.run(part.rulesetDigest, seq)
    else {
      errands.refreshRound(seq)
      for (const notice of part.last.notices) errands.notice(round, notice, part.rulesetDigest)
      planned.run(part.last.waits ? 'WAITING' : 'PLANNED', part.rulesetDigest, context.at(), seq)
      settled.run(study)
      audit(context, round, part)
    }
    // What it would wait for came meanwhile.
    if (answered) anew.round(seq)
    return 'planned'
  }
}

function audit(context: WriteContext, round: ToPlan, { rulesetDigest, last }: RoundPart): void {
  const told = last?.notices.map(({ service, call }) => `${service}.${call}`)
  const detail = JSON.stringify({ ruleset: rulesetDigest, round: round.number, notifies: told, waits: last?.waits })
  const note = { event: 'Study Moment Decided', actor: 'planner', outcome: 'planned', detail } as const
  context.audit.append(context.at(), { ...note, subject: ['Study', round.uid] })
}

type PlannedMember = RoundPart['members'][number]

/** What a round makes one of its members owe. Resolves with whether an answer it waits for is there already. */
function planningMembers(context: WriteContext): (round: ToPlan, part: RoundPart, member: PlannedMember) => boolean {
  const { db } = context
  const find = db.prepare<[number, string], Member>(MEMBER_TO_PLAN)
  const forget = db.prepare<[number, number]>(MEMBER_FORGET)
  const owes = db.prepare<[number], number>(MEMBER_OWES).pluck()
  const lowest = db.prepare<[number, string], number | null>(MEMBER_LOWEST).pluck()
  const planDelivery = deliveryPlanning(context)
  const owe = owing(context)
  const holds = holdKeeping(context)
  const refreshState = instanceStates(db)
  const errands = errandsOfRounds(context)

  function deliver(round: ToPlan, part: RoundPart, member: Member, owed: Delivery, id: string, again: boolean): void {
    const given = part.given[owed.destination] ?? {}
    const rule = owed.rules[0]
    if (rule === undefined) return
    const errand = errands.destination(round, owed.destination, rule, given, part.rulesetDigest)
    // Below zero, so that no decision at the instance moment ever takes the same number.
    const number = Math.min(0, lowest.get(member.seq, owed.destination) ?? 0) - 1
    const { seq: instance, study, sha256 } = member
    const target = { instanceId: id, instance, study, sha256, round: number, digest: part.rulesetDigest, errand, again }
    planDelivery({ ...target, studyRound: round.seq }, owed)
  }

  return (round, part, { instance: id, obligations, again }) => {
    const member = find.get(round.seq, id)
    // A person discarded it since the members were frozen, or it was withdrawn.
    if (member === undefined || member.state === 'DISCARDED') return false
    forget.run(member.seq, round.seq)
    holds.forgetOthers(member.seq, round.seq, obligations)
    const by = { instance: member.seq, study: member.study, round: round.seq, digest: part.rulesetDigest }
    let answered = false
    for (const owed of obligations) {
      if (owed.kind === 'DELIVER') deliver(round, part, member, owed, id, again)
      else if (owe(by, owed) === 'answered') answered = true
    }
    // Wall W6. One that an answer made undecided since it was frozen is accounted for by that.
    const isAccounted = member.undecided === 1 || owes.get(member.seq) !== undefined
    if (!isAccounted) owe(by, { kind: 'HOLD', rule: null, reason: 'no-decision' })
    refreshState(member.seq)
    return answered
  }
}

type Delivery = Extract<NewObligation, { readonly kind: 'DELIVER' }>
