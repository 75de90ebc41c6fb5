import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { temporaryDir } from '../support/processes.ts'
import { startReceiver } from '../support/receiving-process.ts'
import { collect, openShelf } from '../support/spool-on-disk.ts'
import { storeAll } from '../support/store-all.ts'

const MB = 1024 * 1024
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

/** A CT of 200 MB, more than its rows could say. */
function largeCt(instanceNumber: number): Buffer {
  const { file } = ctInstance({ instanceNumber, sizeBytes: 1_024 })
  const head = Buffer.from(file.subarray(0, file.lastIndexOf(Buffer.of(0xe0, 0x7f, 0x10, 0x00)) + 12))
  head.writeUInt32LE(200 * MB, head.length - 4)
  return Buffer.concat([head, Buffer.alloc(200 * MB, instanceNumber)])
}

/** The SHA-256 of each blob that a planner would see, read whole. */
async function storedIn(folder: string): Promise<ReadonlySet<string>> {
  await using shelf = await openShelf(folder)
  const stored = new Set<string>()
  for (const { blob } of await shelf.spool.unplanned(5_000)) {
    const hash = createHash('sha256')
    for await (const slice of shelf.spool.read(blob)) hash.update(slice)
    stored.add(hash.digest('hex'))
  }
  return stored
}

test('kill -9 in the middle of objects of one to three and of hundreds of megabytes, among small ones', async () => {
  await using dir = await temporaryDir('kill-large')
  const folder = join(dir.path, 'receiver')
  const acknowledged = new Set<string>()
  let number = 0
  const files = (made: (number: number) => Buffer) =>
    function* () {
      for (;;) yield made(++number)
    }
  const ct = (instanceNumber: number, sizeBytes: number): Buffer => ctInstance({ instanceNumber, sizeBytes }).file
  const small = files((n) => ct(n, 1_000 * (1 + (n % 90))))
  const middling = files((n) => ct(n, Math.round(MB * (0.98 + ((n * 0.37) % 2.1)))))
  const senders = [small, middling, middling, files(largeCt)]
  // At first a large one is in its middle; at last one is to have come through.
  for (const kill of [3, 29, 'a large one'] as const) {
    await using receiver = await startReceiver({ folder })
    let answers = 0
    const enough = Promise.withResolvers<void>()
    const answered = (file: Buffer, status: number): void => {
      expect(status).toBe(0)
      acknowledged.add(sha256(dataSetOf(file)))
      answers += 1
      if (kill === 'a large one' ? file.length > 100 * MB : answers === kill) enough.resolve()
    }
    const sending = senders.map((each) => storeAll(receiver.port, each, answered))
    await enough.promise
    await receiver.kill()
    await Promise.allSettled(sending)
  }
  const stored = await storedIn(folder)
  expect([...acknowledged].filter((digest) => !stored.has(digest))).toEqual([])
  expect(stored.size - acknowledged.size).toBeLessThanOrEqual(3 * senders.length)
}, 120_000)
