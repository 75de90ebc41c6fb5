import type { NewAmendment } from '../amendments.ts'
import type { InstanceId } from '../ids.ts'
import { decidingAnew } from './decide-anew.ts'
import type { WriterVerbs } from './protocol.ts'
import type { WriteContext } from './write-context.ts'

export const INSTANCE_TO_AMEND = `SELECT i.seq, i.spooled, i.unreadable FROM instance i WHERE i.id = ?`
export const INSTANCE_UNDECIDED = `SELECT undecided FROM instance WHERE seq = ?`
export const AMENDMENT_INSERT = `INSERT INTO amendment (instance, at, made_by, why, attributes, changes)
  VALUES (?, ?, ?, ?, ?, ?)`
export const INSTANCE_OPEN = `SELECT 1 FROM obligation
  WHERE instance = ? AND delivery IS NULL AND study_round IS NULL AND state IN ('HELD', 'WAITING') LIMIT 1`
/** Rounds that this instance's correction may decide differently: not yet decided, or holding or waiting for it. */
export const ROUNDS_TO_DECIDE = `SELECT r.seq FROM round_member m JOIN study_round r ON r.seq = m.round
  WHERE m.instance = ? AND (r.state <> 'PLANNED' OR EXISTS (SELECT 1 FROM obligation o
    WHERE o.instance = ? AND o.study_round = r.seq AND o.delivery IS NULL AND o.state IN ('HELD', 'WAITING')))`

interface ToAmend {
  readonly seq: number
  readonly spooled: number
  readonly unreadable: string | null
}

/** Puts a correction on record. The caller sees to the decisions. */
export function amending(context: WriteContext): (instance: number, amendment: NewAmendment, by: string) => void {
  const insert = context.db.prepare(AMENDMENT_INSERT)
  return (instance, { attributes, changes, reason }, by) => {
    insert.run(instance, context.at(), by, reason, JSON.stringify(attributes), JSON.stringify(changes))
  }
}

/**
 * Puts a correction on record and has decided again whatever may be decided without it: its rounds, and the instance itself
 * where it is undecided, waits or is held. Says whether the instance is.
 */
export function correcting(context: WriteContext): (instance: number, amendment: NewAmendment, by: string) => boolean {
  const { db } = context
  const isUndecided = db.prepare<[number], number>(INSTANCE_UNDECIDED).pluck()
  const isOpen = db.prepare<[number], number>(INSTANCE_OPEN).pluck()
  const rounds = db.prepare<[number, number], number>(ROUNDS_TO_DECIDE).pluck()
  const amend = amending(context)
  const anew = decidingAnew(context)
  return (instance, amendment, by) => {
    amend(instance, amendment, by)
    for (const round of rounds.all(instance, instance)) anew.round(round)
    if (isUndecided.get(instance) !== 1 && isOpen.get(instance) === undefined) return false
    anew.instance(instance)
    return true
  }
}

/** Puts a correction into the audit. */
export function noteAmended(context: WriteContext, id: InstanceId, amendment: NewAmendment, by: string): void {
  const detail = JSON.stringify({ reason: amendment.reason, changes: amendment.changes })
  const note = { event: 'Instance Amended', actor: by, outcome: 'success', detail } as const
  context.audit.append(context.at(), { ...note, subject: ['Instance', id] })
}

/** Corrections by people. */
export function amendVerbs(context: WriteContext): Pick<WriterVerbs, 'instanceAmend'> {
  const { db } = context
  const find = db.prepare<[string], ToAmend>(INSTANCE_TO_AMEND)
  const correct = correcting(context)

  return {
    instanceAmend(id, amendment, by) {
      const row = find.get(id)
      if (row === undefined) return { kind: 'not-found' }
      if (row.unreadable !== null) return { kind: 'not-allowed-now', state: 'unreadable' }
      if (row.spooled === 0) return { kind: 'not-allowed-now', state: 'original no longer in the spool' }
      correct(row.seq, amendment, by.name)
      noteAmended(context, id, amendment, by.name)
      return { kind: 'ok', value: id }
    },
  }
}
