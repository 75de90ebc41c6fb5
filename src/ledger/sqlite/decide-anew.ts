import { instanceStates } from './instance-state.ts'
import type { WriteContext } from './write-context.ts'

/** What a study's round owes is for the round to forget, and what is held for the decision: it may hold it still. */
export const WAITS_FORGET = `DELETE FROM obligation
  WHERE instance = ? AND delivery IS NULL AND study_round IS NULL AND state = 'WAITING'`
/** With deliveries of an earlier decision the next one takes a round of its own, and owes none of them twice. */
export const INSTANCE_ANEW = `UPDATE instance SET undecided = 1, version = version + 1, duplicate_of = NULL,
  round = round + EXISTS (SELECT 1 FROM delivery d WHERE d.instance = instance.seq) WHERE seq = ?`
/** One of which a part is written is finished by the ruleset that began it (wall W9); one that was decided begins anew. */
export const ROUND_ANEW = `UPDATE study_round SET state = 'OPEN', version = version + 1,
  ruleset_digest = CASE state WHEN 'OPEN' THEN ruleset_digest END WHERE seq = ?`

export interface DecidingAnew {
  /** What waits at the instance's own moment makes room for a new decision; what is held stays until that is made, and deliveries. */
  instance(seq: number): void
  round(seq: number): void
}

/** Asks for another decision, in the transaction of whatever made it necessary. */
export function decidingAnew(context: WriteContext): DecidingAnew {
  const forget = context.db.prepare<[number]>(WAITS_FORGET)
  const anew = context.db.prepare<[number]>(INSTANCE_ANEW)
  const roundAnew = context.db.prepare<[number]>(ROUND_ANEW)
  const refreshState = instanceStates(context.db)
  return {
    instance(seq) {
      forget.run(seq)
      anew.run(seq)
      refreshState(seq)
      context.wake('plan')
    },
    round(seq) {
      roundAnew.run(seq)
      context.wake('study')
    },
  }
}
