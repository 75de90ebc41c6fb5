import type { DeliveryId, InstanceId } from '../ids.ts'
import type { NewObligation, PlanEntry, PlanOutcome } from '../ledger.ts'
import { answersOf } from './answer-keeping.ts'
import { decidingAnew } from './decide-anew.ts'
import { type DeliveryToPlan, deliveryPlanning } from './delivery-planning.ts'
import { holdKeeping } from './hold-keeping.ts'
import { instanceStates } from './instance-state.ts'
import { owing } from './owing.ts'
import type { WriterVerbs } from './protocol.ts'
import { studyTimers } from './study-timer.ts'
import type { WriteContext } from './write-context.ts'

export const INSTANCE_TO_PLAN = `SELECT seq, study, sha256, sop_instance_uid, calling_ae, received_at, undecided, version,
  round FROM instance WHERE id = ?`
export const INSTANCE_PLANNED = `UPDATE instance SET undecided = 0, version = version + 1, duplicate_of = ? WHERE seq = ?`
/**
 * Others of the same SOP Instance UID that have the same bytes and the same sender, and are decided: who waits owes nothing. With
 * a correction the bytes say nothing of what leaves. Of a device that gives all it makes one UID only the latest are looked at.
 */
export const INSTANCE_TWINS = `SELECT seq, id, received_at FROM
  (SELECT seq, id, received_at, sha256, calling_ae, duplicate_of, undecided FROM instance
    WHERE sop_instance_uid = ? ORDER BY seq DESC LIMIT 1024) twin
  WHERE sha256 = ? AND calling_ae IS ? AND seq <> ? AND duplicate_of IS NULL AND undecided = 0
  AND NOT EXISTS (SELECT 1 FROM amendment a WHERE a.instance IN (twin.seq, ?)) LIMIT 8`
export const TWIN_DELIVERIES = `SELECT DISTINCT destination, state FROM delivery WHERE instance = ?`

interface Planned {
  readonly seq: number
  readonly study: number | null
  readonly sha256: string
  readonly sop_instance_uid: string
  readonly calling_ae: string | null
  readonly received_at: number
  readonly undecided: number
  readonly version: number
  readonly round: number
}
interface Twin {
  readonly seq: number
  readonly id: InstanceId
  readonly received_at: number
}
interface Owed {
  readonly outcome: PlanOutcome
  /** An answer that it waits for came meanwhile: it is decided again at once. */
  readonly answered: boolean
}

