import { type Instant, instant, type Milliseconds, ms } from '../base/clock.ts'
import type { ClaimedDelivery, Settlement } from '../ledger/ledger.ts'
import { nextTry, type RetryPolicy } from '../queue/retry-policy.ts'
import type { Sent } from './sender.ts'
import { attemptOutcome } from './verdict.ts'

/** When a try was made, by the clock of the ledger. */
export interface Tried {
  readonly startedAt: Instant
  readonly took: Milliseconds
}

/**
 * What one try means for its delivery: where the verdict says so, the end; else another try after a while, or `FAILED` when
 * there have been enough. Not for a failure of the destination: that is no try.
 *
 * @param random a number in [0, 1)
 */
export function settlementOf(
  delivery: ClaimedDelivery,
  { verdict, sha256 }: Sent,
  tried: Tried,
  policy: RetryPolicy,
  random: number,
): Settlement {
  const { startedAt, took } = tried
  const { status, reason } = verdict
  const next = verdict.state === 'READY' ? nextTry(policy, delivery.attempts + 1, random) : undefined
  const state = next?.kind === 'give-up' ? 'FAILED' : verdict.state
  const wait = next?.kind === 'again' ? next.wait : undefined
  return {
    delivery: delivery.id,
    token: delivery.token,
    attempt: { startedAt, took: ms(took), outcome: attemptOutcome(verdict), status, reason },
    state,
    nextAttemptAt: wait === undefined ? null : instant(startedAt + took + wait),
    reason: state === 'DELIVERED' || state === 'READY' ? null : reason,
    sentSha256: sha256,
  }
}
