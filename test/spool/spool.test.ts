import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { KurirError } from '../../src/base/failure.ts'
import { silentLog } from '../../src/base/log.ts'
import type { BlobSink, BlobStore } from '../../src/spool/blob-store.ts'
import { Spool } from '../../src/spool/spool.ts'
import { ctInstance, madeElement } from '../support/data-set.ts'
import { temporaryDir } from '../support/processes.ts'
import { arrivalOf, collect, newId, openShelf, type Shelf, take } from '../support/spool-on-disk.ts'
import { TestClock } from '../support/test-clock.ts'

const ct = ctInstance({ sizeBytes: 200_000 })

async function withShelf(body: (shelf: Shelf, folder: string) => Promise<void>): Promise<void> {
  await using dir = await temporaryDir('spool')
  await using shelf = await openShelf(dir.path)
  await body(shelf, dir.path)
}

/** A spool over the shelf's ledger whose store is changed in one place. */
function spoolOver(shelf: Shelf, change: Partial<BlobStore>, freeBytes = 0, clock = new TestClock()): Spool {
  const { ledger, store } = shelf
  const changed: BlobStore = {
    begin: (id, meta) => store.begin(id, meta),
    read: (ref, start) => store.read(ref, start),
    remove: (ref) => store.remove(ref),
    space: () => store.space(),
    ...change,
  }
  return new Spool({ store: changed, ledger, newId, clock, log: silentLog, freeMin: { bytes: freeBytes } })
}

/** The same sink, whose bytes are durable only after `gate`. */
const flushedAfter = (sink: BlobSink, gate: Promise<void>): BlobSink => ({
  write: (slice) => sink.write(slice),
  abort: () => sink.abort(),
  finish: () => {
    const { ref, durable } = sink.finish()
    const later = Promise.all([durable, gate]).then(() => {})
    later.catch(() => {})
    return { ref, durable: later }
  },
})

async function untilAdmitted({ ledger }: Shelf, count: number): Promise<void> {
  while ((await ledger.unplanned(10)).length < count) await ledger.wakes.next('plan', AbortSignal.timeout(10_000))
}

