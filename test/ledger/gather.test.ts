import { describe, expect, test } from '@jest/globals'
import { instant } from '../../src/base/clock.ts'
import { type GatherPort, gathering } from '../../src/ledger/sqlite/gather.ts'
import type { Call } from '../../src/ledger/sqlite/protocol.ts'

const call = (verb: string, ...args: readonly unknown[]): Call => ({ id: 1, verb, args, at: instant(0) })
const admit = (count = 1): Call => call('admit', Array(count).fill({}))

/** Verbs that arrive at their times, on a clock that only waiting and `pass` move. */
function arrivals(expected: number, ...timed: readonly (readonly [at: number, call: Call])[]) {
  let now = 0
  let waits = 0
  const queue = [...timed]
  const port: GatherPort = {
    expected: () => expected,
    now: () => now,
    drain: () => queue.splice(0, queue.filter(([at]) => at <= now).length).map(([, each]) => each),
    wait(atMostMs) {
      waits += 1
      now = Math.min(now + atMostMs, Math.max(now, queue[0]?.[0] ?? Number.POSITIVE_INFINITY))
    },
  }
  const add = (at: number, each: Call): number => queue.push([at, each])
  const pass = (ms: number): void => {
    now += ms
  }
  return { port, waits: () => waits, now: () => now, add, pass }
}

/** All that one gathering brings, with a window of 5 ms. */
const gatheredFrom = (port: GatherPort): readonly Call[] => [...gathering(port, 5)()].flat()

describe('admissions meet in one flush', () => {
  test('when three quarters of those on their way have come, nobody waits longer', () => {
    const times = [0, 1, 1, 2, 2, 2, 3, 4]
    const { port, now } = arrivals(8, ...times.map((at) => [at, admit()] as const))
    expect(gatheredFrom(port)).toHaveLength(6)
    expect(now()).toBe(2)
  })

  test('what has come can be worked on while the others are waited for; the window goes on', () => {
    const { port, now, pass } = arrivals(8, [0, admit()], [2, admit()], [3, admit()], [6, admit()])
    const seen: (readonly [at: number, count: number])[] = []
    for (const calls of gathering(port, 5)()) {
      seen.push([now(), calls.length])
      pass(2)
    }
    expect(seen).toEqual([
      [0, 1],
      [2, 1],
      [4, 1],
    ])
  })

  test('the window ends the wait', () => {
    const { port, now } = arrivals(8, [0, admit()], [2, admit()], [9, admit()])
    expect(gatheredFrom(port)).toHaveLength(2)
    expect(now()).toBe(5)
  })

  test.each([0, 1, 2, 3])('with %d on their way nobody waits', (expected) => {
    const { port, waits } = arrivals(expected, [0, admit()], [1, admit()])
    expect(gatheredFrom(port)).toHaveLength(1)
    expect(waits()).toBe(0)
  })

  test('what is no admission waits for nobody, and rides along', () => {
    const alone = arrivals(8, [0, call('plan', [])])
    expect(gatheredFrom(alone.port)).toHaveLength(1)
    expect(alone.waits()).toBe(0)
    const riding = arrivals(4, [0, admit(2)], [1, call('plan', [])], [2, admit()])
    expect(gatheredFrom(riding.port).map(({ verb }) => verb)).toEqual(['admit', 'plan', 'admit'])
  })

  test('senders that stall hold up the others ever less often, until others come as expected', () => {
    const stalled = arrivals(8, [0, admit()])
    const gather = gathering(stalled.port, 5)
    const waitedAt = (from: number, to: number): readonly number[] => {
      const waited: number[] = []
      for (let transaction = from; transaction <= to; transaction++) {
        const before = stalled.now()
        for (const _calls of gather()) continue
        if (stalled.now() > before) waited.push(transaction)
        stalled.add(stalled.now(), admit())
      }
      return waited
    }
    expect(waitedAt(1, 1000)).toEqual([1, 3, 7, 15, 31, 63, 127, 255, 511, 767])
    expect(waitedAt(1001, 1022)).toEqual([])
    stalled.add(stalled.now() + 1, admit(5))
    expect(waitedAt(1023, 1023)).toEqual([1023])
    expect(waitedAt(1024, 1030)).toEqual([1024, 1026, 1030])
  })
})
