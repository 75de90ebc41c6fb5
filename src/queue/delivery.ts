import type { DeliveryState } from '../ledger/states.ts'

/**
 * Where a delivery may go from each state, in the words of the ledger and of GraphQL. `DELIVERED` is the only end that
 * nothing leads out of: what an archive has said Success to is not sent again under the same delivery.
 */
export const DELIVERY_TRANSITIONS = {
  // Claimed; a plan that found a conflict; an operator.
  READY: ['SENDING', 'HELD', 'CANCELLED'],
  // Settled, given back, or rescued when its claimant died.
  SENDING: ['READY', 'AWAITING_COMMITMENT', 'DELIVERED', 'REJECTED', 'FAILED', 'HELD'],
  // The report came: taken, not taken (sent again), or no report in time.
  AWAITING_COMMITMENT: ['DELIVERED', 'READY', 'FAILED'],
  DELIVERED: [],
  // From here on a person decides: again, or not at all.
  REJECTED: ['READY', 'CANCELLED'],
  FAILED: ['READY', 'CANCELLED'],
  HELD: ['READY', 'CANCELLED'],
  CANCELLED: ['READY'],
} as const satisfies Readonly<Record<DeliveryState, readonly DeliveryState[]>>

/** Whether a delivery may go from one state to another. */
export function canBecome(from: DeliveryState, to: DeliveryState): boolean {
  const allowed: readonly DeliveryState[] = DELIVERY_TRANSITIONS[from]
  return allowed.includes(to)
}

/** Whether nothing more happens to it unless a person asks. */
export function isSettled(state: DeliveryState): boolean {
  switch (state) {
    case 'DELIVERED':
    case 'REJECTED':
    case 'FAILED':
    case 'CANCELLED':
      return true
    case 'READY':
    case 'SENDING':
    case 'AWAITING_COMMITMENT':
    case 'HELD':
      return false
    default:
      return state satisfies never
  }
}
