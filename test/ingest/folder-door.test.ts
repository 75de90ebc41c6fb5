import { execFile } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { link, lstat, mkdir, open, readdir, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ms, systemClock } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { silentLog } from '../../src/base/log.ts'
import { FolderDoor } from '../../src/ingest/folder-door.ts'
import type { Taken } from '../../src/spool/admission.ts'
import type { Arrival } from '../../src/spool/arrival.ts'
import type { Spool } from '../../src/spool/spool.ts'
import { ctInstance, madeElement, part10 } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { temporaryDir } from '../support/processes.ts'
import { collect, newId, openShelf, type Shelf } from '../support/spool-on-disk.ts'
import { mountTmpfs } from '../support/tmpfs.ts'

const run = promisify(execFile)
const longAgo = new Date('2020-01-01T00:00:00Z')
const ct = (instanceNumber: number) => ctInstance({ instanceNumber, sizeBytes: 2048 })

let stack: AsyncDisposableStack
let home: string
let drop: string
let shelf: Shelf
const heard = new EventEmitter()
let admitted = 0
let refused: string[] = []

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  home = stack.use(await temporaryDir('drop')).path
  drop = join(home, 'drop')
  await mkdir(join(home, 'data'))
  shelf = stack.use(await openShelf(join(home, 'data')))
  admitted = 0
  refused = []
})
afterEach(() => stack.disposeAsync())

const meter = {
  instanceAdmitted: () => {
    admitted += 1
    heard.emit('change')
  },
  instanceRefused: (_door: string, reason: string) => {
    refused.push(reason)
    heard.emit('change')
  },
}

async function until(fits: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await fits())) await once(heard, 'change')
}

async function openDoor(more: { readonly spool?: Pick<Spool, 'begin'>; readonly settle?: number } = {}) {
  const log = { ...silentLog, warn: () => heard.emit('change') }
  const spool = more.spool ?? shelf.spool
  const door = new FolderDoor({
    spool,
    clock: systemClock,
    log,
    meter,
    folders: [drop],
    settle: ms(more.settle ?? 300),
    look: ms(250),
  })
  stack.use(door)
  await door.start(new AbortController().signal)
  return door
}

/** Puts a file there as a program does that writes elsewhere and renames. */
async function dropWhole(steps: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(home, newId())
  await writeFile(temporary, bytes)
  await utimes(temporary, longAgo, longAgo)
  await mkdir(join(drop, steps, '..'), { recursive: true })
  await rename(temporary, join(drop, steps))
}

const received = async () => (await shelf.ledger.views.instances({}, { first: 200 })).rows.map(({ row }) => row)

async function digests(): Promise<readonly string[]> {
  const rows = await received()
  const found = await Promise.all(rows.map(async ({ blob }) => sha256(await collect(shelf.store.read(blob)))))
  return found.sort()
}

/** Every path below the drop folder that is no folder, relative. */
async function listed(): Promise<readonly string[]> {
  const entries = await readdir(drop, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(drop.length + 1))
    .sort()
}

const movedAway = async (names: readonly string[]): Promise<void> => {
  // The move follows the count that is waited for; the name there is taken by an empty file first.
  for (;;) {
    const there = await listed()
    const isMoved = (name: string): boolean =>
      there.includes(name) && !there.includes(name.slice(name.indexOf('/') + 1))
    if (names.every(isMoved)) return
    await systemClock.sleep(ms(10))
  }
}

