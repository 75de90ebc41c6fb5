import { type Milliseconds, ms } from './clock.ts'

/** How long to wait between tries: doubling from `first` up to `longest`. */
export interface BackoffPolicy {
  readonly first: Milliseconds
  readonly longest: Milliseconds
}

/**
 * The wait before try number `failures + 1`: exponential, capped, with equal jitter (half fixed, half random), so
 * that a hundred deliveries that failed together do not come back together.
 *
 * @param failures how often it has failed so far, at least 1
 * @param random a number in [0, 1)
 */
export function backoff(policy: BackoffPolicy, failures: number, random: number): Milliseconds {
  const exponent = Math.min(Math.max(failures - 1, 0), 30)
  const full = Math.min(policy.longest, policy.first * 2 ** exponent)
  return ms(Math.round(full / 2 + (full / 2) * random))
}
