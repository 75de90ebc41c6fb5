import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { backoff } from '../../src/base/backoff.ts'
import { ms } from '../../src/base/clock.ts'

const policy = { first: ms(1_000), longest: ms(60_000) }

test('the wait doubles with each failure up to the cap', () => {
  const longest = [1, 2, 3, 6, 7, 8].map((failures) => backoff(policy, failures, 1))
  expect(longest).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000])
})

test('half of the wait is fixed and half is chance', () => {
  expect(backoff(policy, 3, 0)).toBe(2_000)
  expect(backoff(policy, 3, 0.5)).toBe(3_000)
})

test('no number of failures leaves the bounds', () => {
  const policies = fc.record({
    first: fc.integer({ min: 1, max: 60_000 }),
    longest: fc.integer({ min: 1, max: 10 ** 9 }),
  })
  const failures = fc.integer({ min: 0, max: 1_000_000 })
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(policies, failures, random, (bounds, count, chance) => {
      const wait = backoff({ first: ms(bounds.first), longest: ms(bounds.longest) }, count, chance)
      expect(Number.isInteger(wait)).toBe(true)
      expect(wait).toBeGreaterThanOrEqual(Math.floor(Math.min(bounds.first, bounds.longest) / 2))
      expect(wait).toBeLessThanOrEqual(bounds.longest)
    }),
  )
})

test('more failures never mean a shorter wait by the same chance', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (count, chance) => {
      expect(backoff(policy, count + 1, chance)).toBeGreaterThanOrEqual(backoff(policy, count, chance))
    }),
  )
})