const blobsIn = (folder: string): string[] =>
  readdirSync(join(folder, 'spool'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size > 0)

test('what was taken is on record, readable, and waits for a decision', async () => {
  await withShelf(async ({ spool, ledger }) => {
    const taken = await take(spool, arrivalOf(ct.file), ct.dataSet)
    expect(taken).toMatchObject({ outcome: 'kept', bytes: ct.dataSet.length, unreadable: null, earlier: null })
    const row = await ledger.views.instance(taken.id)
    expect(row?.identity).toMatchObject({ sopInstanceUid: ct.sopInstanceUid, modality: 'CT', patientId: 'ID0001' })
    expect(row?.reception.callingAe).toBe('CT_ONE')
    const [waiting] = await spool.unplanned(10)
    expect(waiting?.id).toBe(taken.id)
    if (row !== undefined) expect((await collect(spool.read(row.blob))).equals(ct.dataSet)).toBe(true)
    expect(spool.open).toBe(0)
  })
})

test('a data set that is none, or names another object than was announced, is kept and held', async () => {
  await withShelf(async ({ spool, ledger }) => {
    const noise = await take(spool, arrivalOf(ct.file), Buffer.alloc(5_000, 0xff))
    const other = ctInstance({ instanceNumber: 2, sizeBytes: 10_000 })
    const lying = await take(spool, arrivalOf(ct.file), other.dataSet)
    const empty = await take(spool, arrivalOf(ct.file), Buffer.of())
    const bare = await take(spool, arrivalOf(ct.file), madeElement('00080060', 'CS', 'CT'))
    expect(noise.unreadable).not.toBeNull()
    expect(lying.unreadable).toBe('sop-instance-uid-differs')
    expect(empty.unreadable).toBe('empty')
    expect(bare.unreadable).toBe('sop-instance-uid-differs')
    for (const { id } of [noise, lying, empty, bare]) {
      const row = await ledger.views.instance(id)
      expect(row?.state).toBe('HELD')
      expect(row?.identity.sopInstanceUid).toBe(ct.sopInstanceUid)
    }
    expect(await spool.unplanned(10)).toHaveLength(0)
  })
})

test('the same bytes again and other bytes under the same UID are all kept, and told apart', async () => {
  await withShelf(async ({ spool }) => {
    const first = await take(spool, arrivalOf(ct.file), ct.dataSet)
    const again = await take(spool, arrivalOf(ct.file), ct.dataSet)
    const changed = ctInstance({ sizeBytes: 200_000, patientName: 'Changed^Name' })
    const other = await take(spool, arrivalOf(changed.file), changed.dataSet)
    expect(again.earlier).toMatchObject({ bytes: 'same' })
    expect(other).toMatchObject({ outcome: 'kept', earlier: { bytes: 'changed' } })
    expect(new Set([first.id, again.id, other.id]).size).toBe(3)
  })
})

test('a hundred identical objects at once are all answered and one blob each can be read', async () => {
  await withShelf(async ({ spool, ledger }) => {
    const all = await Promise.all(Array.from({ length: 100 }, () => take(spool, arrivalOf(ct.file), ct.dataSet)))
    expect(new Set(all.map(({ id }) => id)).size).toBe(100)
    for (const { id } of all.slice(0, 5)) {
      const row = await ledger.views.instance(id)
      if (row !== undefined) expect((await collect(spool.read(row.blob))).equals(ct.dataSet)).toBe(true)
    }
  })
})

test('other bytes under the same UID are not taken where that was asked for', async () => {
  await withShelf(async ({ spool, ledger }, folder) => {
    await take(spool, arrivalOf(ct.file), ct.dataSet)
    const changed = ctInstance({ sizeBytes: 200_000, patientName: 'Changed^Name' })
    const refused = await take(spool, arrivalOf(changed.file, { onChanged: 'refuse' }), changed.dataSet)
    const same = await take(spool, arrivalOf(ct.file, { onChanged: 'refuse' }), ct.dataSet)
    expect(refused.outcome).toBe('refused')
    expect(same.outcome).toBe('kept')
    expect(blobsIn(folder)).toHaveLength(2)
    expect((await spool.unplanned(10)).map(({ id }) => id)).not.toContain(refused.id)
    expect((await ledger.views.unverified(10)).map(({ id }) => id)).not.toContain(refused.id)
  })
})

test('an aborted object leaves no blob, no row and nothing in flight', async () => {
  await withShelf(async ({ spool, ledger }, folder) => {
    const sink = await spool.begin(arrivalOf(ct.file))
    await sink.write(ct.dataSet.subarray(0, 100_000))
    await sink.abort()
    expect(spool.open).toBe(0)
    expect(blobsIn(folder)).toHaveLength(0)
    expect(await ledger.views.unverified(10)).toHaveLength(0)
  })
})

test('a planner does not see an instance whose bytes are still being flushed', async () => {
  await withShelf(async (shelf) => {
    const flushed = Promise.withResolvers<void>()
    const spool = spoolOver(shelf, {
      begin: async (id, meta) => flushedAfter(await shelf.store.begin(id, meta), flushed.promise),
    })
    const ending = take(spool, arrivalOf(ct.file), ct.dataSet)
    await untilAdmitted(shelf, 1)
    expect(await shelf.ledger.unplanned(10)).toHaveLength(1)
    expect(await spool.unplanned(10)).toHaveLength(0)
    const woken = shelf.ledger.wakes.next('plan', AbortSignal.timeout(10_000))
    flushed.resolve()
    await Promise.all([ending, woken])
    expect(await spool.unplanned(10)).toHaveLength(1)
  })
})

test('bytes that could not be flushed take their row back with them', async () => {
  await withShelf(async (shelf, folder) => {
    const failure = new KurirError('disk-io', 'transient', 'the disk failed')
    const spool = spoolOver(shelf, {
      begin: async (id, meta) => flushedAfter(await shelf.store.begin(id, meta), Promise.reject(failure)),
    })
    await expect(take(spool, arrivalOf(ct.file), ct.dataSet)).rejects.toBe(failure)
    expect(await shelf.ledger.unplanned(10)).toHaveLength(0)
    expect(blobsIn(folder)).toHaveLength(0)
    expect(spool.open).toBe(0)
  })
})

test('a disk that fails is a problem until an object is durable again, wherever it fails', async () => {
  await withShelf(async (shelf) => {
    const failure = new KurirError('disk-io', 'transient', 'the disk failed')
    const { store } = shelf
    let at: 'begin' | 'write' | 'flush' | 'nowhere' = 'nowhere'
    const spool = spoolOver(shelf, {
      begin: async (id, meta) => {
        if (at === 'begin') throw failure
        const sink = await store.begin(id, meta)
        if (at === 'flush') return flushedAfter(sink, Promise.reject(failure))
        const write = (slice: Uint8Array) => (at === 'write' ? Promise.reject(failure) : sink.write(slice))
        return { write, abort: () => sink.abort(), finish: () => sink.finish() }
      },
    })
    for (const place of ['begin', 'write', 'flush'] as const) {
      at = place
      await expect(take(spool, arrivalOf(ct.file), ct.dataSet)).rejects.toBe(failure)
      expect(spool.problems).toEqual([expect.stringContaining('fails')])
      at = 'nowhere'
      await take(spool, arrivalOf(ct.file), ct.dataSet)
      expect(spool.problems).toEqual([])
    }
    const full = new KurirError('disk-full', 'transient', 'no room')
    const fullSpool = spoolOver(shelf, { begin: () => Promise.reject(full) })
    await expect(take(fullSpool, arrivalOf(ct.file), ct.dataSet)).rejects.toBe(full)
    expect(fullSpool.problems).toEqual([])
  })
})

test('what the ledger has no room to take back is out of sight, and taken back when there is room', async () => {
  await withShelf(async (shelf, folder) => {
    const failure = new KurirError('disk-io', 'transient', 'the disk failed')
    const clock = new TestClock()
    let full = 2
    const withdrawn = Promise.withResolvers<void>()
    const ledger: Shelf['ledger'] = Object.create(shelf.ledger, {
      withdraw: {
        value: async (...args: Parameters<Shelf['ledger']['withdraw']>) => {
          if (full-- > 0) throw new KurirError('disk-full', 'transient', 'no room on the disk')
          await shelf.ledger.withdraw(...args)
          withdrawn.resolve()
        },
      },
    })
    await using spool = spoolOver(
      { ...shelf, ledger },
      { begin: async (id, meta) => flushedAfter(await shelf.store.begin(id, meta), Promise.reject(failure)) },
      0,
      clock,
    )
    await expect(take(spool, arrivalOf(ct.file), ct.dataSet)).rejects.toBe(failure)
    expect(blobsIn(folder)).toHaveLength(0)
    expect(await shelf.ledger.unplanned(10)).toHaveLength(1)
    expect(await spool.unplanned(10)).toHaveLength(0)
    for (let passed = 0; passed < 2; passed += 1) {
      await clock.untilWaiting(1)
      await clock.advance(1_000)
    }
    await withdrawn.promise
    expect(await shelf.ledger.unplanned(10)).toHaveLength(0)
  })
})

test('a ledger that does not answer leaves no Success and nothing for a planner', async () => {
  await using dir = await temporaryDir('spool')
  await using shelf = await openShelf(dir.path)
  const sink = await shelf.spool.begin(arrivalOf(ct.file))
  await sink.write(ct.dataSet)
  await shelf.ledger[Symbol.asyncDispose]()
  await expect(sink.end()).rejects.toMatchObject({ code: 'ledger-closed' })
})

test('what came in since the volume was last asked counts: the mark is not overrun between two looks', async () => {
  await withShelf(async (shelf) => {
    let freeBytes = 5_000 + 2 * ct.dataSet.length
    const space = async () => ({ freeBytes, totalBytes: 1_000_000_000 })
    const spool = spoolOver(shelf, { space }, 5_000)
    expect((await take(spool, arrivalOf(ct.file), ct.dataSet)).outcome).toBe('kept')
    freeBytes = 4_999
    await expect(spool.begin(arrivalOf(ct.file))).rejects.toMatchObject({ code: 'disk-full' })
  })
})

test('too little free disk refuses, and takes again by itself when there is room', async () => {
  await withShelf(async (shelf) => {
    let freeBytes = 1_000
    const space = async () => ({ freeBytes, totalBytes: 1_000_000 })
    await using spool = spoolOver(shelf, { space }, 5_000, new TestClock())
    await expect(spool.begin(arrivalOf(ct.file))).rejects.toMatchObject({ code: 'disk-full', retry: 'transient' })
    freeBytes = 6_000
    expect((await take(spool, arrivalOf(ct.file), ct.dataSet)).outcome).toBe('kept')
  })
})

test('a volume that cannot be asked for its room refuses as a failed disk, which a sender may try again', async () => {
  await withShelf(async (shelf, folder) => {
    rmSync(join(folder, 'spool'), { recursive: true })
    await expect(shelf.spool.begin(arrivalOf(ct.file))).rejects.toMatchObject({ code: 'disk-io', retry: 'transient' })
    expect(shelf.spool.open).toBe(0)
  })
})

test('what others put on the volume is seen within a second', async () => {
  await withShelf(async (shelf) => {
    let freeBytes = 1_000_000_000
    const space = async () => ({ freeBytes, totalBytes: 1_000_000_000 })
    const clock = new TestClock()
    const spool = spoolOver(shelf, { space }, 5_000, clock)
    expect((await take(spool, arrivalOf(ct.file), ct.dataSet)).outcome).toBe('kept')
    freeBytes = 4_999
    await clock.advance(1_000)
    await expect(spool.begin(arrivalOf(ct.file))).rejects.toMatchObject({ code: 'disk-full' })
  })
})

test('the mark moves up to the row before the oldest whose bytes are not durable, and no further', async () => {
  await withShelf(async (shelf) => {
    const flushed = Promise.withResolvers<void>()
    let slow = false
    const begin: BlobStore['begin'] = async (id, meta) => {
      const sink = await shelf.store.begin(id, meta)
      return slow ? flushedAfter(sink, flushed.promise) : sink
    }
    const spool = spoolOver(shelf, { begin })
    const early = await spool.begin(arrivalOf(ct.file))
    await take(spool, arrivalOf(ct.file), ct.dataSet)
    slow = true
    const waiting = take(spool, arrivalOf(ct.file), ct.dataSet)
    await untilAdmitted(shelf, 2)
    // Begun before all the others, and recorded after them.
    await early.write(ct.dataSet)
    const last = await early.end()
    await spool[Symbol.asyncDispose]()
    const unverified = (await shelf.ledger.views.unverified(10)).map(({ id }) => id)
    expect(unverified).toHaveLength(2)
    expect(unverified.at(-1)).toBe(last.id)
    flushed.resolve()
    await waiting
    await spool[Symbol.asyncDispose]()
    expect(await shelf.ledger.views.unverified(10)).toEqual([])
  })
})

test('a released blob is gone from the disk', async () => {
  await withShelf(async ({ spool, ledger }, folder) => {
    const taken = await take(spool, arrivalOf(ct.file), ct.dataSet)
    const row = await ledger.views.instance(taken.id)
    if (row !== undefined) await spool.release(row.blob)
    expect(blobsIn(folder)).toHaveLength(0)
  })
})
