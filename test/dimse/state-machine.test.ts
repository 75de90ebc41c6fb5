import { describe, expect, test } from '@jest/globals'
import { EVENTS, STATES, transition } from '../../src/dimse/state-machine.ts'

// PS3.8 Table 9-10 copied cell by cell: a row an event, a column a state from Sta1 to Sta13, `-` where it is blank.
const PS3_8_TABLE_9_10 = `
  associate-request     AE-1 -    -    -    -    -    -    -    -    -     -    -    -
  transport-confirm     -    -    -    AE-2 -    -    -    -    -    -     -    -    -
  associate-ac          -    AA-1 AA-8 -    AE-3 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
  associate-rj          -    AA-1 AA-8 -    AE-4 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
  transport-indication  AE-5 -    -    -    -    -    -    -    -    -     -    -    -
  associate-rq          -    AE-6 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
  accept                -    -    AE-7 -    -    -    -    -    -    -     -    -    -
  reject                -    -    AE-8 -    -    -    -    -    -    -     -    -    -
  data-request          -    -    -    -    -    DT-1 -    AR-7 -    -     -    -    -
  data-pdu              -    AA-1 AA-8 -    AA-8 DT-2 AR-6 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
  release-request       -    -    -    -    -    AR-1 -    -    -    -     -    -    -
  release-rq            -    AA-1 AA-8 -    AA-8 AR-2 AR-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-6
  release-rp            -    AA-1 AA-8 -    AA-8 AA-8 AR-3 AA-8 AA-8 AR-10 AR-3 AA-8 AA-6
  release-response      -    -    -    -    -    -    -    AR-4 AR-9 -     -    AR-4 -
  abort-request         -    -    AA-1 AA-2 AA-1 AA-1 AA-1 AA-1 AA-1 AA-1  AA-1 AA-1 -
  abort-pdu             -    AA-2 AA-3 -    AA-3 AA-3 AA-3 AA-3 AA-3 AA-3  AA-3 AA-3 AA-2
  transport-closed      -    AA-5 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4 AA-4  AA-4 AA-4 AR-5
  artim-expired         -    AA-2 -    -    -    -    -    -    -    -     -    -    AA-2
  invalid-pdu           -    AA-1 AA-8 -    AA-8 AA-8 AA-8 AA-8 AA-8 AA-8  AA-8 AA-8 AA-7
`
const rows = PS3_8_TABLE_9_10.trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/))

// Where each action leads (PS3.8 Tables 9-6 to 9-9).
const NEXT: Readonly<Record<string, string>> = Object.fromEntries(
  `AE-1 Sta4, AE-2 Sta5, AE-3 Sta6, AE-4 Sta1, AE-5 Sta2, AE-6 Sta3, AE-7 Sta6, AE-8 Sta13, DT-1 Sta6, DT-2 Sta6,
   AR-1 Sta7, AR-2 Sta8, AR-3 Sta1, AR-4 Sta13, AR-5 Sta1, AR-6 Sta7, AR-7 Sta8, AR-9 Sta11, AR-10 Sta12,
   AA-1 Sta13, AA-2 Sta1, AA-3 Sta1, AA-4 Sta1, AA-5 Sta1, AA-6 Sta13, AA-7 Sta13, AA-8 Sta13`
    .split(',')
    .map((pair) => pair.trim().split(' ')),
)

test('the table of the Standard has a row for every event', () => {
  expect(rows.map(([event]) => event)).toEqual([...EVENTS])
})

describe.each(EVENTS.map((event, row) => ({ event, row })))('$event', ({ event, row }) => {
  test.each(STATES.map((state, column) => ({ state, cell: rows[row]?.[column + 1] ?? '' })))(
    'in $state: $cell',
    ({ state, cell }) => {
      for (const role of ['requestor', 'acceptor'] as const) {
        const collision = role === 'requestor' ? 'Sta9' : 'Sta10'
        const expected = cell === '-' ? undefined : { action: cell, next: cell === 'AR-8' ? collision : NEXT[cell] }
        expect(transition(state, event, role)).toEqual(expected)
      }
    },
  )
})
