import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ms } from '../../src/base/clock.ts'
import { expectedWaiting, nextTry, type RetryPolicy } from '../../src/queue/retry-policy.ts'
import { DEFAULT_RETRY } from '../../src/rules/destination.ts'

const policies: fc.Arbitrary<RetryPolicy> = fc
  .record({
    first: fc.integer({ min: 1, max: 3_600_000 }),
    factor: fc.integer({ min: 1, max: 1_000 }),
    giveUpAfter: fc.integer({ min: 0, max: 30 * 86_400_000 }),
  })
  .map(({ first, factor, giveUpAfter }) => ({
    first: ms(first),
    longest: ms(first * factor),
    giveUpAfter: ms(giveUpAfter),
  }))

/** The sum that `expectedWaiting` writes in closed form. */
function summed({ first, longest }: RetryPolicy, failures: number): number {
  let sum = 0
  for (let wait = 1; wait < failures; wait += 1) sum += Math.min(longest, first * 2 ** (wait - 1)) * 0.75
  return sum
}

test('the expected waiting is the sum of the mean waits', () => {
  fc.assert(
    fc.property(policies, fc.integer({ min: 0, max: 200 }), (policy, failures) => {
      expect(Math.abs(expectedWaiting(policy, failures) - summed(policy, failures))).toBeLessThanOrEqual(
        // One doubling may be counted in full where the cap cuts it.
        policy.longest * 0.75 + 1,
      )
    }),
  )
})

test('it never shrinks with more failures, and the first failure never gives up', () => {
  fc.assert(
    fc.property(
      policies,
      fc.integer({ min: 1, max: 500 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (policy, n, random) => {
        expect(expectedWaiting(policy, n + 1)).toBeGreaterThanOrEqual(expectedWaiting(policy, n))
        expect(nextTry(policy, 1, random).kind).toBe('again')
      },
    ),
  )
})

test('each wait is between half and all of a doubling that ends at the longest', () => {
  fc.assert(
    fc.property(
      policies,
      fc.integer({ min: 1, max: 60 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (policy, n, random) => {
        const next = nextTry({ ...policy, giveUpAfter: ms(Number.MAX_SAFE_INTEGER) }, n, random)
        const full = Math.min(policy.longest, policy.first * 2 ** (n - 1))
        expect(next.kind).toBe('again')
        if (next.kind !== 'again') return
        expect(next.wait).toBeGreaterThanOrEqual(Math.floor(full / 2))
        expect(next.wait).toBeLessThanOrEqual(Math.ceil(full))
      },
    ),
  )
})

test('a delivery that fails each time is given up, after about as long as the policy says', () => {
  let waited = 0
  let failures = 1
  for (; failures < 10_000; failures += 1) {
    const next = nextTry(DEFAULT_RETRY, failures, 0.5)
    if (next.kind === 'give-up') break
    waited += next.wait
  }
  expect(waited / DEFAULT_RETRY.giveUpAfter).toBeGreaterThan(0.98)
  expect(waited / DEFAULT_RETRY.giveUpAfter).toBeLessThan(1.02)
})
