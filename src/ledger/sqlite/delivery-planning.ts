import type { DeliveryId } from '../ids.ts'
import type { NewObligation } from '../ledger.ts'
import { contentKey, packEdits } from './packing.ts'
import type { WriteContext } from './write-context.ts'

/** A delivery of the same instance to the same destination in an earlier round, with the same content: owed already. */
export const DELIVERY_OWED = `SELECT seq, content_key AS contentKey, errand FROM delivery
  WHERE instance = ? AND destination = ? AND state <> 'CANCELLED'`
/** What is owed already is part of a later study moment too: one delivery that names both rules (RULES.md 3.8). */
export const DELIVERY_JOINS = `UPDATE delivery SET errand = ? WHERE seq = ? AND errand IS NULL`
/** Earlier ones under the same outgoing UID whose bytes the destination has, or will or may have. */
export const DELIVERY_CONFLICT = `SELECT content_key AS contentKey FROM delivery
  WHERE destination = ? AND outgoing_uid = ? AND state NOT IN ('CANCELLED', 'REJECTED') LIMIT 32`
export const DELIVERY_INSERT = `INSERT INTO delivery
  (id, instance, study, destination, round, node, state, reason, urgent, outgoing_uid, content_key, attempts,
   next_attempt_at, ambiguous, planned_at, errand)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, ?, ?)`
export const CONTENT_INSERT = `INSERT INTO delivery_content (delivery, rules, edits, edit_version, changes)
  VALUES (?, ?, ?, ?, ?)`
export const RULE_INSERT = `INSERT OR IGNORE INTO delivery_rule (rule, delivery) VALUES (?, ?)`
export const DELIVER_INSERT = `INSERT INTO obligation
  (id, instance, kind, state, rule, reason, delivery, ruleset_digest, made_at, study_round)
  VALUES (?, ?, 'DELIVER', ?, ?, ?, ?, ?, ?, ?)`

type NewDelivery = Extract<NewObligation, { readonly kind: 'DELIVER' }>

/** What a new delivery takes from its instance. */
export interface DeliveryToPlan {
  readonly instanceId: string
  readonly instance: number
  readonly study: number | null
  readonly sha256: string
  readonly round: number
  readonly digest: string
  /** Of which study moment; null for the instance moment. */
  readonly errand: number | null
  readonly studyRound: number | null
  /** Owed again although an earlier round sent the same. */
  readonly again: boolean
}

interface Earlier {
  readonly seq: number
  readonly contentKey: Buffer
  readonly errand: number | null
}

/**
 * Makes a delivery together with its obligation. Undefined when a decision asked for anew owes what an earlier one
 * already does (wall W8).
 */
export function deliveryPlanning(
  context: WriteContext,
): (target: DeliveryToPlan, owed: NewDelivery) => DeliveryId | undefined {
  const { db } = context
  const alreadyOwed = db.prepare<[number, string], Earlier>(DELIVERY_OWED)
  const joins = db.prepare<[number, number]>(DELIVERY_JOINS)
  const conflicting = db.prepare<[string, string], { contentKey: Buffer }>(DELIVERY_CONFLICT)
  const insert = db.prepare(DELIVERY_INSERT)
  const insertContent = db.prepare(CONTENT_INSERT)
  const insertRule = db.prepare(RULE_INSERT)
  const insertObligation = db.prepare(DELIVER_INSERT)

  return (target, owed) => {
    const edits = packEdits(owed.edits)
    const key = contentKey(target.sha256, edits, owed.editVersion)
    const isSame = (row: { contentKey: Buffer }): boolean => row.contentKey.equals(key)
    if (target.round !== 0) {
      const earlier = alreadyOwed.all(target.instance, owed.destination).filter(isSame)
      const owing = earlier.find((row) => !target.again || row.errand === target.errand)
      if (owing !== undefined) {
        if (target.errand !== null) joins.run(target.errand, owing.seq)
        for (const rule of owed.rules) insertRule.run(rule.name, owing.seq)
        return undefined
      }
    }
    const conflict = !conflicting.all(owed.destination, owed.outgoingUid).every(isSame)
    const held = owed.held ?? (conflict ? 'conflict' : null)
    const id = context.newId<DeliveryId>()
    const at = context.at()
    const { instance, study, round, studyRound } = target
    const state = held === null ? 'READY' : 'HELD'
    const due = held === null ? at : null
    const urgent = owed.urgent ? 1 : 0
    const row = [id, instance, study, owed.destination, round, context.node, state, held, urgent, owed.outgoingUid, key]
    const seq = Number(insert.run(...row, due, at, target.errand).lastInsertRowid)
    insertContent.run(seq, JSON.stringify(owed.rules), edits, owed.editVersion, JSON.stringify(owed.changes))
    for (const rule of owed.rules) insertRule.run(rule.name, seq)
    const rule = owed.rules[0] === undefined ? null : JSON.stringify(owed.rules[0])
    const obligationState = held === null ? 'PENDING' : 'HELD'
    insertObligation.run(context.newId(), instance, obligationState, rule, held, seq, target.digest, at, studyRound)
    if (held === null) context.wake(`deliver:${owed.destination}`)
    return id
  }
}
