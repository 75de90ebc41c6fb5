import { expect, test } from '@jest/globals'
import { instant, ms } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { silentLog } from '../../src/base/log.ts'
import type { ClaimToken, DeliveryId } from '../../src/ledger/ids.ts'
import type { Settlement, SettleOutcome } from '../../src/ledger/ledger.ts'
import { Settling } from '../../src/queue/settling.ts'
import { TestClock } from '../support/test-clock.ts'

const settlement = (n: number): Settlement => ({
  delivery: `d${n}` as DeliveryId,
  token: `t${n}` as ClaimToken,
  attempt: { startedAt: instant(0), took: ms(1), outcome: 'DELIVERED', status: '0x0000', reason: null },
  state: 'DELIVERED',
  nextAttemptAt: null,
  reason: null,
  sentSha256: null,
})

/** A ledger that answers when it is told to. */
function slowLedger() {
  const batches: (readonly Settlement[])[] = []
  const answers: PromiseWithResolvers<readonly SettleOutcome[]>[] = []
  return {
    batches,
    answer: (outcome: SettleOutcome = 'applied') => answers.shift()?.resolve(batches.at(-1)?.map(() => outcome) ?? []),
    fail: (error: unknown) => answers.shift()?.reject(error),
    settle: (batch: readonly Settlement[]) => {
      batches.push(batch)
      const answer = Promise.withResolvers<readonly SettleOutcome[]>()
      answers.push(answer)
      return answer.promise
    },
  }
}

function settlingOver(ledger: Pick<ReturnType<typeof slowLedger>, 'settle'>) {
  const clock = new TestClock()
  const written: string[] = []
  const onWritten = ({ delivery }: Settlement, outcome: SettleOutcome): void =>
    void written.push(`${delivery} ${outcome}`)
  const settling = new Settling({ ledger, clock, log: silentLog, random: () => 0.5, onWritten })
  return { clock, written, settling }
}

const sizes = (ledger: ReturnType<typeof slowLedger>): readonly number[] => ledger.batches.map((batch) => batch.length)

test('what comes within a moment is written together', async () => {
  const ledger = slowLedger()
  const { clock, settling, written } = settlingOver(ledger)
  for (let n = 0; n < 5; n += 1) settling.add(settlement(n))
  expect(ledger.batches).toEqual([])
  await clock.advance(20)
  expect(sizes(ledger)).toEqual([5])
  ledger.answer()
  await settling.drain()
  expect(written).toHaveLength(5)
  expect(settling.unwritten).toBe(0)
})

test('while one batch is being written the next gathers, and no two are written at once', async () => {
  const ledger = slowLedger()
  const { settling, clock } = settlingOver(ledger)
  for (let n = 0; n < 64; n += 1) settling.add(settlement(n))
  for (let n = 64; n < 74; n += 1) settling.add(settlement(n))
  await clock.advance(50)
  expect(sizes(ledger)).toEqual([64])
  ledger.answer()
  await clock.advance(0)
  expect(sizes(ledger)).toEqual([64, 10])
  ledger.answer()
  await settling.drain()
})

test('a batch that the ledger could not write is kept and written again', async () => {
  const ledger = slowLedger()
  const { settling, clock, written } = settlingOver(ledger)
  settling.add(settlement(1))
  await clock.advance(20)
  ledger.fail(new KurirError('disk-full', 'transient', 'no room'))
  await clock.untilWaiting(1)
  expect(settling.unwritten).toBe(1)
  await clock.advance(1_000)
  expect(sizes(ledger)).toEqual([1, 1])
  ledger.answer()
  await settling.drain()
  expect(written).toEqual(['d1 applied'])
})

test('one that the ledger refuses for ever holds up no others, and is tried again by itself', async () => {
  const refusing = {
    tries: 0,
    settle: async (batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> => {
      if (!batch.some(({ delivery }) => delivery === 'd2')) return batch.map(() => 'applied')
      refusing.tries += 1
      throw new KurirError('internal', 'permanent', 'the ledger refused a verb')
    },
  }
  const { settling, clock, written } = settlingOver(refusing)
  for (const n of [1, 2, 3]) settling.add(settlement(n))
  await clock.advance(1_000)
  settling.add(settlement(4))
  await clock.advance(1_000)
  expect(written).toEqual(['d1 applied', 'd3 applied', 'd4 applied'])
  const before = refusing.tries
  await clock.advance(20_000)
  expect(refusing.tries).toBeGreaterThan(before)
  // Nor does it hold up a stop.
  await settling.drain()
  settling.close()
})

test('a settlement that somebody overtook is told as superseded', async () => {
  const ledger = slowLedger()
  const { settling, written } = settlingOver(ledger)
  settling.add(settlement(1))
  const drained = settling.drain()
  ledger.answer('superseded')
  await drained
  expect(written).toEqual(['d1 superseded'])
})

test('a closed ledger ends the tries', async () => {
  const ledger = slowLedger()
  const { settling } = settlingOver(ledger)
  settling.add(settlement(1))
  const drained = settling.drain()
  ledger.fail(new KurirError('ledger-closed', 'permanent', 'closed'))
  await drained
  expect(ledger.batches).toHaveLength(1)
})
