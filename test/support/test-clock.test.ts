import { expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { TestClock } from './test-clock.ts'

test('timers fire in the order of their time, then of their making', async () => {
  const clock = new TestClock(1_000)
  const fired: string[] = []
  clock.after(ms(20), () => fired.push(`late at ${clock.now()}`))
  clock.after(ms(10), () => fired.push(`first at ${clock.now()}`))
  clock.after(ms(10), () => fired.push(`second at ${clock.now()}`))
  await clock.advance(15)
  expect(fired).toEqual(['first at 1010', 'second at 1010'])
  expect(clock.nextWait).toBe(5)
  await clock.advance(5)
  expect(fired).toEqual(['first at 1010', 'second at 1010', 'late at 1020'])
})

test('a loop that sleeps again within the span is woken again', async () => {
  const clock = new TestClock()
  let rounds = 0
  const loop = async (): Promise<void> => {
    while (rounds < 3) {
      await clock.sleep(ms(10))
      rounds += 1
    }
  }
  const running = loop()
  await clock.advance(30)
  await running
  expect(rounds).toBe(3)
  expect(clock.waiting).toBe(0)
})

test('an aborted sleep rejects as the real one does and leaves no timer', async () => {
  const clock = new TestClock()
  const controller = new AbortController()
  const sleeping = clock.sleep(ms(10), controller.signal)
  controller.abort()
  await expect(sleeping).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' })
  await expect(clock.sleep(ms(10), controller.signal)).rejects.toMatchObject({ name: 'AbortError' })
  expect(clock.waiting).toBe(0)
})

test('a cancelled timer does not fire', async () => {
  const clock = new TestClock()
  let fired = false
  clock
    .after(ms(5), () => {
      fired = true
    })
    .cancel()
  await clock.advance(10)
  expect(fired).toBe(false)
})

test('the wall clock jumps without moving intervals', async () => {
  const clock = new TestClock(5_000)
  clock.jump(-3_000)
  expect(clock.now()).toBe(2_000)
  expect(clock.monotonic()).toBe(0)
  await clock.advance(10)
  expect(clock.now()).toBe(2_010)
  expect(clock.monotonic()).toBe(10)
})

test('a test can wait until something sleeps', async () => {
  const clock = new TestClock()
  const waiting = clock.untilWaiting(2)
  clock.after(ms(1), () => {})
  setImmediate(() => clock.after(ms(2), () => {}))
  await waiting
  expect(clock.waiting).toBe(2)
})
