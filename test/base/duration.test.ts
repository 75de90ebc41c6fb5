import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ms } from '../../src/base/clock.ts'
import { formatDuration, parseDuration } from '../../src/base/duration.ts'

test.each([
  ['250ms', 250],
  ['10s', 10_000],
  ['1.5m', 90_000],
  ['4h', 14_400_000],
  ['7d', 604_800_000],
  [' 0s ', 0],
])('%j is %d milliseconds', (text, expected) => {
  expect(parseDuration(text)).toBe(expected)
})

test.each(['', '10', 's', '-5s', '1 s', '10S', '1h30m', '.5s', '1e3s', '10 seconds'])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined()
})

test.each([
  [0, '0s'],
  [1, '1ms'],
  [90_000, '90s'],
  [3_600_000, '1h'],
  [172_800_000, '2d'],
])('%d is spelt %s', (duration, expected) => {
  expect(formatDuration(ms(duration))).toBe(expected)
})

test('what is spelt is read back as the same length', () => {
  fc.assert(
    fc.property(fc.nat({ max: 10 ** 12 }), (duration) => {
      expect(parseDuration(formatDuration(ms(duration)))).toBe(duration)
    }),
  )
})
