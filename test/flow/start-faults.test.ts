import { once } from 'node:events'
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { sha256 } from '../support/data-set-bytes.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { ask } from '../support/graphql-client.ts'
import { freePort } from '../support/processes.ts'
import { ctFiles, digestOf, forwardTo, openSite, type Site, storeOnce } from '../support/site.ts'
import { untilSettled } from '../support/until-settled.ts'

let site: Site
beforeEach(async () => {
  site = await openSite('start-fault')
  await site.rules(forwardTo({ archive: await freePort() }))
})
afterEach(async () => {
  await site[Symbol.asyncDispose]()
})

/** What it said when it did not start. */
const complaint = (environment: Readonly<Record<string, string>> = {}): Promise<string> =>
  site.start(environment).then(
    () => 'it started',
    (error: unknown) => (Error.isError(error) ? error.message : String(error)),
  )

/** One sentence for a person, and no stack. */
function expectSentence(said: string, sentence: RegExp): void {
  expect(said).toContain('kurir ended with 1 ')
  expect(said).toMatch(sentence)
  expect(said).not.toMatch(/^ +at /m)
}

test('a port that somebody else has is named, with exit code 1', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    expectSentence(await complaint({ KURIR_DICOM_PORT: String(port) }), new RegExp(`${port}`))
    expectSentence(await complaint({ KURIR_ADMIN_PORT: String(port) }), new RegExp(`${port}`))
  } finally {
    server.close()
  }
})

test('a second Kurir on the same data ends with exit code 1, and the first does not notice', async () => {
  const first = await site.start()
  expectSentence(await complaint(), /another Kurir is serving from/)
  expect(await storeOnce(first, ctFiles(1, 1))).toEqual([0])
})

test('a rules folder that is gone is a mistake at a first start, and the last good rules serve at a later one', async () => {
  const first = await site.start()
  expect(await first.stop()).toBe(0)
  await rm(site.rulesDir, { recursive: true })
  const later = await site.start()
  const { health } = await ask<{ health: { problems: readonly string[] } }>(later, '{ health { problems } }')
  expect(health.problems.join()).toContain('last good ones are in force')
  await later.kill()
  await rm(site.dataDir, { recursive: true })
  await mkdir(site.dataDir)
  expectSentence(await complaint(), /rules/)
})

test('a ledger with noise in it is refused with a sentence, and nothing is deleted', async () => {
  const first = await site.start()
  expect(await storeOnce(first, ctFiles(1, 200, 1))).toHaveLength(200)
  expect(await first.stop()).toBe(0)
  const file = await open(path.join(site.dataDir, 'ledger.db'), 'r+')
  const { size } = await file.stat()
  await file.write(Buffer.alloc(8192, 0x5a), 0, 8192, Math.floor(size / 8192) * 4096)
  await file.close()
  const before = (await readdir(site.dataDir, { recursive: true })).length
  expectSentence(await complaint(), /the ledger file is damaged/)
  expect((await readdir(site.dataDir, { recursive: true })).length).toBeGreaterThanOrEqual(before)
})

/** Spoils the pixels of one of the blobs. */
async function flipBit(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  for (const entry of entries.filter((each) => each.isFile())) {
    await using file = await open(path.join(entry.parentPath, entry.name), 'r+')
    if ((await file.stat()).size < 100_000) continue
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, 50_000)
    byte.writeUInt8(byte.readUInt8(0) ^ 1)
    await file.write(byte, 0, 1, 50_000)
    return
  }
  throw new Error('no blob')
}

test('one flipped bit in the spool is never forwarded', async () => {
  await using archive = await recordingServer()
  const first = await site.start()
  const files = ctFiles(1, 3, 100_000)
  expect(await storeOnce(first, files)).toEqual([0, 0, 0])
  expect(await first.stop()).toBe(0)
  await flipBit(path.join(site.dataDir, 'spool'))
  await site.rules(forwardTo({ archive: archive.port }))
  const second = await site.start()
  await untilSettled(second)
  const { deliveries } = await ask<{ deliveries: { nodes: readonly { state: string; reason: string | null }[] } }>(
    second,
    '{ deliveries(first: 5) { nodes { state reason } } }',
  )
  expect(deliveries.nodes.map(({ state, reason }) => `${state} ${reason}`).sort()).toEqual([
    'DELIVERED null',
    'DELIVERED null',
    'HELD blob corrupt',
  ])
  const known = files.map(digestOf)
  const arrived = archive.received.map(({ bytes }) => sha256(bytes))
  expect(arrived).toHaveLength(2)
  expect(arrived.filter((digest) => !known.includes(digest))).toEqual([])
})
