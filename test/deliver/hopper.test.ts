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
