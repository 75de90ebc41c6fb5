import { afterEach, expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { silentLog } from '../../src/base/log.ts'
import type { ClaimedDelivery, Settlement } from '../../src/ledger/ledger.ts'
import { LedgerQueue } from '../../src/queue/queue.ts'
import { ctInstance } from '../support/data-set.ts'
import { openDelivery } from '../support/delivery-harness.ts'
import { temporaryDir } from '../support/processes.ts'
import { openShelf, type Shelf } from '../support/spool-on-disk.ts'
import { TestClock } from '../support/test-clock.ts'

const closing: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each[Symbol.asyncDispose]()
})
function use<T extends AsyncDisposable>(resource: T): T {
  closing.push(resource)
  return resource
}

const settledAs = (delivery: ClaimedDelivery, clock: TestClock): Settlement => ({
  delivery: delivery.id,
  token: delivery.token,
  attempt: { startedAt: clock.now(), took: ms(1), outcome: 'DELIVERED', status: '0x0000', reason: null },
  state: 'DELIVERED',
  nextAttemptAt: null,
  reason: null,
  sentSha256: delivery.blob.sha256,
})

/** A ledger by a test clock, with some deliveries owed to nobody who sends. */
async function owing(count: number) {
  const clock = new TestClock()
  const { path: folder } = use(await temporaryDir('queue'))
  const shelf = use(await openShelf(folder, clock))
  const harness = use(await openDelivery({ folder, destinations: [], clock, shelf }))
  for (let n = 1; n <= count; n += 1) await harness.owe(ctInstance({ sizeBytes: 1_024, instanceNumber: n }).file)
  const queueOf = (claimant: string) =>
    use(new LedgerQueue({ ledger: shelf.ledger, clock, log: silentLog, random: () => 0.5, claimant }))
  return { clock, harness, shelf, queueOf }
}

test('a claim is renewed while it is in work, and nobody else gets it', async () => {
  const { clock, queueOf } = await owing(1)
  const queue = queueOf('one')
  const [claimed] = await queue.claim('archive', 10)
  for (let minute = 0; minute < 10; minute += 1) {
    await clock.advance(20_000)
    // The renewal is a verb of the writer thread; the next verb is answered behind it.
    expect(await queueOf('one').claim('archive', 10)).toEqual([])
  }
  expect(claimed !== undefined && queue.isOurs(claimed)).toBe(true)
})

test('what a dead process had claimed comes back at start, marked as perhaps taken', async () => {
  const { queueOf } = await owing(3)
  expect(await queueOf('dead').claim('archive', 10)).toHaveLength(3)
  const next = queueOf('alive')
  expect(await next.claim('archive', 10)).toEqual([])
  await next.start(new AbortController().signal)
  const again = await next.claim('archive', 10)
  expect(again.map(({ attempts, ambiguousBefore }) => [attempts, ambiguousBefore])).toEqual([
    [1, true],
    [1, true],
    [1, true],
  ])
})

test('what is given back is claimed again, uncounted', async () => {
  const { queueOf } = await owing(2)
  const queue = queueOf('one')
  const claimed = await queue.claim('archive', 10)
  await queue.giveBack(claimed)
  expect(claimed.some((delivery) => queue.isOurs(delivery))).toBe(false)
  expect((await queue.claim('archive', 10)).map(({ attempts }) => attempts)).toEqual([0, 0])
})

test('what was let go is claimed anew when its lease has ended, marked as perhaps taken', async () => {
  const { clock, queueOf } = await owing(1)
  const queue = queueOf('one')
  await queue.start(new AbortController().signal)
  const claimed = await queue.claim('archive', 10)
  queue.letGo(claimed)
  expect(claimed.map((delivery) => queue.isOurs(delivery))).toEqual([false])
  expect(await queue.claim('archive', 10)).toEqual([])
  for (let passed = 0; passed < 120; passed += 20) await clock.advance(20_000)
  const again = await queue.claim('archive', 10)
  expect(again.map(({ attempts, ambiguousBefore }) => [attempts, ambiguousBefore])).toEqual([[1, true]])
})

test('a settlement of a delivery that somebody else has by now changes nothing', async () => {
  const { clock, harness, queueOf } = await owing(1)
  const slow = queueOf('slow')
  const [mine] = await slow.claim('archive', 1)
  if (mine === undefined) throw new Error('nothing to claim')
  await slow.giveBack([mine])
  const fast = queueOf('fast')
  const [theirs] = await fast.claim('archive', 1)
  slow.settlements.add(settledAs(mine, clock))
  await slow.settlements.drain()
  expect((await harness.delivery(mine.id)).state).toBe('SENDING')
  if (theirs !== undefined) fast.settlements.add(settledAs(theirs, clock))
  await fast.settlements.drain()
  expect((await harness.delivery(mine.id)).state).toBe('DELIVERED')
})

test('a ledger that can write no settlements holds up no stop for long', async () => {
  const { clock, harness, shelf } = await owing(1)
  const full = async (): Promise<never> => {
    throw new KurirError('disk-full', 'transient', 'no room on the disk')
  }
  const ledger: Shelf['ledger'] = Object.create(shelf.ledger, { settle: { value: full } })
  const queue = new LedgerQueue({ ledger, clock, log: silentLog, random: () => 0.5, claimant: 'one' })
  const [mine] = await queue.claim('archive', 1)
  if (mine === undefined) throw new Error('nothing to claim')
  queue.settlements.add(settledAs(mine, clock))
  let isOver = false
  const stopped = queue[Symbol.asyncDispose]().then(() => {
    isOver = true
  })
  for (let second = 0; second < 60 && !isOver; second += 1) await clock.advance(1_000)
  expect(isOver).toBe(true)
  await stopped
  expect((await harness.delivery(mine.id)).state).toBe('SENDING')
})

test('work that comes while nobody looks is not slept through, and a stop ends the wait', async () => {
  const { harness, queueOf } = await owing(0)
  const queue = queueOf('one')
  const stop = new AbortController()
  expect(await queue.claim('archive', 1)).toEqual([])
  await harness.owe(ctInstance({ sizeBytes: 1_024 }).file)
  await queue.nextWork('archive', stop.signal)
  expect(await queue.claim('archive', 1)).toHaveLength(1)
  const waiting = queue.nextWork('archive', stop.signal)
  stop.abort()
  await waiting
})
