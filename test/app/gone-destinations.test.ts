import { expect, test } from '@jest/globals'
import { GoneDestinations } from '../../src/app/gone-destinations.ts'
import { silentLog } from '../../src/base/log.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openLedger } from '../ledger/open-ledger.ts'
import { admission, forward } from '../ledger/sample.ts'

test('what is held for another reason is looked through when the rules change, and not each minute', async () => {
  await using opened = await openLedger()
  const { ledger, clock } = opened
  const one = admission()
  await ledger.admit([one])
  const obligations = [forward('national', { held: 'not-configured: no such kind' }), forward('archive')]
  await ledger.plan([{ instance: one.id, expectedVersion: 1, rulesetDigest: 'r', obligations }])

  const looks: string[] = []
  const looking: Ledger = {
    ...ledger,
    deliveriesReleaseGone: (name, limit) => {
      looks.push(name)
      return ledger.deliveriesReleaseGone(name, limit)
    },
  }
  let declared = new Set(['national', 'archive'])
  const gone = new GoneDestinations({ ledger: looking, declared: () => declared, clock, log: silentLog })
  await gone.sweep()
  for (let minute = 0; minute < 10; minute += 1) {
    await clock.advance(60_000)
    await clock.untilWaiting()
  }
  expect(looks).toEqual(['national'])

  declared = new Set()
  await gone.sweep()
  expect((await ledger.views.queueDepth('archive')).held).toBe(1)
  declared = new Set(['national', 'archive'])
  await gone.sweep()
  expect((await ledger.views.queueDepth('archive')).ready).toBe(1)
  expect(looks).toEqual(['national', 'archive', 'national'])
  await gone[Symbol.asyncDispose]()
})
