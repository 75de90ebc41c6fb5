import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { temporaryDir } from '../support/processes.ts'
import { startReceiver } from '../support/receiving-process.ts'
import { collect, openShelf } from '../support/spool-on-disk.ts'
import { storeAll } from '../support/store-all.ts'

const KILLS = 5
const SENDERS = 4

test('kill -9 under load, again and again: whatever was answered Success is there, whole', async () => {
  await using dir = await temporaryDir('kill')
  const folder = join(dir.path, 'receiver')
  const acknowledged = new Set<string>()
  let number = 0
  const files = function* () {
    for (;;) {
      number += 1
      yield ctInstance({ instanceNumber: number, sizeBytes: 1_000 * (1 + (number % 900)) }).file
    }
  }
  for (let kill = 0; kill < KILLS; kill += 1) {
    await using receiver = await startReceiver({ folder })
    let left = 7 + 5 * kill
    const enough = Promise.withResolvers<void>()
    const answered = (file: Buffer, status: number): void => {
      expect(status).toBe(0)
      acknowledged.add(sha256(dataSetOf(file)))
      left -= 1
      if (left === 0) enough.resolve()
    }
    const sending = Array.from({ length: SENDERS }, () => storeAll(receiver.port, files, answered))
    await enough.promise
    await receiver.kill()
    await Promise.allSettled(sending)
  }
  const started = performance.now()
  await using shelf = await openShelf(folder)
  expect(performance.now() - started).toBeLessThan(10_000)
  const stored = new Set<string>()
  for (const { blob } of await shelf.spool.unplanned(1_000)) stored.add(sha256(await collect(shelf.spool.read(blob))))
  expect([...acknowledged].filter((digest) => !stored.has(digest))).toEqual([])
  // At most what was on its way at each kill is there beyond that.
  expect(stored.size - acknowledged.size).toBeLessThanOrEqual(KILLS * SENDERS)
}, 120_000)
