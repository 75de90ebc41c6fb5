import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import type { InstanceId } from '../../src/ledger/ids.ts'
import { admission } from '../ledger/sample.ts'
import { ctInstance } from '../support/data-set.ts'
import { temporaryDir } from '../support/processes.ts'
import { arrivalOf, collect, ctMeta, newId, openShelf, take } from '../support/spool-on-disk.ts'

const object = (instanceNumber: number) => ctInstance({ instanceNumber, sizeBytes: 60_000 })

/** Takes objects in and stops in good order. */
async function filled(folder: string, count: number) {
  await using shelf = await openShelf(folder)
  const taken = []
  for (let number = 1; number <= count; number += 1) {
    const { file, dataSet } = object(number)
    const { id } = await take(shelf.spool, arrivalOf(file), dataSet)
    const row = await shelf.ledger.views.instance(id)
    if (row !== undefined) taken.push({ id, blob: row.blob, dataSet })
  }
  return taken
}

function forgetLedger(folder: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith('kurir.db')) rmSync(join(folder, name))
}

/** A blob with its record, of which no ledger knows. */
async function orphan(folder: string, number: number): Promise<InstanceId> {
  await using shelf = await openShelf(folder)
  const id = newId() as InstanceId
  const { file, dataSet } = object(number)
  const meta = { ...ctMeta, sopInstanceUid: arrivalOf(file).announced.sopInstanceUid }
  const sink = await shelf.store.begin(id, meta)
  await sink.write(dataSet)
  await sink.finish().durable
  return id
}

test('after a stop in good order there is nothing to do', async () => {
  await using dir = await temporaryDir('recovery')
  await filled(dir.path, 3)
  await using shelf = await openShelf(dir.path)
  expect(shelf.recovery).toMatchObject({ verified: 0, withdrawn: 0, readmitted: 0, doubtful: 0 })
  expect(shelf.recovery.reused).toBeGreaterThan(0)
})

test('a ledger that was deleted is made anew from the blobs, ids and receptions included', async () => {
  await using dir = await temporaryDir('recovery')
  const taken = await filled(dir.path, 5)
  forgetLedger(dir.path)
  await using shelf = await openShelf(dir.path)
  expect(shelf.recovery.readmitted).toBe(5)
  for (const { id, blob, dataSet } of taken) {
    const row = await shelf.ledger.views.instance(id)
    expect(row).toMatchObject({ id, blob, reception: { callingAe: 'CT_ONE', peer: '10.0.0.7', door: 'DIMSE' } })
    expect((await collect(shelf.spool.read(blob))).equals(dataSet)).toBe(true)
  }
  expect(await shelf.spool.unplanned(10)).toHaveLength(5)
  expect(await shelf.ledger.views.unverified(10)).toHaveLength(0)
})

test('a whole blob without a row is admitted at the next start, once', async () => {
  await using dir = await temporaryDir('recovery')
  const id = await orphan(dir.path, 7)
  {
    await using shelf = await openShelf(dir.path)
    expect(shelf.recovery.readmitted).toBe(1)
    // It says nothing of its reception: only what the file itself tells is known.
    expect((await shelf.ledger.views.instance(id))?.identity.sopInstanceUid).toBe(object(7).sopInstanceUid)
  }
  await using shelf = await openShelf(dir.path)
  expect(shelf.recovery.readmitted).toBe(0)
})

test('a row whose bytes did not survive is withdrawn, audited, and its file kept for a person', async () => {
  await using dir = await temporaryDir('recovery')
  const [torn, gone, good] = await filled(dir.path, 3)
  if (torn === undefined || gone === undefined || good === undefined) throw new Error('three were taken')
  const path = join(dir.path, 'spool', torn.blob.key)
  const file = readFileSync(path)
  file.fill(0, file.length - 5_000)
  writeFileSync(path, file)
  rmSync(join(dir.path, 'spool', gone.blob.key))
  await unmarked(dir.path)
  await using shelf = await openShelf(dir.path)
  expect(shelf.recovery).toMatchObject({ verified: 1, withdrawn: 2, doubtful: 1, readmitted: 0 })
  expect((await shelf.spool.unplanned(10)).map(({ id }) => id)).toEqual([good.id])
  expect(existsSync(path)).toBe(false)
  expect(readdirSync(join(dir.path, 'spool', 'doubtful'))).toHaveLength(1)
  const events = await shelf.ledger.views.auditEvents({ event: 'spool-recovered' }, { first: 10 })
  expect(events.rows).toHaveLength(1)
})

test('hundreds of rows without bytes are all withdrawn, in whatever order they were begun', async () => {
  await using dir = await temporaryDir('recovery')
  const ids = Array.from({ length: 502 }, () => newId() as InstanceId)
  // Begun just before the last of the first page that is looked at, and recorded after it: a long object.
  const [late] = ids.splice(498, 1)
  if (late === undefined) throw new Error('there are 502')
  ids.splice(501, 0, late)
  {
    await using shelf = await openShelf(dir.path)
    const rows = ids.map((id) => {
      const made = admission({ id, uid: `2.25.${ids.indexOf(id)}` })
      return { ...made, blob: { ...made.blob, key: `000000/${id}` } }
    })
    await shelf.ledger.admit(rows)
    const { file, dataSet } = object(1)
    await take(shelf.spool, arrivalOf(file), dataSet)
  }
  await unmarked(dir.path)
  await using shelf = await openShelf(dir.path)
  expect(shelf.recovery).toMatchObject({ verified: 1, withdrawn: 502 })
  expect(await shelf.spool.unplanned(10)).toHaveLength(1)
})

test('files that were never finished are emptied and used again', async () => {
  await using dir = await temporaryDir('recovery')
  {
    await using shelf = await openShelf(dir.path)
    const sink = await shelf.store.begin(newId() as InstanceId, ctMeta)
    // Two writes' worth, and then the process is gone: nobody finishes or aborts.
    await sink.write(Buffer.alloc(1_500_000, 1))
    await sink.write(Buffer.alloc(1_500_000, 2))
  }
  await using shelf = await openShelf(dir.path)
  expect(shelf.recovery).toMatchObject({ readmitted: 0, doubtful: 0 })
  const before = filesIn(dir.path)
  const { file, dataSet } = object(1)
  await take(shelf.spool, arrivalOf(file), dataSet)
  expect(filesIn(dir.path)).toBe(before)
})

test('a spool that is not mounted withdraws nothing: the start is refused', async () => {
  await using dir = await temporaryDir('recovery')
  await filled(dir.path, 2)
  await unmarked(dir.path)
  renameSync(join(dir.path, 'spool'), join(dir.path, 'elsewhere'))
  await expect(openShelf(dir.path)).rejects.toMatchObject({ code: 'blob-missing' })
  rmSync(join(dir.path, 'spool'), { recursive: true })
  renameSync(join(dir.path, 'elsewhere'), join(dir.path, 'spool'))
  await using shelf = await openShelf(dir.path)
  expect(shelf.recovery).toMatchObject({ verified: 2, withdrawn: 0 })
})

const filesIn = (folder: string): number =>
  readdirSync(join(folder, 'spool'), { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length

/** Takes the verified mark away, as if the process had died before it was set. */
async function unmarked(folder: string): Promise<void> {
  const { default: Database } = await import('better-sqlite3')
  const db = new Database(join(folder, 'kurir.db'))
  db.exec(`DELETE FROM mark WHERE name = 'verified'`)
  db.close()
}
