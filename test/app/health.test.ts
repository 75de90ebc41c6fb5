import { expect, test } from '@jest/globals'
import { Health, type HealthDeps } from '../../src/app/health.ts'
import { instant } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import type { InForce } from '../../src/reload.ts'
import { rulesetOf } from '../rules/support.ts'

const healthOf = (store: HealthDeps['store'], doors: readonly string[] = []): Health =>
  new Health({
    version: '1',
    startedAt: instant(0),
    store,
    freeLeast: (totalBytes) => totalBytes / 20,
    doors: () => doors,
    services: () => [],
    rules: () => ({
      inForce: { ruleset: rulesetOf('otherwise: hold'), pin: null } as unknown as InForce,
      problems: [],
    }),
  })

test('a disk that does not say how much room it has is a problem that health tells of, and no failure of health', async () => {
  const failure = new KurirError('disk-io', 'transient', 'the volume cannot be asked')
  const report = await healthOf({ space: () => Promise.reject(failure) }, ['A door is stuck.']).report()
  expect(report).toMatchObject({ live: true, spoolFree: 0 })
  expect(report.problems).toEqual([
    'A door is stuck.',
    'The disk of the spool does not say how much room it has: new instances are refused until it does.',
  ])
})

test('a disk with room is none, one below its mark is', async () => {
  const problems = async (freeBytes: number) =>
    (await healthOf({ space: async () => ({ freeBytes, totalBytes: 1_000 }) }).report()).problems
  expect(await problems(50)).toEqual([])
  expect(await problems(49)).toEqual([expect.stringContaining('KURIR_SPOOL_FREE_MIN')])
})
