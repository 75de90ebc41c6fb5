import type { DeliveryState, InstanceState, ObligationState } from '../states.ts'
import type { Connection } from './connection.ts'

export const OBLIGATION_STATES_OF = `SELECT DISTINCT state FROM obligation WHERE instance = ?`
export const IS_UNDECIDED = `SELECT undecided FROM instance WHERE seq = ?`
export const INSTANCE_STATE_SET = `UPDATE instance SET state = ? WHERE seq = ? AND state <> ?`

/**
 * The state of an instance from what is owed for it: HELD if anything is held, else WAITING, else PENDING (also while
 * nothing has been decided), else DISCARDED when it was only ever discarded, or SETTLED.
 */
export function instanceStateOf(states: readonly ObligationState[], undecided: boolean): InstanceState {
  if (states.includes('HELD')) return 'HELD'
  if (states.includes('WAITING')) return 'WAITING'
  if (undecided || states.includes('PENDING')) return 'PENDING'
  return states.length > 0 && states.every((state) => state === 'DISCARDED') ? 'DISCARDED' : 'SETTLED'
}

/** Brings the stored state of an instance in line with its obligations, in the same transaction. */
export function instanceStates(db: Connection): (instance: number) => void {
  const owed = db.prepare<[number], ObligationState>(OBLIGATION_STATES_OF).pluck()
  const undecided = db.prepare<[number], number>(IS_UNDECIDED).pluck()
  const set = db.prepare<[InstanceState, number, InstanceState]>(INSTANCE_STATE_SET)
  return (instance) => {
    const state = instanceStateOf(owed.all(instance), undecided.get(instance) === 1)
    set.run(state, instance, state)
  }
}

/** What a delivery's state means for the obligation it is. */
export function obligationStateOf(state: DeliveryState): ObligationState {
  switch (state) {
    case 'READY':
    case 'SENDING':
    case 'AWAITING_COMMITMENT':
      return 'PENDING'
    default:
      return state
  }
}
