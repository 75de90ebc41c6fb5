import { afterEach, expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Wakes } from '../../src/base/wake.ts'
import { Dispatcher } from '../../src/deliver/dispatcher.ts'
import { Outgoing } from '../../src/deliver/outgoing.ts'
import type { Line, Sender, Sent } from '../../src/deliver/sender.ts'
import type { Verdict } from '../../src/deliver/verdict.ts'
import type { ClaimedDelivery } from '../../src/ledger/ledger.ts'
import type { RetryPolicy } from '../../src/queue/retry-policy.ts'
import { DEFAULT_RETRY } from '../../src/rules/destination.ts'
import { claimed, claimedBytes } from '../support/claimed.ts'
import { MemoryQueue } from '../support/memory-queue.ts'
import { TestClock } from '../support/test-clock.ts'

const DELIVERED: Verdict = { state: 'DELIVERED', scope: null, retry: null, reason: null, status: '0x0000' }
const BROKEN: Verdict = { state: 'READY', scope: 'association', retry: 'transient', reason: 'timeout', status: null }
const BUSY: Verdict = {
  state: 'READY',
  scope: 'object',
  retry: 'transient',
  reason: 'processing-failure',
  status: '0x0110',
}

const FULL: Verdict = {
  state: 'READY',
  scope: 'destination',
  retry: 'transient',
  reason: 'out-of-resources',
  status: '0xA700',
}

/** A destination that answers as it is told. */
class Scripted implements Sender {
  lines = 2
  up = true
  connections = 0
  most = 0
  open = 0
  readonly taken: string[] = []
  answer: (delivery: ClaimedDelivery) => Verdict | Promise<Verdict> = () => DELIVERED

  async connect() {
    this.connections += 1
    if (!this.up) return { kind: 'unreachable', scope: 'destination', reason: 'connection-refused' } as const
    this.open += 1
    this.most = Math.max(this.most, this.open)
    let isOpen = true
    const line: Line = {
      get isOpen() {
        return isOpen
      },
      suits: () => true,
      send: async (outgoing): Promise<Sent> => {
        for await (const slice of outgoing) slice.length
        const verdict = await this.answer(outgoing.delivery)
        if (verdict.state === 'DELIVERED') this.taken.push(outgoing.delivery.id)
        if (verdict.scope === 'association') isOpen = false
        return { verdict, sha256: outgoing.sha256 }
      },
      abort: () => {},
      [Symbol.asyncDispose]: async () => {
        this.open -= 1
      },
    }
    return { kind: 'line', line } as const
  }

  sharesLine(): boolean {
    return true
  }

  async probe() {
    return this.up ? undefined : ({ scope: 'destination', reason: 'connection-refused' } as const)
  }
}

const running: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of running.splice(0)) await each[Symbol.asyncDispose]()
})

async function dispatching(options: { readonly retry?: RetryPolicy; readonly verifies?: boolean } = {}) {
  const clock = new TestClock()
  const queue = new MemoryQueue(clock)
  const sender = new Scripted()
  const conditions: string[] = []
  const ledger = {
    now: () => clock.now(),
    wakes: new Wakes(),
    destinationDown: async (_name: string, failures: number) => void conditions.push(`down ${failures}`),
    destinationUp: async () => void conditions.push('up'),
  }
  const blobs = {
    async *read() {
      yield claimedBytes
    },
  }
  const dispatcher = new Dispatcher({
    destination: 'archive',
    queue,
    ledger,
    condition: async () => null,
    route: () => ({ sender, retry: options.retry ?? DEFAULT_RETRY, verifies: options.verifies ?? false }),
    open: (delivery) => new Outgoing(delivery, { blobs, edit: () => blobs.read() }),
    clock,
    log: silentLog,
    random: () => 0.5,
  })
  running.push(dispatcher)
  await dispatcher.start(new AbortController().signal)
  /** Lets everything that waits for nothing but turns of the event loop happen. */
  const calm = async (): Promise<void> => {
    for (let turn = 0; turn < 200; turn += 1) await clock.advance(0)
  }
  return { clock, queue, sender, dispatcher, conditions, calm }
}

