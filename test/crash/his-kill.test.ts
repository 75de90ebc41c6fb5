import { expect, test } from '@jest/globals'
import { HisDouble } from '../support/his-double.ts'
import { accessionOf, filesIn, hisRules, knowOrders, studies, untilHolds } from '../support/his-site.ts'
import { openSite } from '../support/site.ts'
import { storeAll } from '../support/store-all.ts'

const STUDIES = 5
const IMAGES = 4

test('kill -9 while HIS is asked and while it is told: everything settles after a restart, and takes effect once', async () => {
  await using his = await HisDouble.open()
  knowOrders(his, STUDIES)
  await using site = await openSite('his-kill')
  await site.rules(hisRules(site.home))
  const environment = { HIS_URL: his.url }

  // It is killed while the first questions stand unanswered …
  his.always('GET /orders', { kind: 'stall' })
  let kurir = await site.start(environment)
  const acknowledged: number[] = []
  await storeAll(
    kurir.dicomPort,
    () => studies(STUDIES, IMAGES),
    (_file, status) => acknowledged.push(status),
  )
  expect(acknowledged).toEqual(Array(STUDIES * IMAGES).fill(0))
  await his.until(1, 'GET /orders')
  await kurir.kill()

  // … and again when HIS has taken what it was told, but not said so.
  his.always('GET /orders')
  his.always('POST /studies', { kind: 'reset-after' })
  kurir = await site.start(environment)
  await his.until(1, 'POST /studies')
  await kurir.kill()

  his.always('POST /studies')
  kurir = await site.start(environment)
  await untilHolds(async () => (await filesIn(site.home, 'cloud')).length === STUDIES * IMAGES)
  await untilHolds(() => his.arrived.size === STUDIES)
  expect(await kurir.stop()).toBe(0)

  const cloud = (await filesIn(site.home, 'cloud')).map((file) => file.toString('latin1'))
  expect(cloud.filter((text) => text.includes('SALAH^NAMA'))).toEqual([])
  expect((await filesIn(site.home, 'archive')).length).toBe(STUDIES * IMAGES)
  expect([...his.arrived].sort()).toEqual(Array.from({ length: STUDIES }, (_, index) => [accessionOf(index + 1), 1]))
}, 120_000)