/** Turning a decision into what is owed. */
export function planVerbs(context: WriteContext, duplicateWindowMs: number): Pick<WriterVerbs, 'plan'> {
  const { db } = context
  const find = db.prepare<[string], Planned>(INSTANCE_TO_PLAN)
  const planned = db.prepare<[number | null, number]>(INSTANCE_PLANNED)
  const refreshState = instanceStates(db)
  const twinOf = twins(context, duplicateWindowMs)
  const planDelivery = deliveryPlanning(context)
  const owe = owing(context)
  const holds = holdKeeping(context)
  const anew = decidingAnew(context)
  const answers = answersOf(context)
  const timers = studyTimers(context)

  function planOne(entry: PlanEntry): PlanOutcome {
    const { instance: id, rulesetDigest, obligations } = entry
    const row = find.get(id)
    if (row === undefined || !stands(row, entry)) return { kind: 'superseded' }
    const wanted = obligations.flatMap((owed) => (owed.kind === 'DELIVER' ? [owed.destination] : []))
    const twin = wanted.length > 0 ? twinOf(row, wanted) : undefined
    planned.run(twin?.seq ?? null, row.seq)
    // The first decision finds nothing held.
    if (row.version > 1) holds.forgetOthers(row.seq, null, twin === undefined ? obligations : [])
    const { outcome, answered } =
      twin === undefined ? oweAll(id, row, rulesetDigest, obligations) : oweNothing(row, rulesetDigest, twin)
    refreshState(row.seq)
    if (answered) anew.instance(row.seq)
    if (entry.moment !== undefined && twin === undefined) timers.instancePlanned(row, entry.moment, obligations)
    audit(id, outcome, obligations, rulesetDigest)
    return outcome
  }

  /** Nobody else decided, and every answer it rests on is still the study's. */
  function stands(row: Planned, { expectedVersion, rests = [] }: PlanEntry): boolean {
    if (row.undecided === 0 || row.version !== expectedVersion) return false
    return rests.every(({ key, answeredAt }) => answers.rest(row.study ?? -row.seq, key, answeredAt))
  }

  function oweNothing(row: Planned, digest: string, twin: Twin): Owed {
    const by = { instance: row.seq, study: row.study, round: null, digest }
    owe(by, { kind: 'DISCARD', rule: null, reason: 'duplicate' })
    context.wake('settled')
    return { outcome: { kind: 'duplicate', of: twin.id }, answered: false }
  }

  function oweAll(id: InstanceId, row: Planned, digest: string, obligations: readonly NewObligation[]): Owed {
    const deliveries: DeliveryId[] = []
    const by = { instance: row.seq, study: row.study, round: null, digest }
    let answered = false
    for (const owed of obligations) {
      if (owed.kind === 'DELIVER') {
        const target: DeliveryToPlan = {
          instanceId: id,
          instance: row.seq,
          study: row.study,
          sha256: row.sha256,
          round: row.round,
          digest,
          errand: null,
          studyRound: null,
          again: false,
        }
        const made = planDelivery(target, owed)
        if (made !== undefined) deliveries.push(made)
      } else if (owe(by, owed) === 'answered') answered = true
    }
    // Wall W6: what a ruleset has no word for is still accounted for.
    if (obligations.length === 0) owe(by, { kind: 'HOLD', rule: null, reason: 'no-decision' })
    return { outcome: { kind: 'planned', deliveries }, answered }
  }

  function audit(id: InstanceId, outcome: PlanOutcome, obligations: readonly NewObligation[], digest: string): void {
    const owed = obligations.map((each) =>
      each.kind === 'DELIVER' ? each.destination : `${each.kind}: ${each.reason}`,
    )
    const detail = JSON.stringify({ ruleset: digest, owed })
    const note = { event: 'Decision Made', actor: 'planner', outcome: outcome.kind, detail } as const
    context.audit.append(context.at(), { ...note, subject: ['Instance', id] })
  }

  return { plan: (entries) => entries.map(planOne) }
}

/**
 * Finds the instance whose deliveries stand for this one's: the same bytes from the same sender, still going or just gone to
 * every destination that is wanted now. What has gone elsewhere stands for nothing.
 */
function twins({ db }: WriteContext, windowMs: number): (row: Planned, wanted: readonly string[]) => Twin | undefined {
  const find = db.prepare<[string, string, string | null, number, number], Twin>(INSTANCE_TWINS)
  const deliveries = db.prepare<[number], { destination: string; state: string }>(TWIN_DELIVERIES)
  const stands = (row: Planned, twin: Twin, wanted: readonly string[]): boolean => {
    const isRecent = Math.abs(row.received_at - twin.received_at) <= windowMs
    const made = deliveries.all(twin.seq)
    return wanted.every((destination) => {
      const states = made.filter((each) => each.destination === destination).map(({ state }) => state)
      return states.some((state) => PENDING.has(state)) || (isRecent && states.length > 0 && states.every(isGone))
    })
  }
  return (row, wanted) => {
    // A person who asks for a new decision means it.
    if (row.round > 0 || row.sop_instance_uid === '') return undefined
    const candidates = find.all(row.sop_instance_uid, row.sha256, row.calling_ae, row.seq, row.seq)
    return candidates.find((twin) => stands(row, twin, wanted))
  }
}

const PENDING: ReadonlySet<string> = new Set(['READY', 'SENDING', 'AWAITING_COMMITMENT'])
const isGone = (state: string): boolean => state === 'DELIVERED'