const many = (count: number) => Array.from({ length: count }, (_, n) => claimed({ id: `d${n}` }))

test('what a sender has failed over is not held for ever: its claim runs out, and the others go on', async () => {
  const { clock, queue, sender, calm } = await dispatching()
  sender.answer = ({ id, attempts }) => {
    if (id === 'd1' && attempts === 0) throw new Error('a mistake of ours')
    return DELIVERED
  }
  queue.owe(many(3))
  for (let second = 0; second < 70; second += 1) {
    await calm()
    await clock.advance(1_000)
  }
  expect(queue.left).toBe(0)
  expect(sender.taken.toSorted()).toEqual(['d0', 'd1', 'd2'])
})

test('thousands of small instances leave over the lines there are, each once', async () => {
  const { queue, sender, calm } = await dispatching()
  queue.owe(many(3_000))
  for (let round = 0; round < 200 && queue.left > 0; round += 1) await calm()
  expect(queue.left).toBe(0)
  expect(sender.taken).toHaveLength(3_000)
  expect(new Set(sender.taken).size).toBe(3_000)
  expect(sender.most).toBe(2)
  expect(sender.connections).toBeLessThanOrEqual(4)
}, 30_000)

test('an outage of a week loses nothing, counts nothing, gives nothing up, and ends within a minute', async () => {
  const { clock, queue, sender, conditions, calm } = await dispatching()
  sender.up = false
  queue.owe(many(100))
  await calm()
  for (let hours = 0; hours < 7 * 24 + 12; hours += 12) await clock.advance(12 * 3_600_000)
  expect(queue.settled).toEqual([])
  expect(queue.ready).toBe(100)
  const tries = sender.connections
  expect(tries).toBeGreaterThan(7 * 24 * 60)
  sender.up = true
  await clock.advance(60_000)
  await calm()
  expect(queue.settled.map(({ state }) => state)).toEqual(Array.from({ length: 100 }, () => 'DELIVERED'))
  await calm()
  expect(conditions.at(-1)).toBe('up')
}, 60_000)

test('a failing object backs off by itself, and the others do not wait for it', async () => {
  const { clock, queue, sender, calm } = await dispatching()
  sender.answer = ({ id }) => (id === 'd0' ? BUSY : DELIVERED)
  queue.owe(many(10))
  await calm()
  expect(sender.taken).toHaveLength(9)
  expect(queue.settled.filter(({ state }) => state === 'READY')).toHaveLength(1)
  const [failed] = queue.settled.filter(({ state }) => state === 'READY')
  expect((failed?.nextAttemptAt ?? 0) - clock.now()).toBe(7_500)
  await clock.advance(7_500)
  await calm()
  expect(queue.settled.filter(({ state }) => state === 'READY')).toHaveLength(2)
})

test('an object that fails for as long as give_up_after is FAILED', async () => {
  const { clock, queue, sender, calm } = await dispatching({
    retry: { first: ms(1_000), longest: ms(8_000), giveUpAfter: ms(60_000) },
  })
  sender.answer = () => BUSY
  queue.owe(many(1))
  await calm()
  for (let second = 0; second < 120 && queue.left > 0; second += 1) {
    await clock.advance(1_000)
    await calm()
  }
  expect(queue.settled.at(-1)).toMatchObject({ state: 'FAILED', reason: 'processing-failure', nextAttemptAt: null })
  expect(queue.settled.length).toBeGreaterThan(8)
}, 30_000)

