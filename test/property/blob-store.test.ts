import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { encodePart10Head } from '../../src/dicom/file-meta.ts'
import type { BlobRef } from '../../src/ledger/blob-ref.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import { BlobInspector } from '../../src/spool/blob-inspection.ts'
import type { BlobSink } from '../../src/spool/blob-store.ts'
import { DiskBlobStore } from '../../src/spool/disk-blob-store.ts'
import { temporaryDir } from '../support/processes.ts'
import { collect, ctMeta, newId } from '../support/spool-on-disk.ts'
import { numbersFrom, UnrulyDisk } from '../support/unruly-disk.ts'

const BLOCK = 4096
const CHUNK = 1024 * 1024
const HEAD = encodePart10Head(ctMeta).length

interface ObjectPlan {
  /** Of the data set. */
  readonly size: number
  /** Of a slice, at most. */
  readonly slice: number
  /** After this share of its bytes it is given up; undefined: it ends. */
  readonly abortAt: number | undefined
}

/** Sizes whose file ends a little before or behind a place where something changes. */
const SIZES = fc.oneof(
  fc.nat(3),
  fc.integer({ min: 0, max: 3 * BLOCK }),
  ...[BLOCK, CHUNK - BLOCK, CHUNK, CHUNK + BLOCK, 2 * CHUNK, 3 * CHUNK, 5 * CHUNK].map((whole) =>
    fc.integer({ min: whole - HEAD - 16, max: whole - HEAD + 16 }),
  ),
  fc.integer({ min: CHUNK, max: 2 * CHUNK }),
  fc.integer({ min: 2 * CHUNK, max: 7 * CHUNK }),
)
const OBJECT: fc.Arbitrary<ObjectPlan> = fc.record({
  size: SIZES,
  slice: fc.oneof(fc.integer({ min: 30_000, max: 70_000 }), fc.integer({ min: 1, max: 3 * CHUNK })),
  abortAt: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined, freq: 3 }),
})
const WAVES = fc.array(fc.array(OBJECT, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 })

// Another place in it for every object: no two have the same bytes anywhere.
const NOISE = Buffer.alloc(9 * CHUNK)
const random = numbersFrom(1)
for (let at = 0; at < NOISE.length; at += 4) NOISE.writeUInt32LE(Math.floor(random() * 2 ** 32), at)

interface Kept {
  readonly ref: BlobRef
  readonly whole: Buffer
}

/** One object from its first byte on; undefined when it was given up or the disk failed. */
async function receive(
  store: DiskBlobStore,
  plan: ObjectPlan,
  place: number,
  disk: UnrulyDisk,
): Promise<Kept | undefined> {
  const whole = NOISE.subarray(place * 1000, place * 1000 + plan.size)
  const sink = await store.begin(newId() as InstanceId, ctMeta).catch(() => undefined)
  if (sink === undefined || !(await isWritten(sink, whole, plan))) return undefined
  const { ref, durable } = sink.finish()
  const path = join(store.buckets.root, ref.key)
  const isDurable = await durable.then(
    () => true,
    () => false,
  )
  if (!isDurable) {
    expect(existsSync(path)).toBe(false)
    return undefined
  }
  expect(disk.isDurable(path)).toBe(true)
  expect(digestIn(path, ref)).toBe(ref.sha256)
  return { ref, whole }
}

/** Whether all of it went in; what did not is aborted. */
async function isWritten(sink: BlobSink, whole: Buffer, { slice, abortAt = 2 }: ObjectPlan): Promise<boolean> {
  // As a socket lends one buffer again and again.
  const lent = Buffer.alloc(slice)
  try {
    for (let at = 0; at < whole.length; at += slice) {
      if (at >= abortAt * whole.length) throw new Error('the sender has gone')
      const some = lent.subarray(0, whole.copy(lent, 0, at, at + slice))
      await sink.write(some)
      lent.fill(0xee)
    }
    if (abortAt <= 1) throw new Error('the sender has gone')
    return true
  } catch {
    await sink.abort()
    return false
  }
}

/** Reads from any byte on, and stops after any slice or at the end: what came is what was kept. */
async function readSome(store: DiskBlobStore, { ref, whole }: Kept, start: number, slices: number): Promise<void> {
  let at = start
  let left = slices
  try {
    for await (const slice of store.read(ref, start)) {
      expect(Buffer.from(slice).equals(whole.subarray(at, at + slice.length))).toBe(true)
      at += slice.length
      left -= 1
      if (left === 0) return
    }
    expect(at).toBe(whole.length)
  } catch (error) {
    expect(['disk-io', 'out-of-resources']).toContain(Object(error).code)
  }
}

const digestIn = (path: string, { length }: BlobRef): string =>
  createHash('sha256')
    .update(readFileSync(path).subarray(HEAD, HEAD + length))
    .digest('hex')

const openIn = (folder: string): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path.startsWith(folder))
    } catch {
      return []
    }
  })

/** What a start would find in each file. */
async function found(folder: string): Promise<Map<string, string>> {
  const inspector = new BlobInspector()
  const kinds = new Map<string, string>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    kinds.set(path, (await inspector.inspect(path)).kind)
  }
  return kinds
}

async function play(waves: readonly (readonly ObjectPlan[])[], seed: number, failing: number): Promise<void> {
  await using dir = await temporaryDir('unruly')
  const folder = join(dir.path, 'spool')
  const kept: Kept[] = []
  {
    await using store = await DiskBlobStore.open({ folder, node: 'test', newId, traySize: 4, flushEvery: CHUNK })
    {
      using disk = new UnrulyDisk({ seed, failing })
      let place = 0
      for (const wave of waves) {
        const received = await Promise.all(wave.map((plan) => receive(store, plan, place++, disk)))
        kept.push(...received.filter((one) => one !== undefined))
      }
      expect(disk.strays).toBe(0)
      if (failing === 0) expect(kept).toHaveLength(waves.flat().filter(({ abortAt }) => abortAt === undefined).length)
    }
    for (const { ref, whole } of kept) expect((await collect(store.read(ref))).equals(whole)).toBe(true)
    {
      using disk = new UnrulyDisk({ seed, failing })
      const readers = kept.flatMap((one) => [
        readSome(store, one, 0, 99),
        readSome(store, one, 0, 1 + (seed & 1)),
        readSome(store, one, Math.floor(one.whole.length * 0.7), 99),
      ])
      await Promise.all(readers)
      expect(disk.strays).toBe(0)
    }
  }
  expect(openIn(dir.path)).toEqual([])
  const kinds = await found(folder)
  for (const { ref } of kept) {
    const path = join(folder, ref.key)
    expect(kinds.get(path)).toBe('whole')
    kinds.delete(path)
  }
  expect([...kinds.values()].filter((kind) => kind !== 'empty')).toEqual([])
}

test('in whatever order a disk carries out what it is asked, what was said to be durable is whole, and nothing else is left', async () => {
  await fc.assert(
    fc.asyncProperty(WAVES, fc.integer(), (waves, seed) => play(waves, seed, 0)),
    { numRuns: 8 },
  )
}, 120_000)

test('the same on a disk that fails now and then', async () => {
  await fc.assert(fc.asyncProperty(WAVES, fc.integer(), fc.constantFrom(2, 10, 30), play), { numRuns: 16 })
}, 120_000)
