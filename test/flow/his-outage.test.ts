import { expect, test } from '@jest/globals'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { HisDouble } from '../support/his-double.ts'
import { accessionOf, filesIn, hisRules, knowOrders, studies } from '../support/his-site.ts'
import { storeAll } from '../support/store-all.ts'
import { TestClock } from '../support/test-clock.ts'

const HOUR = 3_600_000
const STUDIES = 8
const IMAGES = 3

test('HIS down for an hour delays nothing that does not ask it, and what does is settled within two minutes of its return', async () => {
  await using stack = new AsyncDisposableStack()
  const his = stack.use(await HisDouble.open())
  knowOrders(his, STUDIES)
  await his.down()
  const folders = stack.use(await siteFolders('version: 1\n', { HIS_URL: his.url }))
  await folders.write({ '00.yaml': hisRules(folders.home) })
  const clock = new TestClock()
  const app = stack.use(await startApp(folders, clock))
  const count = async (folder: string): Promise<number> => (await filesIn(folders.home, folder)).length
  /** Lets time pass in steps, and after each what it woke in threads and sockets. */
  const pass = async (span: number, step: number, over: () => Promise<boolean>): Promise<number> => {
    for (let passed = 0; passed < span; passed += step) {
      if (await over()) return passed
      await clock.advance(step)
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
    return span
  }

  await storeAll(
    app.dicomPort,
    () => studies(STUDIES, IMAGES),
    (_file, status) => expect(status).toBe(0),
  )
  const arrived = async (): Promise<boolean> => (await count('archive')) === STUDIES * IMAGES
  expect(await pass(HOUR, 50, arrived)).toBeLessThan(10_000)
  await pass(HOUR, 10_000, async () => false)
  expect([await count('cloud'), his.arrived.size]).toEqual([0, 0])
  const { health } = await app.ask<{ health: { problems: readonly string[] } }>('{ health { problems } }')
  expect(health.problems.filter((problem) => problem.startsWith('Service his does not answer'))).toHaveLength(1)

  await his.up()
  const settled = async (): Promise<boolean> =>
    (await count('cloud')) === STUDIES * IMAGES && his.arrived.size === STUDIES
  const took = await pass(HOUR, 500, settled)
  expect(took).toBeLessThanOrEqual(120_000)
  // A step of the clock may end a request that is under way; it is asked again.
  expect(his.count('GET /orders')).toBeLessThanOrEqual(2 * STUDIES)
  expect([...his.arrived.keys()].sort()[0]).toBe(accessionOf(1))
}, 60_000)
