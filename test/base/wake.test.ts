import { expect, test } from '@jest/globals'
import { Wakes } from '../../src/base/wake.ts'

const never = new AbortController().signal

/** Whether the promise has resolved after every task that is due has run. */
async function isResolved(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending')
  const turn = new Promise((resolve) => setImmediate(() => resolve(pending)))
  return (await Promise.race([promise, turn])) !== pending
}

test('a wake reaches everyone who waits on the topic, and no one else', async () => {
  const wakes = new Wakes()
  const first = wakes.next('a', never)
  const second = wakes.next('a', never)
  const other = wakes.next('b', never)
  wakes.wake('a')
  await Promise.all([first, second])
  expect(await isResolved(other)).toBe(false)
  wakes.wake('b')
  await other
})

test('a wake that comes while nobody waits is remembered once', async () => {
  const wakes = new Wakes()
  wakes.wake('a')
  wakes.wake('a')
  await wakes.next('a', never)
  const again = wakes.next('a', never)
  expect(await isResolved(again)).toBe(false)
  wakes.wake('a')
  await again
})

test('an abort ends the wait quietly, and only that one', async () => {
  const wakes = new Wakes()
  const controller = new AbortController()
  const leaving = wakes.next('a', controller.signal)
  const staying = wakes.next('a', never)
  controller.abort()
  await leaving
  expect(await isResolved(staying)).toBe(false)
  wakes.wake('a')
  await staying
})

test('after the last waiter has left by abort, a wake is remembered for the next', async () => {
  const wakes = new Wakes()
  const controller = new AbortController()
  const leaving = wakes.next('a', controller.signal)
  controller.abort()
  await leaving
  wakes.wake('a')
  await wakes.next('a', never)
})

test('who comes with an aborted signal does not wait', async () => {
  await new Wakes().next('a', AbortSignal.abort())
})
