import { expect, test } from '@jest/globals'
import { KurirError } from '../../src/base/failure.ts'
import { judgeConnect, judgeLost, judgeSource } from '../../src/deliver/failure-scope.ts'
import { attemptOutcome } from '../../src/deliver/verdict.ts'

const rejected = (result: number, source: number, reason: number) =>
  ({ kind: 'rejected', result, source, reason }) as const

test.each([
  ['a permanent rejection', rejected(1, 1, 7)],
  ['a transient rejection', rejected(2, 3, 2)],
  ['a protocol version that is not supported', rejected(1, 2, 2)],
])('%s is the destination’s', (_, outcome) => {
  expect(judgeConnect(outcome, false)).toEqual({ scope: 'destination', reason: 'association-rejected' })
})

test.each(['connection-refused', 'timeout', 'connection-closed'] as const)('%s is the destination’s', (code) => {
  expect(judgeConnect({ kind: 'unreachable', code, reason: 'x' }, true)).toEqual({ scope: 'destination', reason: code })
})

test('a modality’s title that is refused says nothing about other modalities', () => {
  expect(judgeConnect(rejected(1, 1, 3), true)).toEqual({ scope: 'association', reason: 'calling-ae-refused' })
  expect(judgeConnect(rejected(1, 1, 3), false)).toEqual({ scope: 'destination', reason: 'calling-ae-refused' })
})

test('what may have been taken is ambiguous; what was not sent to its end is not', () => {
  const lost = (taken: boolean) => judgeLost({ kind: 'lost', code: 'timeout', taken, reason: 'x' })
  expect(attemptOutcome(lost(true))).toBe('AMBIGUOUS')
  expect(attemptOutcome(lost(false))).toBe('TRANSIENT')
  expect(lost(true)).toMatchObject({ state: 'READY', scope: 'association', reason: 'timeout', status: null })
})

test.each([
  ['blob-corrupt', 'HELD', 'blob corrupt'],
  ['blob-missing', 'HELD', 'blob missing'],
  ['conflict', 'HELD', 'would-differ'],
  ['invalid-dataset', 'HELD', 'not-editable'],
  ['disk-io', 'READY', 'disk-io'],
  ['internal', 'HELD', 'internal'],
] as const)('our own bytes: %s is %s, %s', (code, state, reason) => {
  expect(judgeSource(new KurirError(code, 'permanent', 'x'))).toMatchObject({ state, reason, scope: 'object' })
})

test('what nobody foresaw is held, not tried for ever', () => {
  expect(judgeSource(new TypeError('x'))).toMatchObject({ state: 'HELD', reason: 'internal' })
})
