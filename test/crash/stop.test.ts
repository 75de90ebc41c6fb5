import { expect, test } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { sha256 } from '../support/data-set-bytes.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { ctFiles, digestOf, forwardTo, inLedger, openSite, storeOnce } from '../support/site.ts'
import { storeAll } from '../support/store-all.ts'
import { untilSettled } from '../support/until-settled.ts'

test('SIGTERM under load: exit code 0 in time, nothing acknowledged is lost, what was on its way counts no attempt', async () => {
  await using site = await openSite('stop')
  // An archive that takes the first bytes of an object and then no more.
  const blocked = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  let isBlocking = true
  await using archive = await recordingServer({
    slow: () => {
      begun.resolve()
      return isBlocking ? blocked.promise : undefined
    },
  })
  await site.rules(forwardTo({ archive: archive.port }))
  const kurir = await site.start({ KURIR_STOP_TIMEOUT: '1s' })
  const large = ctFiles(1, 2, 24 * 1024 * 1024)
  expect(await storeOnce(kurir, large)).toEqual([0, 0])
  await begun.promise

  const acknowledged = new Set(large.map(digestOf))
  const enough = Promise.withResolvers<void>()
  let number = 10
  const files = function* () {
    for (;;) yield ctInstance({ instanceNumber: ++number, sizeBytes: 20_000 }).file
  }
  const answered = (file: Buffer, status: number): void => {
    if (status === 0) acknowledged.add(digestOf(file))
    if (acknowledged.size === 40) enough.resolve()
  }
  const sending = Promise.all(Array.from({ length: 4 }, () => storeAll(kurir.dicomPort, files, answered)))
  await enough.promise
  const told = performance.now()
  expect(await kurir.stop()).toBe(0)
  expect(performance.now() - told).toBeLessThan(15_000)
  await sending
  expect(inLedger(site.dataDir, `SELECT DISTINCT state || ' ' || attempts FROM delivery`)).toEqual(['READY 0'])

  isBlocking = false
  blocked.resolve()
  const again = await site.start()
  await untilSettled(again)
  const arrived = new Set(archive.received.map(({ bytes }) => sha256(bytes)))
  expect([...acknowledged].filter((digest) => !arrived.has(digest))).toEqual([])
  expect(await again.stop()).toBe(0)
}, 60_000)
