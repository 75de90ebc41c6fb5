import { expect, test } from '@jest/globals'
import { elapsed, type Monotonic, ms, systemClock } from '../../src/base/clock.ts'

test('the system clock tells the time and never goes backward', () => {
  const before = Date.now()
  expect(systemClock.now()).toBeGreaterThanOrEqual(before)
  const first = systemClock.monotonic()
  expect(systemClock.monotonic()).toBeGreaterThanOrEqual(first)
})

test('a sleep ends, and ends early when aborted', async () => {
  await systemClock.sleep(ms(1))
  const controller = new AbortController()
  const sleeping = systemClock.sleep(ms(60_000), controller.signal)
  controller.abort()
  await expect(sleeping).rejects.toMatchObject({ name: 'AbortError' })
})

test('a timer fires once; a cancelled one does not', async () => {
  let cancelledFired = false
  const cancelled = systemClock.after(ms(1), () => {
    cancelledFired = true
  })
  cancelled.cancel()
  // A timer of ours is unreferenced: a referenced sleep keeps the process up until it has fired.
  await Promise.all([new Promise<void>((resolve) => systemClock.after(ms(1), resolve)), systemClock.sleep(ms(5))])
  expect(cancelledFired).toBe(false)
})

test('a wait of months is one: it ends neither at once nor before a shorter one', async () => {
  const fired: string[] = []
  const abort = new AbortController()
  const months = systemClock.after(ms(40 * 86_400_000), () => fired.push('a timer of months'))
  const sleeping = systemClock.sleep(ms(366 * 86_400_000), abort.signal).finally(() => fired.push('a sleep of months'))
  await systemClock.sleep(ms(20))
  expect(fired).toEqual([])
  months.cancel()
  abort.abort()
  await expect(sleeping).rejects.toMatchObject({ name: 'AbortError' })
})

test('an interval is whole milliseconds and never negative', () => {
  expect(elapsed(1.2 as Monotonic, 4.9 as Monotonic)).toBe(4)
  expect(elapsed(5 as Monotonic, 3 as Monotonic)).toBe(0)
})