test('three associations lost in a row rest the destination; one between successes does not', async () => {
  const { queue, sender, conditions, calm } = await dispatching()
  sender.lines = 1
  let sent = 0
  sender.answer = () => {
    sent += 1
    return sent % 2 === 0 ? BROKEN : DELIVERED
  }
  queue.owe(many(12))
  await calm()
  expect(conditions).toEqual([])
  expect(sender.taken).toHaveLength(6)
  sender.answer = () => BROKEN
  queue.owe(Array.from({ length: 12 }, (_, n) => claimed({ id: `e${n}` })))
  await calm()
  expect(conditions).toEqual(['down 1'])
  // The twelfth was lost as well, so two more are three; what was not on a line when it broke is uncounted.
  expect(queue.settled.filter(({ state }) => state === 'READY')).toHaveLength(6 + 2)
})

test('while a destination rests nothing is claimed, and a probe is one line', async () => {
  const { clock, queue, sender, dispatcher, calm } = await dispatching({ verifies: true })
  sender.up = false
  queue.owe(many(60))
  await calm()
  expect(dispatcher.inWork).toEqual({ waiting: 0, lanes: 0 })
  expect(queue.ready).toBe(60)
  sender.up = true
  sender.most = 0
  const gate = Promise.withResolvers<Verdict>()
  sender.answer = () => gate.promise
  await clock.advance(60_000)
  await calm()
  expect(sender.most).toBeLessThanOrEqual(2)
  gate.resolve(DELIVERED)
  await calm()
  expect(queue.left).toBe(0)
})

test('where all is urgent no more is claimed ahead than else', async () => {
  const { clock, queue, sender, dispatcher, calm } = await dispatching()
  const gate = Promise.withResolvers<Verdict>()
  sender.answer = () => gate.promise
  queue.owe(Array.from({ length: 1_000 }, (_, n) => claimed({ id: `d${n}`, urgent: true })))
  await calm()
  for (let second = 0; second < 20; second += 1) {
    await clock.advance(1_000)
    await calm()
  }
  expect(dispatcher.inWork.waiting).toBeLessThanOrEqual(64)
  gate.resolve(DELIVERED)
  await calm()
  expect(queue.left).toBe(0)
})

test('a destination that answers an echo and then takes nothing rests all the same, longer each time', async () => {
  const { clock, queue, sender, conditions, calm } = await dispatching({ verifies: true })
  sender.answer = () => FULL
  queue.owe(many(5))
  await calm()
  for (const [round, rest] of [2_000, 4_000, 8_000].entries()) {
    const before = sender.connections
    await clock.advance(rest)
    await calm()
    expect(sender.connections).toBe(before + 1)
    expect(conditions.at(-1)).toBe(`down ${round + 2}`)
  }
})

test('an operator’s echo brings a resting destination back at once', async () => {
  const { queue, sender, dispatcher, calm } = await dispatching()
  sender.up = false
  queue.owe(many(5))
  await calm()
  expect((await dispatcher.verify())?.reason).toBe('connection-refused')
  sender.up = true
  expect(await dispatcher.verify()).toBeUndefined()
  await calm()
  expect(sender.taken).toHaveLength(5)
})

test('a wall clock that jumps changes no rest', async () => {
  const { clock, queue, sender, calm } = await dispatching()
  sender.up = false
  queue.owe(many(1))
  await calm()
  const before = sender.connections
  clock.jump(-86_400_000)
  sender.up = true
  await clock.advance(2_000)
  await calm()
  expect(sender.connections).toBe(before + 1)
})

test('stopping gives back what no line has begun, and waits for what one has', async () => {
  const { queue, sender, dispatcher, calm } = await dispatching()
  sender.lines = 1
  const gate = Promise.withResolvers<Verdict>()
  sender.answer = () => gate.promise
  queue.owe(many(40))
  await calm()
  const stopped = dispatcher[Symbol.asyncDispose]()
  await calm()
  gate.resolve(DELIVERED)
  await stopped
  expect(queue.settled.map(({ state }) => state)).toEqual(['DELIVERED'])
  expect(queue.ready).toBe(39)
  expect(queue.givenBack).toBe(39)
})
