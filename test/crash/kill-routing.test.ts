import { expect } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { testWithPeers } from '../support/peers.ts'
import { digestOf, forwardTo, inLedger, openSite } from '../support/site.ts'
import { storeAll } from '../support/store-all.ts'
import { untilSettled } from '../support/until-settled.ts'

const KILLS = 10
const SENDERS = 4

testWithPeers(
  ['storescp'],
  'kill -9 ten times in a row under load: all that was answered 0000H is delivered, and no more is sent twice than was on its way',
  async () => {
    await using site = await openSite('kill')
    const archive = await site.archive('arrived')
    await site.rules(forwardTo({ archive: archive.port }))

    const acknowledged = new Set<string>()
    let number = 0
    let onTheirWay = 0
    let kurir = await site.start()
    for (let kill = 0; kill < KILLS; kill++) {
      // Another number of acknowledgements each time, so that the kill meets another step each time.
      let left = 20 + ((kill * 13) % 17)
      const files = function* () {
        for (;;) yield ctInstance({ instanceNumber: ++number, sizeBytes: 60_000 }).file
      }
      const answered = (file: Buffer, status: number): void => {
        if (status !== 0) return
        acknowledged.add(digestOf(file))
        left -= 1
        if (left === 0) kurir.child.kill('SIGKILL')
      }
      await Promise.all(Array.from({ length: SENDERS }, () => storeAll(kurir.dicomPort, files, answered)))
      await kurir.kill()
      const [sending] = inLedger(site.dataDir, `SELECT count(*) FROM delivery WHERE state = 'SENDING'`)
      onTheirWay += Number(sending)
      kurir = await site.start()
    }
    await untilSettled(kurir)
    expect(await kurir.stop()).toBe(0)

    const delivered = await archive.digests()
    const distinct = new Set(delivered)
    expect([...acknowledged].filter((digest) => !distinct.has(digest))).toEqual([])
    expect(acknowledged.size).toBeGreaterThan(KILLS * 20)
    expect(delivered.length - distinct.size).toBeLessThanOrEqual(onTheirWay)
    expect(inLedger(site.dataDir, 'PRAGMA integrity_check')).toEqual(['ok'])
  },
  120_000,
)