describe('a drop folder', () => {
  test('a tree of files is taken as it came, folder by folder, and stands under done afterwards', async () => {
    const files = [ct(1), ct(2), ct(3)]
    await dropWhole('ct 1.dcm', files[0]?.file ?? Buffer.of())
    await dropWhole('PATIENT/STUDY/IM000001', files[1]?.file ?? Buffer.of())
    await dropWhole('x.dcm/IM000002', files[2]?.file ?? Buffer.of())
    await openDoor()
    await until(() => admitted === 3)
    await movedAway(['done/ct 1.dcm', 'done/PATIENT/STUDY/IM000001', 'done/x.dcm/IM000002'])
    expect(await digests()).toEqual(files.map(({ dataSet }) => sha256(dataSet)).sort())
    expect((await received()).map(({ reception }) => [reception.door, reception.callingAe])).toEqual(
      Array(3).fill(['FOLDER', null]),
    )
    expect(await listed()).toHaveLength(3)
  })

  test('what is renamed into it while it is watched is taken without waiting for it to settle', async () => {
    await openDoor({ settle: 3_600_000 })
    await dropWhole('late.dcm', ct(1).file)
    await until(() => admitted === 1)
    expect(await digests()).toEqual([sha256(ct(1).dataSet)])
  })

  test('a file that is still being written waits, and is taken whole', async () => {
    await openDoor({ settle: 400 })
    const { file, dataSet } = ct(1)
    await mkdir(drop, { recursive: true })
    const handle = await open(join(drop, 'slow.dcm'), 'w')
    for (let at = 0; at < file.length; at += 400) {
      await handle.write(file.subarray(at, at + 400))
      await systemClock.sleep(ms(60))
    }
    expect(admitted).toBe(0)
    await handle.close()
    await until(() => admitted === 1)
    expect(await digests()).toEqual([sha256(dataSet)])
    expect(refused).toEqual([])
  })

  test('a file with an old date that another process still has open for writing is left alone until it is closed', async () => {
    await dropWhole('open.dcm', ct(1).file)
    await utimes(join(drop, 'open.dcm'), longAgo, longAgo)
    const writer = execFile('/bin/sh', ['-c', 'exec 3>>"$0"; echo open; read line', join(drop, 'open.dcm')])
    await once(writer.stdout ?? new EventEmitter(), 'data')
    await openDoor({ settle: 50 })
    await dropWhole('other.dcm', ct(2).file)
    await until(() => admitted === 1)
    await systemClock.sleep(ms(600))
    expect(await digests()).toEqual([sha256(ct(2).dataSet)])
    writer.stdin?.end('\n')
    await until(() => admitted === 2)
  })

  test('what is no instance goes to refused, the reason beside it, and a DICOMDIR goes to done', async () => {
    const directory = part10({
      ...ct(1),
      sopClassUid: '1.2.840.10008.1.3.10',
      dataSet: madeElement('00041130', 'CS', 'DISK'),
    })
    const nameless = part10({ ...ct(1), dataSet: madeElement('00080060', 'CS', 'CT') }).subarray(0)
    await dropWhole('DICOMDIR', directory)
    await dropWhole('IMAGES/IM1', ct(1).file)
    await dropWhole('autorun.inf', Buffer.from('[autorun]\nopen=viewer.exe\n'.repeat(20)))
    await dropWhole('empty.dcm', Buffer.alloc(0))
    // A data set alone, that does not say what it is.
    await dropWhole('nameless', nameless.subarray(nameless.length - 10))
    await openDoor({ settle: 100 })
    await until(() => admitted === 1 && refused.length === 3)
    await movedAway([
      'done/DICOMDIR',
      'done/IMAGES/IM1',
      'refused/autorun.inf',
      'refused/empty.dcm',
      'refused/nameless',
    ])
    expect(await readFile(join(drop, 'refused/autorun.inf.reason.txt'), 'utf8')).toMatch(
      /^not-dicom\n[\s\S]*bukan DICOM/,
    )
    expect(await readFile(join(drop, 'refused/empty.dcm.reason.txt'), 'utf8')).toMatch(/^empty\n/)
    expect(await readFile(join(drop, 'refused/nameless.reason.txt'), 'utf8')).toMatch(/^no-sop-instance-uid\n/)
    expect(await listed()).toHaveLength(8)
  })

  test('a data set without file meta that says what it is, is taken', async () => {
    const { dataSet } = ct(1)
    await dropWhole('bare', dataSet)
    await openDoor()
    await until(() => admitted === 1)
    const [row] = await received()
    expect(row?.identity.sopInstanceUid).toBe(ct(1).sopInstanceUid)
    expect(await digests()).toEqual([sha256(dataSet)])
  })

  test('an executable in the preamble is not kept', async () => {
    const file = Buffer.from(ct(1).file)
    file.write('MZ', 0, 'latin1')
    await dropWhole('pe.dcm', file)
    await openDoor()
    await until(() => admitted === 1)
    expect(await digests()).toEqual([sha256(dataSetOf(ct(1).file))])
  })

  test('links, pipes and names that mean something are not followed, and nothing outside the folder changes', async () => {
    const outside = join(home, 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'secret.dcm'), ct(7).file)
    await utimes(join(outside, 'secret.dcm'), longAgo, longAgo)
    await mkdir(drop)
    await symlink(join(outside, 'secret.dcm'), join(drop, 'link.dcm'))
    await symlink(outside, join(drop, 'folder'))
    await symlink('/dev/zero', join(drop, 'zero'))
    await run('mkfifo', [join(drop, 'pipe')])
    await dropWhole('a;touch pwned;$(id)\n"\'.dcm', ct(1).file)
    await dropWhole('up..%2f..%2fevil', ct(2).file)
    await dropWhole(`${'n'.repeat(251)}.dcm`, ct(3).file)
    await dropWhole(`${'m'.repeat(255)}`, Buffer.from('no picture'.repeat(40)))
    const undecodable = Buffer.concat([Buffer.from(`${drop}/`), Buffer.of(0xff, 0xfe, 0x80)])
    const plain = join(home, 'plain')
    await writeFile(plain, ct(4).file)
    await utimes(plain, longAgo, longAgo)
    await rename(plain, undecodable)
    await openDoor()
    await until(() => admitted === 4 && refused.length === 1)
    await movedAway([`refused/${'m'.repeat(255)}`])
    expect(await readdir(outside)).toEqual(['secret.dcm'])
    expect((await lstat(join(drop, 'link.dcm'))).isSymbolicLink()).toBe(true)
    expect((await lstat(join(drop, 'pipe'))).isFIFO()).toBe(true)
    expect((await readdir(home)).sort()).toEqual(['data', 'drop', 'outside'])
    expect(await received()).toHaveLength(4)
  })

  test('a link that stands where done should is not written through', async () => {
    const outside = join(home, 'outside')
    await mkdir(outside)
    await mkdir(drop)
    await symlink(outside, join(drop, 'done'))
    await dropWhole('a.dcm', ct(1).file)
    const door = await openDoor()
    await until(() => door.problems.length > 0)
    expect(door.problems[0]).toContain('"done" in the drop folder is something else than a folder')
    expect(await readdir(outside)).toEqual([])
    expect(await received()).toHaveLength(0)
  })

  test('what a kill left of a name in done, before the file was there, is not left beside it', async () => {
    await mkdir(join(drop, 'done/study'), { recursive: true })
    for (const left of ['done/a.dcm', 'done/study/b.dcm']) await writeFile(join(drop, left), '')
    await dropWhole('a.dcm', ct(1).file)
    await dropWhole('study/b.dcm', ct(2).file)
    await openDoor()
    await until(() => admitted === 2)
    while ((await listed()).some((name) => !name.startsWith('done/'))) await systemClock.sleep(ms(10))
    expect(await listed()).toEqual(['done/a.dcm', 'done/study/b.dcm'])
    expect((await readFile(join(drop, 'done/a.dcm'))).equals(ct(1).file)).toBe(true)
  })

  test('a name that is taken in done is not replaced', async () => {
    await mkdir(join(drop, 'done'), { recursive: true })
    await writeFile(join(drop, 'done/a.dcm'), 'the first')
    await writeFile(join(drop, 'done/study'), 'a file')
    await dropWhole('a.dcm', ct(1).file)
    await dropWhole('study/b.dcm', ct(2).file)
    await openDoor()
    await until(() => admitted === 2)
    await movedAway(['done/a-2.dcm', 'done/study-2/b.dcm'])
    expect(await readFile(join(drop, 'done/a.dcm'), 'utf8')).toBe('the first')
  })

  test('names under which programs write before they rename are left alone', async () => {
    for (const name of ['.hidden.dcm', 'a.dcm.part', 'b.tmp', 'c.filepart', 'd.dcm~']) await dropWhole(name, ct(1).file)
    await dropWhole('e.dcm', ct(2).file)
    await openDoor()
    await until(() => admitted === 1)
    await movedAway(['done/e.dcm'])
    expect(await listed()).toEqual(['.hidden.dcm', 'a.dcm.part', 'b.tmp', 'c.filepart', 'd.dcm~', 'done/e.dcm'])
  })

  test('a full disk makes files wait where they are, and they are taken once there is room', async () => {
    let full = true
    const begin = (arrival: Arrival) => {
      if (full) throw new KurirError('disk-full', 'transient', 'less free disk than KURIR_SPOOL_FREE_MIN')
      return shelf.spool.begin(arrival)
    }
    await dropWhole('a.dcm', ct(1).file)
    const door = await openDoor({ spool: { begin: async (arrival) => begin(arrival) } })
    await until(() => door.problems.length > 0)
    expect(door.problems).toEqual([
      `The drop folder ${drop} is not being emptied: less free disk than KURIR_SPOOL_FREE_MIN.`,
    ])
    expect(await listed()).toEqual(['a.dcm'])
    full = false
    await until(() => admitted === 1)
    await movedAway(['done/a.dcm'])
    // It is told when the look has ended, which nobody hears of.
    while (door.problems.length > 0) await systemClock.sleep(ms(10))
  })

  test('a stop between admission and move takes the same bytes again, and the ledger knows them', async () => {
    await dropWhole('a.dcm', ct(1).file)
    await link(join(drop, 'a.dcm'), join(home, 'kept'))
    const first = await openDoor()
    await until(() => admitted === 1)
    await movedAway(['done/a.dcm'])
    await first[Symbol.asyncDispose]()
    const earlier: Taken['earlier'][] = []
    const spool = {
      begin: async (arrival: Arrival) => {
        const sink = await shelf.spool.begin(arrival)
        return { ...bound(sink), end: async () => remember(await sink.end()) }
      },
    }
    const remember = (taken: Taken): Taken => {
      earlier.push(taken.earlier)
      return taken
    }
    await rename(join(home, 'kept'), join(drop, 'a.dcm'))
    await openDoor({ spool })
    await until(() => admitted === 2)
    expect(earlier).toEqual([{ id: expect.any(String), bytes: 'same' }])
    await movedAway(['done/a-2.dcm'])
  })

  test('a file that changes while it is read is not kept as it was', async () => {
    const { file, dataSet } = ct(1)
    await dropWhole('a.dcm', file)
    let touched = false
    const spool = {
      begin: async (arrival: Arrival) => {
        if (!touched) await utimes(join(drop, 'a.dcm'), longAgo, new Date('2021-01-01T00:00:00Z'))
        touched = true
        return shelf.spool.begin(arrival)
      },
    }
    await openDoor({ spool })
    await until(() => admitted === 1)
    expect(await digests()).toEqual([sha256(dataSet)])
    expect(await received()).toHaveLength(1)
  })

  test.each([
    ['replaced', (fresh: string) => rename(fresh, join(drop, 'sub/a.dcm'))],
    ['written anew', async (fresh: string) => writeFile(join(drop, 'sub/a.dcm'), await readFile(fresh))],
  ])(
    'a file that is %s while the one before is made durable is taken as well, and none is lost',
    async (_how, replace) => {
      await dropWhole('sub/a.dcm', ct(1).file)
      await writeFile(join(home, 'fresh'), ct(2).file)
      let ended = 0
      const spool = {
        begin: async (arrival: Arrival) => {
          const sink = await shelf.spool.begin(arrival)
          return {
            ...bound(sink),
            end: async () => {
              ended += 1
              if (ended === 1) await replace(join(home, 'fresh'))
              return sink.end()
            },
          }
        },
      }
      await openDoor({ spool })
      await until(() => admitted === 2)
      await movedAway(['done/sub/a.dcm'])
      expect(await digests()).toEqual([sha256(ct(1).dataSet), sha256(ct(2).dataSet)].sort())
      expect(await listed()).toEqual(['done/sub/a.dcm'])
    },
  )

  const volume = mountTmpfs(1_048_576)
  const onVolume = volume === undefined ? test.skip : test
  afterAll(async () => volume?.[Symbol.asyncDispose]())
  onVolume('a file that cannot be moved is taken once, and health says so until somebody takes it away', async () => {
    // A stick that was mounted below the drop folder: a name does not go from one volume to another.
    await mkdir(join(drop, 'stick'), { recursive: true })
    await run('mount', ['--bind', volume?.path ?? '', join(drop, 'stick')])
    stack.defer(async () => void (await run('umount', ['-l', join(drop, 'stick')])))
    await writeFile(join(drop, 'stick/a.dcm'), ct(1).file)
    const door = await openDoor()
    await until(() => admitted === 1)
    await until(() => door.problems.length > 0)
    await systemClock.sleep(ms(800))
    expect(door.problems[0]).toContain('files that were taken cannot be moved away')
    expect(await received()).toHaveLength(1)
    await rm(join(drop, 'stick/a.dcm'))
    // The door tells nobody of a look at which nothing happened.
    while (door.problems.length > 0) await systemClock.sleep(ms(10))
  })
})

const bound = (sink: Awaited<ReturnType<Spool['begin']>>) => ({
  write: (slice: Uint8Array) => sink.write(slice),
  abort: () => sink.abort(),
})
