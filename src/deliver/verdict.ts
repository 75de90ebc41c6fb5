import type { Milliseconds } from '../base/clock.ts'
import type { RetryClass } from '../base/failure.ts'
import type { AttemptOutcome, DeliveryState } from '../ledger/states.ts'

/**
 * Whose failure it was. `object`: this instance. `association`: the conversation, and the instance that was in it.
 * `destination`: the place; it rests, and what was claimed returns uncounted.
 */
export const FAILURE_SCOPES = ['object', 'association', 'destination'] as const
export type FailureScope = (typeof FAILURE_SCOPES)[number]

/** What one try means for its delivery. `READY` is another try later, unless the retry policy gives up. */
export interface Verdict {
  readonly state: Extract<DeliveryState, 'READY' | 'DELIVERED' | 'REJECTED' | 'HELD'>
  /** Null when it did not fail. */
  readonly scope: FailureScope | null
  /** Null when it did not fail. */
  readonly retry: RetryClass | null
  /** Low cardinality and no patient data; also the note of a delivery that was taken with a warning. */
  readonly reason: string | null
  /** `0xA700`; null when no answer came. */
  readonly status: string | null
  /** How long a destination asks to be left alone; only with its scope. */
  readonly rest?: Milliseconds
}

/** How a verdict goes on record. */
export function attemptOutcome(verdict: Verdict): AttemptOutcome {
  if (verdict.state === 'DELIVERED') return verdict.reason === null ? 'DELIVERED' : 'DELIVERED_WITH_WARNING'
  switch (verdict.retry) {
    case 'ambiguous':
      return 'AMBIGUOUS'
    case 'transient':
      return 'TRANSIENT'
    case 'permanent':
    case null:
      return 'PERMANENT'
    default:
      return verdict.retry satisfies never
  }
}
