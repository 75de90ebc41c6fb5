import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { testWithPeers } from '../support/peers.ts'
import { temporaryDir } from '../support/processes.ts'
import { startReceiver } from '../support/receiving-process.ts'
import { collect, openShelf } from '../support/spool-on-disk.ts'
import { storeAll } from '../support/store-all.ts'
import { mayMount, mountTmpfs } from '../support/tmpfs.ts'

const MB = 1024 * 1024
const FAILING_FLUSHES = fileURLToPath(new URL('../support/failing-flushes.ts', import.meta.url))
const OUT_OF_RESOURCES = 0xa700

const objects = (first: number, count: number, sizeBytes: number): readonly Buffer[] =>
  Array.from({ length: count }, (_, i) => ctInstance({ instanceNumber: first + i, sizeBytes }).file)

/** Stores the objects one after the other: their statuses, and the SHA-256 of those that were answered Success. */
async function store(port: number, files: readonly Buffer[]) {
  const statuses: number[] = []
  const acknowledged: string[] = []
  const answered = (file: Buffer, status: number): void => {
    statuses.push(status)
    if (status === 0) acknowledged.push(sha256(dataSetOf(file)))
  }
  await storeAll(port, () => files, answered)
  return { statuses, acknowledged }
}

/** The SHA-256 of everything in this folder that a planner would see after a restart, read whole. */
async function stored(folder: string): Promise<readonly string[]> {
  await using shelf = await openShelf(folder)
  const digests: string[] = []
  for (const { blob } of await shelf.spool.unplanned(200)) digests.push(sha256(await collect(shelf.spool.read(blob))))
  return digests.sort()
}

testWithPeers(
  ['strace'],
  'a flush that fails is never answered Success and never asked again, and what comes later is taken',
  async () => {
    await using dir = await temporaryDir('eio')
    const folder = join(dir.path, 'receiver')
    // Counted for each thread of its own: fdatasync is the spool's for large objects.
    const inject = ['-e', 'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO:when=2+4']
    const nodeArgs = ['--import', FAILING_FLUSHES]
    const acknowledged: string[] = []
    {
      await using receiver = await startReceiver({
        folder,
        wrapper: ['strace', '-f', '-o', '/dev/null', ...inject],
        nodeArgs,
      })
      const answers = await store(receiver.port, [...objects(1, 20, 100_000), ...objects(21, 10, 1_500_000)])
      expect(answers.statuses).toHaveLength(30)
      expect(new Set(answers.statuses)).toEqual(new Set([0, OUT_OF_RESOURCES]))
      acknowledged.push(...answers.acknowledged)
      await receiver.kill()
    }
    expect(await stored(folder)).toEqual(acknowledged.sort())
  },
  60_000,
)

testWithPeers(
  ['strace'],
  'a ledger whose flushes fail has promised nothing that is not there after a kill',
  async () => {
    await using dir = await temporaryDir('eio-ledger')
    const folder = join(dir.path, 'receiver')
    // fsync is SQLite's and that of directories. The first are those of a start.
    const inject = ['-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO:when=60+5']
    const acknowledged: string[] = []
    {
      await using receiver = await startReceiver({ folder, wrapper: ['strace', '-f', '-o', '/dev/null', ...inject] })
      const answers = await store(receiver.port, objects(1, 120, 20_000))
      expect(answers.statuses).toHaveLength(120)
      expect(new Set(answers.statuses)).toEqual(new Set([0, OUT_OF_RESOURCES]))
      acknowledged.push(...answers.acknowledged)
      await receiver.kill()
    }
    expect(await stored(folder)).toEqual(acknowledged.sort())
  },
  60_000,
)

const testOnVolume = (await mayMount()) ? test : test.skip

testOnVolume(
  'a full disk answers A700H, keeps what it took, and takes again by itself',
  async () => {
    await using disk = mountTmpfs(24 * MB)
    if (disk === undefined) throw new Error('it could be mounted a moment ago')
    const folder = join(disk.path, 'receiver')
    const filler = join(disk.path, 'filler')
    writeFileSync(filler, Buffer.alloc(8 * MB))
    const acknowledged: string[] = []
    {
      await using receiver = await startReceiver({ folder, freeBytes: MB / 4 })
      const full = await store(receiver.port, objects(1, 8, 3 * MB))
      expect(full.statuses[0]).toBe(0)
      expect(full.statuses.at(-1)).toBe(OUT_OF_RESOURCES)
      rmSync(filler)
      const again = await store(receiver.port, objects(9, 2, 3 * MB))
      expect(again.statuses).toEqual([0, 0])
      acknowledged.push(...full.acknowledged, ...again.acknowledged)
      await receiver.stop()
    }
    expect(await stored(folder)).toEqual(acknowledged.sort())
  },
  60_000,
)
