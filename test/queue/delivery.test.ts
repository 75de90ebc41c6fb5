import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { DELIVERY_STATES } from '../../src/ledger/states.ts'
import { canBecome, DELIVERY_TRANSITIONS, isSettled } from '../../src/queue/delivery.ts'

const sdl = readFileSync(new URL('../../schema/admin/delivery.graphql', import.meta.url), 'utf8')

test('the states are the words of the GraphQL enum, in the same order', () => {
  const body = /enum DeliveryState \{([^}]*)\}/.exec(sdl)?.[1] ?? ''
  const words = body.replace(/"[^"]*"/g, ' ').match(/[A-Z_]+/g)
  expect(words).toEqual([...DELIVERY_STATES])
})

test('what was delivered is never sent again, and only a claim leads to sending', () => {
  expect(DELIVERY_TRANSITIONS.DELIVERED).toEqual([])
  const before = DELIVERY_STATES.filter((state) => canBecome(state, 'SENDING'))
  expect(before).toEqual(['READY'])
})

test('every state but DELIVERED can come back to READY', () => {
  for (const state of DELIVERY_STATES) {
    if (state !== 'DELIVERED' && state !== 'READY') expect([state, canBecome(state, 'READY')]).toEqual([state, true])
  }
})

test('settled is what nothing happens to by itself', () => {
  expect(DELIVERY_STATES.filter(isSettled)).toEqual(['DELIVERED', 'REJECTED', 'FAILED', 'CANCELLED'])
})
