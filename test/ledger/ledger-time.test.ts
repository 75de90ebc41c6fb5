import { expect, test } from '@jest/globals'
import { ledgerTime } from '../../src/ledger/sqlite/ledger-time.ts'
import { TestClock } from '../support/test-clock.ts'

test('the ledger tells the wall clock as long as nobody sets it', async () => {
  const clock = new TestClock()
  const now = ledgerTime(clock)
  await clock.advance(1_234)
  expect(now()).toBe(clock.now())
})

test.each([86_400_000, -86_400_000])(
  'a clock set by %d ms moves an interval by five per cent at most',
  async (step) => {
    const clock = new TestClock()
    const now = ledgerTime(clock)
    const before = now()
    clock.jump(step)
    expect(now()).toBe(before)
    await clock.advance(100_000)
    expect(Math.abs(now() - before - 100_000)).toBe(5_000)
  },
)

test('it never goes backwards, and meets the wall clock in the end', async () => {
  const clock = new TestClock()
  const now = ledgerTime(clock)
  clock.jump(-60_000)
  let last = now()
  for (let i = 0; i < 100; i++) {
    await clock.advance(20_000)
    expect(now()).toBeGreaterThanOrEqual(last)
    last = now()
  }
  expect(Math.abs(now() - clock.now())).toBeLessThan(2)
})
