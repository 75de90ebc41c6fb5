import { expect, test } from '@jest/globals'
import { RuleCounts } from '../../src/app/rule-counts.ts'
import { instant } from '../../src/base/clock.ts'
import type { NewObligation } from '../../src/ledger/ledger.ts'
import { forward } from '../ledger/sample.ts'

const rule = (name: string) => ({ name, file: 'f.yaml', line: 1, rulesetDigest: 'r' })
const hold = (name: string | null): NewObligation => ({
  kind: 'HOLD',
  rule: name === null ? null : rule(name),
  reason: 'x',
})

test('a rule counts once an instance, for an hour, whatever it asks for', () => {
  let now = Date.UTC(2026, 10, 21)
  const counts = new RuleCounts({ now: () => instant(now) })
  counts.decided([
    { obligations: [forward('a'), forward('b'), hold('strict')] },
    { obligations: [forward('a'), hold(null)] },
  ])
  expect([counts.lastHour('to-archive'), counts.lastHour('strict'), counts.lastHour('none')]).toEqual([2, 1, 0])
  now += 30 * 60_000
  counts.decided([{ obligations: [hold('strict')] }])
  now += 29 * 60_000
  expect([counts.lastHour('to-archive'), counts.lastHour('strict')]).toEqual([2, 2])
  now += 60_000
  expect([counts.lastHour('to-archive'), counts.lastHour('strict')]).toEqual([0, 1])
  now += 24 * 3_600_000
  counts.decided([])
  expect(counts.lastHour('strict')).toBe(0)
})
