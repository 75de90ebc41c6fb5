import { expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { ExpectedAdmissions } from '../../src/spool/expected-admissions.ts'
import { TestClock } from '../support/test-clock.ts'

test('a sender is expected from its first byte until a moment after its row, and once only', async () => {
  const clock = new TestClock()
  let told = 0
  const expected = new ExpectedAdmissions(clock, (count) => {
    told = count
  })
  expected.begun('one')
  expected.begun('two')
  expect(told).toBe(2)
  expected.recorded('one')
  expect(told).toBe(2)
  expected.begun('one')
  expect(told).toBe(2)
  expected.recorded('two')
  await clock.advance(ms(12))
  expected.recorded('one')
  expect(told).toBe(1)
})

test('what has no sender is expected for itself', () => {
  const told: number[] = []
  const expected = new ExpectedAdmissions(new TestClock(), (count) => told.push(count))
  expected.begun(null)
  expected.begun(null)
  expected.recorded(null)
  expected.recorded(null)
  expect(told).toEqual([1, 2, 1, 0])
})
