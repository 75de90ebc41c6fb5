import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { connectWriter } from '../../src/ledger/sqlite/connection.ts'
import { type OpenedLedger, openLedger } from './open-ledger.ts'

let opened: OpenedLedger
beforeEach(async () => {
  opened = await openLedger()
  for (const outcome of ['1', '2', '3', '4', '5']) {
    await opened.ledger.processEvent({ event: 'Application Activity', actor: 'kurir', outcome, detail: null })
  }
})
afterEach(async () => await opened[Symbol.asyncDispose]())

/** Somebody with another program writes into the trail while it is open. */
function tamper(...statements: readonly string[]): void {
  const db = connectWriter(opened.file)
  for (const statement of statements) db.exec(statement)
  db.close()
}

describe('the trail on record', () => {
  test.each([
    ['the first event taken out', ['DELETE FROM audit_event WHERE sequence = 1'], 2],
    ['one in the middle taken out', ['DELETE FROM audit_event WHERE sequence = 3'], 4],
    [
      'one in the middle taken out, and those behind it numbered anew',
      [
        'DELETE FROM audit_event WHERE sequence = 3',
        'UPDATE audit_event SET sequence = sequence - 1 WHERE sequence > 3',
      ],
      3,
    ],
    [
      'two exchanged',
      [
        'UPDATE audit_event SET sequence = 9 WHERE sequence = 2',
        'UPDATE audit_event SET sequence = 2 WHERE sequence = 3',
        'UPDATE audit_event SET sequence = 3 WHERE sequence = 9',
      ],
      3,
    ],
    ['one taken out of every list that is shown', ['UPDATE audit_event SET listed = 2 WHERE sequence = 4'], 4],
    ['another outcome', ["UPDATE audit_event SET outcome = 'x' WHERE sequence = 4"], 4],
    [
      'a second event of one number',
      [
        'DROP INDEX audit_chain',
        `INSERT INTO audit_event (node, sequence, segment, at, event, actor, outcome, hash)
         SELECT node, sequence, segment, at, event, actor, outcome, hash FROM audit_event WHERE sequence = 5`,
      ],
      5,
    ],
  ])('%s: the first event that does not follow is named', async (_, statements, firstBroken) => {
    tamper(...statements)
    expect(await opened.ledger.auditVerify()).toMatchObject({ firstBroken })
  })

  test('its last events taken off while it serves show with the next event', async () => {
    tamper('DELETE FROM audit_event WHERE sequence > 3')
    await opened.ledger.phiRead({ name: 'ani' }, 'studies', 1)
    expect(await opened.ledger.auditVerify()).toMatchObject({ firstBroken: 6 })
  })

  test('taken off while nobody serves they show by their number alone, which is to be kept elsewhere', async () => {
    tamper('DELETE FROM audit_event WHERE sequence > 3')
    expect(await (await opened.reopen()).auditVerify()).toEqual({ events: 3, firstBroken: null })
  })
})
