import { type BackoffPolicy, backoff } from '../base/backoff.ts'
import { type Milliseconds, ms } from '../base/clock.ts'
import type { RetryOptions } from '../rules/destination.ts'

/**
 * How often a delivery is tried again, as the rules say it. Only failures of the object or of its association are counted:
 * while a destination is down nothing is tried and nothing grows older (ARCHITECTURE.md 4).
 */
export type RetryPolicy = RetryOptions

/** Equal jitter waits between half and all of the full wait: three quarters of it on average. */
const MEAN_OF_JITTER = 0.75

/**
 * How long a delivery will have waited, on average, between `failures` failures in a row, in milliseconds. It follows from
 * their number alone, so neither an outage nor a clock that jumps brings the end nearer.
 */
export function expectedWaiting(policy: BackoffPolicy, failures: number): Milliseconds {
  const waits = Math.max(0, failures - 1)
  const first = Math.max(1, policy.first)
  const longest = Math.max(first, policy.longest)
  const doublings = Math.min(waits, Math.ceil(Math.log2(longest / first)))
  const growing = first * (2 ** doublings - 1)
  return ms(Math.round((growing + (waits - doublings) * longest) * MEAN_OF_JITTER))
}

export type NextTry = { readonly kind: 'again'; readonly wait: Milliseconds } | { readonly kind: 'give-up' }

/**
 * What follows a counted failure.
 *
 * @param failures counted failures so far, this one included: at least 1
 * @param random a number in [0, 1)
 */
export function nextTry(policy: RetryPolicy, failures: number, random: number): NextTry {
  if (expectedWaiting(policy, failures) >= policy.giveUpAfter && failures > 1) return { kind: 'give-up' }
  return { kind: 'again', wait: backoff(policy, failures, random) }
}
