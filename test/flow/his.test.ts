import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { HisDouble } from '../support/his-double.ts'
import { accessionOf, filesIn, hisRules, knowOrders, studies, untilHolds } from '../support/his-site.ts'
import { storeAll } from '../support/store-all.ts'

let stack: AsyncDisposableStack
let his: HisDouble
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  his = stack.use(await HisDouble.open())
})
afterEach(async () => await stack.disposeAsync())

async function open() {
  const folders = stack.use(await siteFolders('version: 1\n', { HIS_URL: his.url }))
  await folders.write({ '00.yaml': hisRules(folders.home) })
  const app = stack.use(await startApp(folders))
  const send = async (files: Iterable<Buffer>): Promise<void> => {
    await storeAll(
      app.dicomPort,
      () => files,
      (_file, status) => expect(status).toBe(0),
    )
  }
  return { folders, app, send, count: async (folder: string) => (await filesIn(folders.home, folder)).length }
}

test('HIS puts the identity right before images leave, and is told of each study', async () => {
  knowOrders(his, 2)
  const { folders, send, count } = await open()
  await send(studies(3, 2))
  await his.until(3, 'POST /studies')
  await untilHolds(async () => (await count('cloud')) === 4 && (await count('archive')) === 6)
  const cloud = (await filesIn(folders.home, 'cloud')).map((file) => file.toString('latin1'))
  expect(cloud.filter((text) => text.includes('00-12-1') && text.includes('SARI^DEWI^1')).length).toBe(2)
  expect(cloud.filter((text) => text.includes('00-12-2')).length).toBe(2)
  expect(cloud.filter((text) => text.includes('SALAH^NAMA') || text.includes('TMP-'))).toEqual([])
  expect([...his.arrived.keys()].sort()).toEqual([accessionOf(1), accessionOf(2), accessionOf(3)])
  expect(his.received.filter(({ method }) => method === 'POST').map(({ body }) => JSON.parse(body).images)).toEqual([
    '2',
    '2',
    '2',
  ])
})

test('a thousand instances of fifty studies ask fifty times', async () => {
  knowOrders(his, 50)
  const { send, count } = await open()
  await send(studies(50, 20))
  await untilHolds(async () => (await count('cloud')) === 1_000)
  expect(his.count('GET /orders')).toBeLessThanOrEqual(50)
  expect(await count('archive')).toBe(1_000)
}, 120_000)

test('what HIS answers wrongly holds up nothing but what asked, and settles when it answers well', async () => {
  knowOrders(his, 1)
  his.next(
    'GET /orders',
    { kind: 'html' },
    { kind: 'truncated' },
    { kind: 'reset-before' },
    { kind: 'answer', status: 500 },
  )
  his.next('POST /studies', { kind: 'answer', status: 500 }, { kind: 'reset-after' })
  const { send, count } = await open()
  await send(studies(1, 3))
  await untilHolds(async () => (await count('archive')) === 3)
  await untilHolds(async () => (await count('cloud')) === 3)
  await untilHolds(() => his.count('POST /studies') === 3)
  expect(his.arrived.get(accessionOf(1))).toBe(1)
}, 60_000)

test('explain says what would be asked, and asks nobody', async () => {
  const { app } = await open()
  const facts = [{ name: 'AccessionNumber', values: [accessionOf(1)] }]
  const { ruleExplain } = await app.ask<{ ruleExplain: { asks: readonly string[] } }>(
    'query ($facts: [FactInput!]!) { ruleExplain(input: { facts: $facts }) { ... on Explanation { asks } } }',
    { facts },
  )
  expect(ruleExplain.asks).toEqual(['his.order'])
  expect(his.count()).toBe(0)
})
