import { createHash, randomBytes } from 'node:crypto'
import fs, { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readFileMeta } from '../../src/dicom/file-meta.ts'
import type { BlobRef } from '../../src/ledger/blob-ref.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import { DiskBlobStore } from '../../src/spool/disk-blob-store.ts'
import { temporaryDir } from '../support/processes.ts'
import { collect, ctMeta, newId } from '../support/spool-on-disk.ts'

async function withStore(body: (store: DiskBlobStore, folder: string) => Promise<void>, traySize = 4): Promise<void> {
  await using dir = await temporaryDir('blobs')
  const folder = join(dir.path, 'spool')
  await using store = await DiskBlobStore.open({ folder, node: 'test', newId, traySize })
  await body(store, folder)
}

async function keep(store: DiskBlobStore, slices: readonly Uint8Array[]): Promise<BlobRef> {
  const sink = await store.begin(newId() as InstanceId, ctMeta)
  for (const slice of slices) await sink.write(slice)
  const { ref, durable } = sink.finish()
  await durable
  return ref
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

test('whatever slices go in, the same bytes come out, with their SHA-256', async () => {
  await withStore(async (store) => {
    // Around the sizes where a slice is gathered, split over two writes, or written as it is.
    const size = fc.oneof(
      fc.nat(300),
      fc.integer({ min: 65_000, max: 66_000 }),
      fc.integer({ min: 262_000, max: 1_060_000 }),
    )
    const property = fc.asyncProperty(fc.array(size, { maxLength: 7 }), async (sizes) => {
      const slices = sizes.map((bytes) => randomBytes(bytes))
      const whole = Buffer.concat(slices)
      const ref = await keep(store, slices)
      expect(ref).toMatchObject({ length: whole.length, sha256: createHash('sha256').update(whole).digest('hex') })
      expect((await collect(store.read(ref))).equals(whole)).toBe(true)
      await store.remove(ref)
    })
    await fc.assert(property, { numRuns: 40 })
  })
})

test('a slice may be reused as soon as write has returned', async () => {
  await withStore(async (store) => {
    const reused = Buffer.alloc(70_000)
    const sent: Buffer[] = []
    const sink = await store.begin(newId() as InstanceId, ctMeta)
    for (let value = 1; value <= 40; value += 1) {
      reused.fill(value)
      sent.push(Buffer.from(reused))
      await sink.write(reused)
    }
    const { ref, durable } = sink.finish()
    await durable
    expect((await collect(store.read(ref))).equals(Buffer.concat(sent))).toBe(true)
  })
})

test('a blob is a Part 10 file around the data set, readable by its owner alone', async () => {
  await withStore(async (store, folder) => {
    const ref = await keep(store, [Buffer.from('the data set')])
    const path = join(folder, ref.key)
    const file = readFileSync(path)
    expect(file.toString('latin1', 128, 132)).toBe('DICM')
    const read = readFileMeta(file)
    expect(read?.meta.sopInstanceUid).toBe(ctMeta.sopInstanceUid)
    expect(file.subarray(read?.dataSetOffset).toString('latin1', 0, 12)).toBe('the data set')
    expect(file.length % 4096).toBe(0)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
  })
})

test('an aborted object leaves nothing but an empty file for the next one', async () => {
  await withStore(async (store, folder) => {
    const sink = await store.begin(newId() as InstanceId, ctMeta)
    await sink.write(Buffer.alloc(3_000_000, 1))
    await sink.abort()
    expect(filesIn(folder).every((path) => statSync(path).size === 0)).toBe(true)
    const before = filesIn(folder).length
    await keep(store, [Buffer.from('next')])
    expect(filesIn(folder)).toHaveLength(before)
  })
})

test('one flush a file, and one of the directory for a whole tray', async () => {
  await withStore(async (store) => {
    const before = store.counts
    for (let i = 0; i < 64; i += 1) await keep(store, [Buffer.alloc(500_000)])
    const after = store.counts
    expect(after.fileFlushes - before.fileFlushes).toBe(64)
    expect(after.directoryFlushes - before.directoryFlushes).toBeLessThanOrEqual(6)
  }, 32)
})

test('a large object is flushed as it grows', async () => {
  await withStore(async (store) => {
    const slice = Buffer.alloc(1024 * 1024)
    const ref = await keep(
      store,
      Array.from({ length: 150 }, () => slice),
    )
    expect(ref.length).toBe(150 * 1024 * 1024)
    expect(store.counts.fileFlushes).toBe(3)
  })
})

test('buckets are begun anew when they are full', async () => {
  await using dir = await temporaryDir('buckets')
  const { Buckets } = await import('../../src/spool/buckets.ts')
  const counters = { fileFlushes: 0, directoryFlushes: 0, blobs: 0, bytes: 0, writes: 0 }
  const buckets = await Buckets.open(join(dir.path, 'spool'), counters, 10)
  const names = [await buckets.reserve(6), await buckets.reserve(4), await buckets.reserve(1)].map(({ name }) => name)
  await buckets.close()
  expect(names).toEqual(['000000', '000000', '000001'])
})

test('a flipped bit is found before the last slice leaves', async () => {
  await withStore(async (store, folder) => {
    const whole = randomBytes(3_500_000)
    const ref = await keep(store, [whole])
    const path = join(folder, ref.key)
    const file = readFileSync(path)
    const at = file.length - 3_000_000
    file[at] = (file[at] ?? 0) ^ 1
    writeFileSync(path, file)
    let seen = 0
    const reading = async (): Promise<void> => {
      for await (const slice of store.read(ref)) seen += slice.length
    }
    await expect(reading()).rejects.toMatchObject({ code: 'blob-corrupt' })
    expect(seen).toBeGreaterThan(0)
    expect(seen).toBeLessThan(whole.length)
  })
})

test('a short blob, one without a record, one of another object and a missing one are told apart from a good one', async () => {
  await withStore(async (store, folder) => {
    const ref = await keep(store, [randomBytes(100_000)])
    const other = await keep(store, [randomBytes(100_000)])
    await expect(collect(store.read({ ...ref, key: other.key }))).rejects.toMatchObject({ code: 'blob-corrupt' })
    truncateSync(join(folder, ref.key), 50_000)
    await expect(collect(store.read(ref))).rejects.toMatchObject({ code: 'blob-corrupt' })
    truncateSync(join(folder, ref.key), 0)
    await expect(collect(store.read(ref))).rejects.toMatchObject({ code: 'blob-corrupt' })
    await store.remove(ref)
    await store.remove(ref)
    await expect(collect(store.read(ref))).rejects.toMatchObject({ code: 'blob-missing' })
  })
})

test('a read may begin in the middle, at the end, and stop early', async () => {
  await withStore(async (store) => {
    const whole = randomBytes(2_500_000)
    const ref = await keep(store, [whole])
    expect((await collect(store.read(ref, 1_234_567))).equals(whole.subarray(1_234_567))).toBe(true)
    expect(await collect(store.read(ref, whole.length))).toHaveLength(0)
    for await (const slice of store.read(ref)) {
      expect(slice.length).toBeLessThanOrEqual(1024 * 1024)
      break
    }
    expect((await collect(store.read(ref))).equals(whole)).toBe(true)
  })
})

test('no key but our own becomes a path', async () => {
  await withStore(async (store) => {
    const ref = await keep(store, [Buffer.from('x')])
    for (const key of ['../../etc/passwd', '/etc/passwd', '000000/../x', `${ref.key}/..`, `${ref.key}\0`, '']) {
      expect(() => store.read({ ...ref, key })).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    }
  })
})

type Write = typeof fs.write
type Written = (error: NodeJS.ErrnoException | null, bytes: number) => void

/** Until it is disposed, the first write is held back until no other is under way. */
function firstWriteLast(): Disposable {
  const { write } = fs
  let held: (() => void) | undefined
  let isFirst = true
  let open = 0
  const slow = (fd: number, bytes: Buffer, offset: number, length: number, position: number, done: Written): void => {
    const begin = (then: Written): void => write(fd, bytes, offset, length, position, then)
    if (isFirst) {
      isFirst = false
      held = () => begin(done)
      return
    }
    open += 1
    begin((error, written) => {
      open -= 1
      if (open === 0) {
        held?.()
        held = undefined
      }
      done(error, written)
    })
  }
  Object.assign(fs, { write: slow as unknown as Write })
  return { [Symbol.dispose]: () => Object.assign(fs, { write }) }
}

test('the commit record stays, however late the write that began the file', async () => {
  await withStore(async (store) => {
    const whole = randomBytes(1_500_000)
    let ref: BlobRef
    {
      using _ = firstWriteLast()
      ref = await keep(store, [whole])
    }
    expect((await collect(store.read(ref))).equals(whole)).toBe(true)
  })
})
