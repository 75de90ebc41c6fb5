import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { judgeStoreStatus, type StatusContext } from '../../src/deliver/status-table.ts'
import { attemptOutcome } from '../../src/deliver/verdict.ts'

const first: StatusContext = { maybeTaken: false, attempts: 0, othersTaken: false }

/** The table of README.md: status, state, scope, retry class, reason; for the first try, nothing else known. */
const TABLE = [
  [0x0000, 'DELIVERED', null, null, null],
  [0xb000, 'DELIVERED', null, null, 'coerced'],
  [0xb006, 'DELIVERED', null, null, 'elements-discarded'],
  [0xb007, 'DELIVERED', null, null, 'data-set-does-not-match-sop-class'],
  [0xb123, 'DELIVERED', null, null, 'warning'],
  [0x0110, 'READY', 'object', 'transient', 'processing-failure'],
  [0x0111, 'REJECTED', 'object', 'permanent', 'duplicate-sop-instance'],
  [0x0117, 'REJECTED', 'object', 'permanent', 'invalid-sop-instance'],
  [0x0122, 'REJECTED', 'object', 'permanent', 'sop-class-not-supported'],
  [0x0124, 'READY', 'destination', 'transient', 'not-authorized'],
  [0x0210, 'READY', 'association', 'transient', 'duplicate-invocation'],
  [0x0211, 'REJECTED', 'object', 'permanent', 'unrecognized-operation'],
  [0x0212, 'READY', 'association', 'transient', 'mistyped-argument'],
  [0x0213, 'READY', 'destination', 'transient', 'out-of-resources'],
  [0xa700, 'READY', 'destination', 'transient', 'out-of-resources'],
  [0xa701, 'READY', 'destination', 'transient', 'out-of-resources'],
  [0xa7ff, 'READY', 'destination', 'transient', 'out-of-resources'],
  [0xa900, 'REJECTED', 'object', 'permanent', 'data-set-does-not-match-sop-class'],
  [0xa9ff, 'REJECTED', 'object', 'permanent', 'data-set-does-not-match-sop-class'],
  [0xc000, 'READY', 'object', 'transient', 'cannot-understand'],
  [0xcfff, 'READY', 'object', 'transient', 'cannot-understand'],
  [0x0001, 'READY', 'object', 'transient', 'unknown-status'],
  [0x0107, 'READY', 'object', 'transient', 'unknown-status'],
  [0xa800, 'READY', 'object', 'transient', 'unknown-status'],
  [0xfe00, 'READY', 'object', 'transient', 'unknown-status'],
  [0xff00, 'READY', 'object', 'transient', 'unknown-status'],
  [0xffff, 'READY', 'object', 'transient', 'unknown-status'],
] as const

describe('the status table', () => {
  test.each(TABLE)('%i is %s, %s, %s, %s', (status, state, scope, retry, reason) => {
    const text = `0x${status.toString(16).toUpperCase().padStart(4, '0')}`
    expect(judgeStoreStatus(status, first)).toEqual({ state, scope, retry, reason, status: text })
  })

  test('every status of the sixteen bits has a verdict, and only 0000 and Bxxx deliver at the first try', () => {
    for (let status = 0; status <= 0xffff; status += 1) {
      const { state, scope, retry } = judgeStoreStatus(status, first)
      const delivers = status === 0 || status >> 12 === 0xb
      if ((state === 'DELIVERED') !== delivers || (scope === null) !== delivers || (retry === null) !== delivers) {
        throw new Error(`0x${status.toString(16)} is judged ${state}`)
      }
    }
  })

  test('a duplicate is delivered only when an earlier try of the same bytes may have been taken', () => {
    const again = judgeStoreStatus(0x0111, { ...first, maybeTaken: true })
    expect(again).toMatchObject({ state: 'DELIVERED', reason: 'already-there' })
    expect(attemptOutcome(again)).toBe('DELIVERED_WITH_WARNING')
  })

  test('a refusal of everything, said to one instance while others got through, is that instance’s own', () => {
    const alone = { ...first, othersTaken: true }
    expect(judgeStoreStatus(0xa700, alone)).toMatchObject({ state: 'READY', scope: 'object' })
    expect(judgeStoreStatus(0x0213, alone)).toMatchObject({ state: 'READY', scope: 'object' })
    expect(judgeStoreStatus(0x0124, alone)).toMatchObject({ state: 'REJECTED', scope: 'object', retry: 'permanent' })
  })

  test('a vague refusal is believed at the third time', () => {
    const states = [0, 1, 2].map((attempts) => judgeStoreStatus(0xc001, { ...first, attempts }).state)
    expect(states).toEqual(['READY', 'READY', 'REJECTED'])
  })

  test('README.md has a row for every reason', () => {
    const readme = readFileSync(new URL('../../src/deliver/README.md', import.meta.url), 'utf8')
    for (const [, state, , , reason] of TABLE) expect(readme).toContain(reason === null ? state : `\`${reason}\``)
  })
})
