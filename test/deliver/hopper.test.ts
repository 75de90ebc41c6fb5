import { expect, test } from '@jest/globals'
import { Hopper } from '../../src/deliver/hopper.ts'
import { claimed } from '../support/claimed.ts'

test('the first that suits is taken, and otherwise the first', () => {
  const hopper = new Hopper()
  const [a, b, c] = [claimed({ id: 'a' }), claimed({ id: 'b' }), claimed({ id: 'c' })]
  hopper.add([a, b, c])
  expect(hopper.take(({ id }) => id === b.id)).toBe(b)
  expect(hopper.take(({ id }) => id === b.id)).toBe(a)
  expect(hopper.takeIf(({ id }) => id === b.id)).toBeUndefined()
  expect(hopper.take()).toBe(c)
  expect(hopper.take()).toBeUndefined()
})

test('who brought the destination down goes last, also behind what comes later', () => {
  const hopper = new Hopper()
  const [bad, good, late] = [claimed({ id: 'bad' }), claimed({ id: 'good' }), claimed({ id: 'late' })]
  hopper.suspect(bad)
  hopper.add([bad, good])
  hopper.add([late])
  expect([hopper.take(), hopper.take(), hopper.take()]).toEqual([good, late, bad])
})

test('urgent ones go before the others, and are passed over by urgent ones only', () => {
  const hopper = new Hopper()
  const [a, b] = [claimed({ id: 'a' }), claimed({ id: 'b' })]
  const [stat, high] = [claimed({ id: 'stat', urgent: true }), claimed({ id: 'high', urgent: true })]
  hopper.add([a, b])
  hopper.add([stat])
  hopper.add([high])
  const suits =
    (...those: readonly (typeof a)[]) =>
    (delivery: typeof a) =>
      those.includes(delivery)
  expect(hopper.takeIf(suits(a, b))).toBeUndefined()
  expect(hopper.takeIf(suits(a, high))).toBe(high)
  expect(hopper.take(suits(a))).toBe(stat)
  expect([hopper.take(), hopper.take()]).toEqual([a, b])
})

test('the first is passed over 64 times, not for ever', () => {
  const hopper = new Hopper()
  const first = claimed({ id: 'first' })
  hopper.add([first, ...Array.from({ length: 70 }, (_, n) => claimed({ id: `other ${n}` }))])
  const others = (delivery: typeof first): boolean => delivery !== first
  let taken = 0
  while (hopper.takeIf(others) !== undefined) taken += 1
  expect(taken).toBe(64)
  expect(hopper.take(others)).toBe(first)
  expect(hopper.takeIf(others)).toBeDefined()
})

test('others count as taken only since the refusal', () => {
  const hopper = new Hopper()
  const [bad, good] = [claimed({ id: 'bad' }), claimed({ id: 'good' })]
  hopper.wasTaken(good)
  expect(hopper.othersTakenSince(bad)).toBe(false)
  hopper.suspect(bad)
  expect(hopper.othersTakenSince(bad)).toBe(false)
  hopper.wasTaken(good)
  hopper.suspect(bad)
  expect(hopper.othersTakenSince(bad)).toBe(true)
  hopper.wasTaken(bad)
  expect(hopper.othersTakenSince(bad)).toBe(false)
})
