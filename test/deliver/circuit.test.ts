import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { instant, ms } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Circuit } from '../../src/deliver/circuit.ts'
import { TestClock } from '../support/test-clock.ts'

function circuitWith(policy = { first: ms(10_000), longest: ms(900_000) }, random = () => 0.5) {
  const clock = new TestClock()
  const written: string[] = []
  const ledger = {
    now: () => clock.now(),
    destinationDown: async (name: string, failures: number, probeAt: number, reason: string) =>
      void written.push(`${name} down ${failures} ${probeAt - clock.now()} ${reason}`),
    destinationUp: async (name: string) => void written.push(`${name} up`),
  }
  const circuit = new Circuit({ destination: 'archive', ledger, clock, log: silentLog, random, policy: () => policy })
  return { clock, written, circuit }
}

test('it rests, lets a probe through, and closes at the first success', async () => {
  const { circuit, clock, written } = circuitWith()
  circuit.fail('timeout')
  expect([circuit.isOpen, circuit.rest]).toEqual([true, 1_500])
  await circuit.written()
  await clock.advance(1_500)
  expect(circuit.rest).toBe(0)
  circuit.tryAgain()
  expect([circuit.isOpen, circuit.isHalfOpen]).toEqual([false, true])
  circuit.succeed('delivery')
  await circuit.written()
  expect(written).toEqual(['archive down 1 1500 timeout', 'archive up'])
})

test('several lines that notice at once are one failure', async () => {
  const { circuit, written } = circuitWith()
  circuit.fail('timeout')
  circuit.fail('timeout')
  await circuit.written()
  expect(written).toHaveLength(1)
})

test('a week of outage: each rest is at most a minute, and there is always another try', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), (random) => {
      const { circuit } = circuitWith(undefined, () => random)
      for (let failure = 1; failure <= 200; failure += 1) {
        circuit.fail('connection-refused')
        expect(circuit.rest).toBeGreaterThanOrEqual(Math.min(60_000, 2_000 * 2 ** (failure - 1)) / 2)
        expect(circuit.rest).toBeLessThanOrEqual(60_000)
        circuit.tryAgain()
      }
    }),
  )
})

test('an echo closes it but is no delivery: the next failure rests longer', () => {
  const { circuit } = circuitWith()
  circuit.fail('out-of-resources')
  const first = circuit.rest
  circuit.tryAgain()
  circuit.succeed('echo')
  expect(circuit.isOpen || circuit.isHalfOpen).toBe(false)
  circuit.fail('out-of-resources')
  expect(circuit.rest).toBe(first * 2)
  circuit.tryAgain()
  circuit.succeed('delivery')
  circuit.fail('out-of-resources')
  expect(circuit.rest).toBe(first)
})

test('a restart takes up the rest that was left, and a clock that jumped does not make it longer', () => {
  const { circuit, clock } = circuitWith()
  const since = clock.now()
  circuit.restore({ since, failures: 3, probeAt: instant(clock.now() + 5_000), reason: 'timeout' })
  expect(circuit.rest).toBe(5_000)
  circuit.restore({ since, failures: 3, probeAt: instant(clock.now() + 86_400_000), reason: 'timeout' })
  expect(circuit.rest).toBe(60_000)
  clock.jump(-3_600_000)
  expect(circuit.rest).toBe(60_000)
})
