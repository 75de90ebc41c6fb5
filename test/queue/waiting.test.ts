import { expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { Wakes } from '../../src/base/wake.ts'
import { Waiting } from '../../src/queue/waiting.ts'
import { TestClock } from '../support/test-clock.ts'

function waitingFor() {
  const [wakes, clock, stop] = [new Wakes(), new TestClock(), new AbortController()]
  const waiting = new Waiting(wakes, 'work', clock)
  return { wakes, clock, stop, next: (wait: number) => waiting.next(ms(wait), stop.signal) }
}

test('a wake ends the wait, and so does the time', async () => {
  const { wakes, clock, next } = waitingFor()
  const first = next(100)
  wakes.wake('work')
  expect(await first).toBe(true)
  const second = next(100)
  await clock.advance(100)
  expect(await second).toBe(false)
  expect(clock.waiting).toBe(0)
})

test('a wake that comes between two waits is not lost', async () => {
  const { wakes, clock, next } = waitingFor()
  const first = next(100)
  await clock.advance(100)
  expect(await first).toBe(false)
  wakes.wake('work')
  await clock.advance(0)
  expect(await next(100)).toBe(true)
  const third = next(100)
  await clock.advance(100)
  expect(await third).toBe(false)
})

test('a wake before the first wait is remembered, and a stop ends any', async () => {
  const { wakes, stop, next } = waitingFor()
  wakes.wake('work')
  expect(await next(100)).toBe(true)
  const waiting = next(100)
  stop.abort()
  await waiting
})
