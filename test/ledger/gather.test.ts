import { describe, expect, test } from '@jest/globals'
import { instant } from '../../src/base/clock.ts'
import { type GatherPort, gathering } from '../../src/ledger/sqlite/gather.ts'
import type { Call } from '../../src/ledger/sqlite/protocol.ts'

const call = (verb: string, ...args: readonly unknown[]): Call => ({ id: 1, verb, args, at: instant(0) })
const admit = (count = 1): Call => call('admit', Array(count).fill({}))

/** Verbs that arrive at their times, on a clock that only waiting moves. */
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
  return { port, waits: () => waits, now: () => now, add: (at: number, each: Call) => queue.push([at, each]) }
}

describe('admissions meet in one flush', () => {
  test('when all that are on their way have come, nobody waits longer', () => {
    const times = [0, 1, 1, 2, 2, 2, 3, 3]
    const { port, now } = arrivals(8, ...times.map((at) => [at, admit()] as const))
    expect(gathering(port, 5)()).toHaveLength(8)
    expect(now()).toBe(3)
  })

  test('the window ends the wait', () => {
    const { port, now } = arrivals(8, [0, admit()], [2, admit()], [9, admit()])
    expect(gathering(port, 5)()).toHaveLength(2)
    expect(now()).toBe(5)
  })

  test.each([0, 1, 2, 3])('with %d on their way nobody waits', (expected) => {
    const { port, waits } = arrivals(expected, [0, admit()], [1, admit()])
    expect(gathering(port, 5)()).toHaveLength(1)
    expect(waits()).toBe(0)
  })

  test('what is no admission waits for nobody, and rides along', () => {
    const alone = arrivals(8, [0, call('plan', [])])
    expect(gathering(alone.port, 5)()).toHaveLength(1)
    expect(alone.waits()).toBe(0)
    const riding = arrivals(4, [0, admit(3)], [1, call('plan', [])], [2, admit()])
    expect(gathering(riding.port, 5)().map(({ verb }) => verb)).toEqual(['admit', 'plan', 'admit'])
  })

  test('senders that stall hold up the others once in a while only', () => {
    const stalled = arrivals(8, [0, admit()])
    const gather = gathering(stalled.port, 5)
    for (let i = 0; i < 16; i++) {
      gather()
      stalled.add(stalled.now(), admit())
    }
    expect(stalled.now()).toBe(10)
  })
})
