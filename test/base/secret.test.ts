import { inspect } from 'node:util'
import { expect, test } from '@jest/globals'
import { Secret } from '../../src/base/secret.ts'

const secret = new Secret('hunter2')

test('only reveal tells it', () => {
  expect(secret.reveal()).toBe('hunter2')
})

test.each([
  ['as text', `${secret}`],
  ['as JSON', JSON.stringify({ secret })],
  ['inspected', inspect({ secret }, { depth: 5, showHidden: true })],
  ['spread', JSON.stringify({ ...secret })],
])('it is not shown %s', (_way, shown) => {
  expect(shown).not.toContain('hunter2')
})

test('it prints as what it is', () => {
  expect(String(secret)).toBe('<secret>')
  expect(inspect(secret)).toBe('<secret>')
  expect(JSON.stringify([secret])).toBe('["<secret>"]')
})
