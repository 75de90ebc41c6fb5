import { chmod, mkdir, open, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, expect, jest, test } from '@jest/globals'
import { placeFile, SafeFolders } from '../../src/deliver/part10-file.ts'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import type { Destination } from '../../src/rules/destination.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { openDelivery, quickRetry } from '../support/delivery-harness.ts'
import { temporaryDir } from '../support/processes.ts'

const stack: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of stack.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function outbox(layout = '{StudyInstanceUID}/{SOPInstanceUID}.dcm') {
  const home = await temporaryDir('outbox')
  stack.push(home)
  const folder = path.join(home.path, 'data')
  const target = path.join(home.path, 'out')
  await mkdir(folder)
  const destination: Destination = {
    name: 'outbox',
    file: '10.yaml',
    line: 1,
    retry: quickRetry,
    verify: undefined,
    reach: { kind: 'folder', folder: { path: target, layout } },
  }
  const harness = await openDelivery({ folder, destinations: [destination] })
  stack.push(harness)
  const files = async (): Promise<readonly string[]> => {
    const entries = await readdir(target, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(target, path.join(entry.parentPath, entry.name)))
      .sort()
  }
  return { harness, target, files }
}

const small = (n: number, more: Parameters<typeof ctInstance>[0] = {}) =>
  ctInstance({ sizeBytes: 2_048, instanceNumber: n, ...more })

test('files stand under their layout, whole, and nothing unfinished beside them', async () => {
  const { harness, target, files } = await outbox()
  const made = Array.from({ length: 12 }, (_, n) => small(n + 1))
  for (const { file } of made) await harness.owe(file, ['outbox'])
  await harness.start()
  await harness.until(12)
  expect(await files()).toEqual(made.map(({ sopInstanceUid }) => `2.25.314159/${sopInstanceUid}.dcm`).sort())
  for (const { sopInstanceUid, dataSet } of made) {
    const written = await readFile(path.join(target, '2.25.314159', `${sopInstanceUid}.dcm`))
    expect(sha256(dataSetOf(written))).toBe(sha256(dataSet))
    expect(written.subarray(0, 128).every((byte) => byte === 0)).toBe(true)
  }
})

test('the same bytes again are delivered; other bytes under the name stand beside them', async () => {
  const { harness, target, files } = await outbox('{SOPInstanceUID}.dcm')
  await harness.start()
  const one = small(1, { sopInstanceUid: '2.25.5', patientId: 'A' })
  const other = small(1, { sopInstanceUid: '2.25.5', patientId: 'B' })
  await mkdir(target, { recursive: true })
  const first = await harness.owe(one.file, ['outbox'])
  await harness.until(1)
  expect(await files()).toEqual(['2.25.5.dcm'])
  const second = await harness.owe(other.file, ['outbox'])
  const row = await harness.delivery(second.deliveries[0])
  // The ledger holds the conflict first; an operator who insists gets a second file, never an overwritten one.
  if (row.state === 'HELD') await harness.ledger.deliveryRetry(row.id, { name: 'test' })
  await harness.until(2)
  expect(await files()).toEqual(['2.25.5-2.dcm', '2.25.5.dcm'])
  expect(sha256(dataSetOf(await readFile(path.join(target, '2.25.5.dcm'))))).toBe(sha256(one.dataSet))
  expect(await harness.tries(first.deliveries[0])).toEqual(['DELIVERED'])
})

test('a name is given once: the same bytes are found there, other bytes never replaced', async () => {
  const home = await temporaryDir('place')
  stack.push(home)
  const safe = new SafeFolders()
  const place = async (text: string) => {
    const temporary = path.join(home.path, '.kurir-x.part')
    await writeFile(temporary, text)
    return (await placeFile(temporary, home.path, ['a', 'b.dcm'], safe)).kind
  }
  expect(await place('one')).toBe('placed')
  expect(await place('one')).toBe('already-there')
  expect(await place('two')).toBe('placed')
  expect(await place('two')).toBe('already-there')
  expect(await place('onetwo')).toBe('placed')
  expect((await readdir(path.join(home.path, 'a'))).sort()).toEqual(['b-2.dcm', 'b-3.dcm', 'b.dcm'])
  expect(await readdir(home.path)).toEqual(['a'])
})

test('a name that could not be given, where there are no hard links, is free again', async () => {
  const home = await temporaryDir('place')
  stack.push(home)
  // A folder has no hard links on any file system, and cannot take the name of a file.
  const folder = path.join(home.path, '.kurir-folder.part')
  await mkdir(folder)
  await expect(placeFile(folder, home.path, ['a', 'b.dcm'], new SafeFolders())).rejects.toThrow('ENOTDIR')
  expect(await readdir(path.join(home.path, 'a'))).toEqual([])
})

test('a file that somebody else put there is as safe from a power cut as ours before it counts', async () => {
  const home = await temporaryDir('place')
  stack.push(home)
  const temporary = path.join(home.path, '.kurir-x.part')
  const there = path.join(home.path, 'b.dcm')
  await writeFile(temporary, 'one')
  await writeFile(there, 'one')
  const handle = await open(temporary)
  await handle.close()
  const synced: string[] = []
  const sync = jest.spyOn(Object.getPrototypeOf(handle), 'sync').mockImplementation(async function (
    this: typeof handle,
  ) {
    synced.push(await readlink(`/proc/self/fd/${this.fd}`))
    await this.datasync()
  })
  expect(await placeFile(temporary, home.path, ['b.dcm'], new SafeFolders())).toEqual({ kind: 'already-there' })
  sync.mockRestore()
  expect(synced).toEqual([there, home.path])
})

test('what an edit changed fills the layout and the file, under the UID it leaves with', async () => {
  const { harness, target, files } = await outbox('{PatientID}/{SOPInstanceUID}.dcm')
  const made = small(1, { patientId: '../OLD' })
  const edits = [
    { verb: 'set', path: [{ tag: tagOf(0x0010, 0x0020) }], vr: 'LO', value: Buffer.from('../NEW') },
  ] as const
  await harness.owe(made.file, ['outbox'], { edits })
  await harness.start()
  await harness.until(1)
  const [name = ''] = await files()
  expect(name).toBe(`___NEW/${made.sopInstanceUid}.dcm`)
  expect(sha256(dataSetOf(await readFile(path.join(target, name))))).toBe(
    sha256(Buffer.from(made.dataSet.toString('latin1').replace('../OLD', '../NEW'), 'latin1')),
  )
})

test('a folder that cannot be written rests; when it can, everything is there, no try counted', async () => {
  const { harness, target } = await outbox()
  // A file stands where the folder should be.
  await writeFile(target, '')
  const planned = await harness.owe(small(1).file, ['outbox'])
  await harness.start()
  expect((await harness.untilDown('outbox')).reason).toBe('disk-io')
  const { unlink } = await import('node:fs/promises')
  await unlink(target)
  await harness.until(1)
  expect(await harness.tries(planned.deliveries[0])).toEqual(['DELIVERED'])
})

test('what a dead process left unfinished is swept away, what others put there is not', async () => {
  const { harness, target } = await outbox()
  await mkdir(target)
  await writeFile(path.join(target, '.kurir-dead-1.part'), 'x')
  await writeFile(path.join(target, 'notes.txt'), 'x')
  await chmod(target, 0o750)
  await harness.owe(small(1).file, ['outbox'])
  await harness.start()
  await harness.until(1)
  expect((await readdir(target)).sort()).toEqual(['2.25.314159', 'notes.txt'])
  expect((await stat(path.join(target, '2.25.314159'))).mode & 0o007).toBe(0)
})
