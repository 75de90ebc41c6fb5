import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { ask } from '../support/graphql-client.ts'
import { testWithPeers } from '../support/peers.ts'
import { freePort, type KurirProcess } from '../support/processes.ts'
import { ctFiles, digestOf, forwardTo, inLedger, isEchoed, openSite, storeOnce } from '../support/site.ts'
import { mayMount, mountTmpfs } from '../support/tmpfs.ts'
import { untilSettled } from '../support/until-settled.ts'

const MB = 1024 * 1024
const OUT_OF_RESOURCES = 0xa700
const SUCCESS = 0

const isMountable = await mayMount()

function testOnVolume(title: string, body: () => Promise<void>): void {
  if (isMountable) testWithPeers(['storescp', 'echoscu'], title, body, 60_000)
  else test.skip(`${title} [needs mount]`, body)
}

/** Stores until something is refused; the files that were answered Success. */
async function fill(kurir: KurirProcess, first: number, sizeBytes: number): Promise<readonly Buffer[]> {
  const taken: Buffer[] = []
  for (let number = first; ; number += 4) {
    const files = ctFiles(number, 4, sizeBytes)
    const statuses = await storeOnce(kurir, files)
    expect(statuses).toHaveLength(4)
    taken.push(...files.filter((_file, index) => statuses[index] === SUCCESS))
    const refused = statuses.filter((status) => status !== SUCCESS)
    if (refused.length > 0) {
      expect(new Set(refused)).toEqual(new Set([OUT_OF_RESOURCES]))
      return taken
    }
  }
}

