import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { idsFrom } from '../../src/base/id.ts'
import { TestClock } from '../support/test-clock.ts'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('an id is a UUIDv7 that begins with the time', () => {
  const id = idsFrom(new TestClock(0x0123456789ab))()
  expect(id).toMatch(UUID_V7)
  expect(id.startsWith('01234567-89ab-7000-')).toBe(true)
})

test('ids of one millisecond stay in order, also when the counter runs over', () => {
  const newId = idsFrom(new TestClock())
  const ids = Array.from({ length: 10_000 }, newId)
  expect([...ids].sort()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
  for (const id of ids) expect(id).toMatch(UUID_V7)
})

test('ids rise whatever the wall clock does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -10_000, max: 10_000 }), { maxLength: 200 }), (jumps) => {
      const clock = new TestClock()
      const newId = idsFrom(clock)
      let last = newId()
      for (const by of jumps) {
        clock.jump(by)
        const id = newId()
        expect(id > last).toBe(true)
        last = id
      }
    }),
  )
})
