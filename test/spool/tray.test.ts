import fs, { existsSync, fstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { KurirError } from '../../src/base/failure.ts'
import { Buckets } from '../../src/spool/buckets.ts'
import { zeroCounters } from '../../src/spool/counts.ts'
import { diskFailure, writeAt } from '../../src/spool/file-io.ts'
import { Tray } from '../../src/spool/tray.ts'
import { temporaryDir } from '../support/processes.ts'
import { newId } from '../support/spool-on-disk.ts'

async function withTray(size: number, body: (tray: Tray, buckets: Buckets) => Promise<void>): Promise<void> {
  await using dir = await temporaryDir('tray')
  const buckets = await Buckets.open(join(dir.path, 'spool'), zeroCounters())
  {
    await using tray = new Tray(buckets, newId, size)
    await body(tray, buckets)
  }
  await buckets.close()
}

test('many who take at once each get a file of their own, however small the tray', async () => {
  await withTray(4, async (tray) => {
    const taken = await Promise.all(Array.from({ length: 50 }, () => tray.take()))
    expect(new Set(taken.map(({ key }) => key)).size).toBe(50)
    await Promise.all(taken.map((file) => tray.putBack(file)))
  })
})

test('files of an earlier run come first, and cost no new name', async () => {
  await withTray(4, async (tray, buckets) => {
    const file = await tray.take()
    await tray.putBack(file)
    await tray[Symbol.asyncDispose]()
    const before = readdirSync(join(buckets.root, '000000'))
    await using again = new Tray(buckets, newId, 4)
    for (const { keys } of buckets.files()) again.reuse(keys)
    const reused = await again.take()
    expect(readdirSync(join(buckets.root, '000000'))).toEqual(before)
    await again.putBack(reused)
  })
})

test('a file that is put back is empty when it is taken next', async () => {
  await withTray(1, async (tray) => {
    const file = await tray.take()
    await writeAt(file.fd, Buffer.from('left over'), 0)
    await tray.putBack(file)
    expect(fstatSync(file.fd).size).toBe(0)
  })
})

test('a folder that cannot be made refuses, and the next take tries again', async () => {
  await withTray(2, async (tray, buckets) => {
    rmSync(buckets.root, { recursive: true })
    writeFileSync(buckets.root, 'a file where the spool was')
    await expect(tray.take()).rejects.toMatchObject({ code: 'disk-io', retry: 'transient' })
    rmSync(buckets.root)
    mkdirSync(buckets.root)
    const file = await tray.take()
    await tray.drop(file)
    expect(readdirSync(join(buckets.root, '000000')).length).toBeGreaterThan(0)
  })
})

test('a bucket whose name could not be flushed is not used: what is flushed next has a name that was made anew', async () => {
  await withTray(2, async (tray, buckets) => {
    const { fsync } = fs
    const bucket = join(buckets.root, '000000')
    const stood: boolean[] = []
    let failing = true
    const failingOnce = (fd: number, done: (error: Error | null) => void): void => {
      if (failing) {
        stood.push(existsSync(bucket))
        done(Object.assign(new Error('EIO'), { code: 'EIO' }))
      } else fsync(fd, done)
      failing = false
    }
    try {
      Object.assign(fs, { fsync: failingOnce })
      await expect(tray.take()).rejects.toMatchObject({ code: 'disk-io' })
    } finally {
      Object.assign(fs, { fsync })
    }
    stood.push(existsSync(bucket))
    expect(stood).toEqual([true, false])
    await tray.drop(await tray.take())
  })
})

test.each([
  ['ENOSPC', 'disk-full'],
  ['EDQUOT', 'disk-full'],
  ['EMFILE', 'out-of-resources'],
  ['EIO', 'disk-io'],
  ['EROFS', 'disk-io'],
])('%s is %s, and transient', (code, expected) => {
  const failure = diskFailure(Object.assign(new Error(code), { code }))
  expect(failure).toMatchObject({ code: expected, retry: 'transient' })
  expect(diskFailure(failure)).toBe(failure)
  expect(failure).toBeInstanceOf(KurirError)
})