/** Stores one after another until one is taken again; what is refused meanwhile is A700H. */
async function untilTaken(kurir: KurirProcess, first: number): Promise<Buffer> {
  for (let number = first; ; number++) {
    const [file = Buffer.alloc(0)] = ctFiles(number, 1)
    const [status] = await storeOnce(kurir, [file])
    if (status === SUCCESS) return file
    expect(status).toBe(OUT_OF_RESOURCES)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const problemsOf = async (kurir: KurirProcess): Promise<readonly string[]> =>
  (await ask<{ health: { problems: readonly string[] } }>(kurir, '{ health { problems } }')).health.problems

testOnVolume(
  'a disk that is full to the last byte is A700H to senders, corrupts nothing, and is left behind without help',
  async () => {
    await using disk = mountTmpfs(24 * MB)
    if (disk === undefined) throw new Error('it could be mounted a moment ago')
    await using site = await openSite('full-disk', path.join(disk.path, 'data'))
    const archive = await site.archive('arrived')
    await site.rules(forwardTo({ archive: archive.port }))
    const kurir = await site.start()
    const filler = path.join(disk.path, 'filler')
    await writeFile(filler, Buffer.alloc(8 * MB))

    // Large ones until they do not fit, then small ones into what was left: the ledger must have met the end, too.
    const taken = [
      ...(await fill(kurir, 1, 2 * MB)),
      ...(await fill(kurir, 1_001, 60_000)),
      ...(await fill(kurir, 2_001, 1)),
    ]
    expect(taken.length).toBeGreaterThan(4)
    expect(await isEchoed(kurir)).toBe(true)
    await rm(filler)
    taken.push(await untilTaken(kurir, 3_001))
    await untilSettled(kurir)
    const expected = taken.map(digestOf).sort()
    expect([...new Set(await archive.digests())].sort()).toEqual(expected)
    expect(inLedger(site.dataDir, 'SELECT count(*) FROM delivery')).toEqual([taken.length])
    expect(await kurir.stop()).toBe(0)
    expect(inLedger(site.dataDir, 'PRAGMA integrity_check')).toEqual(['ok'])
  },
)

testOnVolume(
  'a kill on a full disk loses nothing: started without room it may end with one sentence, and with room it delivers everything',
  async () => {
    await using disk = mountTmpfs(24 * MB)
    if (disk === undefined) throw new Error('it could be mounted a moment ago')
    await using site = await openSite('full-kill', path.join(disk.path, 'data'))
    const port = await freePort()
    await site.rules(forwardTo({ archive: port }))
    const killed = await site.start()
    const filler = path.join(disk.path, 'filler')
    await writeFile(filler, Buffer.alloc(8 * MB))
    const taken = [
      ...(await fill(killed, 1, 2 * MB)),
      ...(await fill(killed, 1_001, 60_000)),
      ...(await fill(killed, 2_001, 1)),
    ]
    await killed.kill()

    const cramped = await site.start().catch((error: unknown) => String(error))
    if (typeof cramped === 'string')
      expect(cramped).toMatch(/ended with 1 .*(no room on its disk|no space left on device)/s)
    else await cramped.kill()
    const archive = await site.archive('arrived', [], port)
    await rm(filler)
    const kurir = await site.start()
    taken.push(await untilTaken(kurir, 3_001))
    await untilSettled(kurir)
    // One that was refused may arrive as well: its bytes were whole when the ledger had no room, and recovery takes them in.
    const delivered = new Set(await archive.digests())
    expect(taken.map(digestOf).filter((digest) => !delivered.has(digest))).toEqual([])
    expect(await kurir.stop()).toBe(0)
    expect(inLedger(site.dataDir, 'PRAGMA integrity_check')).toEqual(['ok'])
  },
)

testOnVolume('a stop on a full disk ends in time, and what was taken is delivered by the next start', async () => {
  await using disk = mountTmpfs(24 * MB)
  if (disk === undefined) throw new Error('it could be mounted a moment ago')
  await using site = await openSite('full-stop', path.join(disk.path, 'data'))
  const archive = await site.archive('arrived')
  await site.rules(forwardTo({ archive: archive.port }))
  const full = await site.start({ KURIR_STOP_TIMEOUT: '1s' })
  const filler = path.join(disk.path, 'filler')
  await writeFile(filler, Buffer.alloc(8 * MB))
  const taken = [
    ...(await fill(full, 1, 2 * MB)),
    ...(await fill(full, 1_001, 60_000)),
    ...(await fill(full, 2_001, 1)),
  ]
  const told = performance.now()
  expect(await full.stop()).toBe(0)
  expect(performance.now() - told).toBeLessThan(20_000)

  await rm(filler)
  const kurir = await site.start()
  await untilSettled(kurir)
  const delivered = new Set(await archive.digests())
  expect(taken.map(digestOf).filter((digest) => !delivered.has(digest))).toEqual([])
})

testOnVolume(
  'below KURIR_SPOOL_FREE_MIN nothing new is taken, what was taken goes on, and health says why',
  async () => {
    await using disk = mountTmpfs(64 * MB)
    if (disk === undefined) throw new Error('it could be mounted a moment ago')
    await using site = await openSite('free-mark', path.join(disk.path, 'data'))
    const archive = await site.archive('arrived')
    await site.rules(forwardTo({ archive: archive.port }))
    const kurir = await site.start({ KURIR_SPOOL_FREE_MIN: '16M' })
    const [before = Buffer.alloc(0)] = ctFiles(1, 1)
    expect(await storeOnce(kurir, [before])).toEqual([SUCCESS])
    expect(await problemsOf(kurir)).toEqual([])

    const filler = path.join(disk.path, 'filler')
    await writeFile(filler, Buffer.alloc(36 * MB))
    const taken = await fill(kurir, 100, 500_000)
    expect((await problemsOf(kurir)).join()).toContain('KURIR_SPOOL_FREE_MIN')
    expect(await isEchoed(kurir)).toBe(true)
    await untilSettled(kurir)
    await rm(filler)
    const after = await untilTaken(kurir, 1_000)
    await untilSettled(kurir)
    expect(await problemsOf(kurir)).toEqual([])
    expect(await archive.digests()).toEqual([before, ...taken, after].map(digestOf).sort())
  },
)
