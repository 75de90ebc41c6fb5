import { expect, test } from '@jest/globals'
import { RuleCounts } from '../../src/app/rule-counts.ts'
import type { NewObligation } from '../../src/ledger/ledger.ts'
import { forward } from '../ledger/sample.ts'
import { TestClock } from '../support/test-clock.ts'

const rule = (name: string) => ({ name, file: 'f.yaml', line: 1, rulesetDigest: 'r' })
const hold = (name: string | null): NewObligation => ({
  kind: 'HOLD',
  rule: name === null ? null : rule(name),
  reason: 'x',
})

test('a rule counts once an instance, for an hour, whatever it asks for', async () => {
  const clock = new TestClock()
  const counts = new RuleCounts(clock)
  counts.decided([
    { obligations: [forward('a'), forward('b'), hold('strict')] },
    { obligations: [forward('a'), hold(null)] },
  ])
  expect([counts.lastHour('to-archive'), counts.lastHour('strict'), counts.lastHour('none')]).toEqual([2, 1, 0])
  await clock.advance(30 * 60_000)
  counts.decided([{ obligations: [hold('strict')] }])
  await clock.advance(29 * 60_000)
  expect([counts.lastHour('to-archive'), counts.lastHour('strict')]).toEqual([2, 2])
  await clock.advance(60_000)
  expect([counts.lastHour('to-archive'), counts.lastHour('strict')]).toEqual([0, 1])
  await clock.advance(24 * 3_600_000)
  counts.decided([])
  expect(counts.lastHour('strict')).toBe(0)
})

test('an hour is an hour, though the clock is set back or forward meanwhile', async () => {
  const clock = new TestClock()
  const counts = new RuleCounts(clock)
  counts.decided([{ obligations: [hold('strict')] }])
  clock.jump(86_400_000)
  expect(counts.lastHour('strict')).toBe(1)
  clock.jump(-2 * 86_400_000)
  await clock.advance(61 * 60_000)
  expect(counts.lastHour('strict')).toBe(0)
})
