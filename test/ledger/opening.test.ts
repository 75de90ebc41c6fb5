import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { instant, ms } from '../../src/base/clock.ts'
import { connectWriter, refuseOldSqlite } from '../../src/ledger/sqlite/connection.ts'
import { lockDirectory } from '../../src/ledger/sqlite/directory-lock.ts'
import { MIGRATIONS, migrateLedger } from '../../src/ledger/sqlite/migrate.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { TestClock } from '../support/test-clock.ts'
import { openLedger, scratchDirectory } from './open-ledger.ts'
import { admission, forward, START } from './sample.ts'

const failure = (code: string) => expect.objectContaining({ code })

describe('a new ledger', () => {
  test('is made with all its tables, gives pages back, and is not backed up', async () => {
    using directory = scratchDirectory()
    const file = join(directory.path, 'kurir.db')
    {
      await using ledger = await openSqliteLedger({ file, node: 'n1', clock: new TestClock() })
      await ledger.admit([admission()])
    }
    const db = connectWriter(file)
    expect(db.pragma('auto_vacuum', { simple: true })).toBe(2)
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
    db.close()
    expect(readdirSync(directory.path)).toEqual(['kurir.db'])
  })

  test('in a directory that is not there is refused', async () => {
    const options = { file: '/nowhere/at/all/kurir.db', node: 'n1', clock: new TestClock() }
    await expect(openSqliteLedger(options)).rejects.toEqual(expect.objectContaining({ name: 'KurirError' }))
  })
})

describe('migrations', () => {
  function withOneMore(path: string): string {
    const folder = join(path, 'migrations')
    cpSync(MIGRATIONS, folder, { recursive: true })
    const journal = JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8'))
    const when = journal.entries.at(-1).when + 1_000
    journal.entries.push({ idx: journal.entries.length, version: '6', when, tag: '9999_more', breakpoints: true })
    writeFileSync(join(folder, 'meta/_journal.json'), JSON.stringify(journal))
    writeFileSync(join(folder, '9999_more.sql'), 'CREATE TABLE more (n INTEGER);')
    return folder
  }

  test('go forward over what is there, with a copy from before', async () => {
    await using opened = await openLedger()
    const { ledger, file } = opened
    await ledger.admit([admission()])
    await ledger[Symbol.asyncDispose]()
    using directory = scratchDirectory()
    const db = connectWriter(file)
    expect(migrateLedger(db, file)).toBe(0)
    expect(migrateLedger(db, file, withOneMore(directory.path))).toBe(1)
    expect(db.prepare('SELECT count(*) FROM instance').pluck().get()).toBe(1)
    db.close()
    const before = JSON.parse(readFileSync(join(MIGRATIONS, 'meta/_journal.json'), 'utf8')).entries.length
    const copy = connectWriter(`${file}.before-${before}`)
    expect(copy.prepare('SELECT count(*) FROM instance').pluck().get()).toBe(1)
    copy.close()
  })

  test('a ledger written by a newer Kurir is refused as it is', async () => {
    await using opened = await openLedger()
    const { ledger, file, clock } = opened
    await ledger[Symbol.asyncDispose]()
    using directory = scratchDirectory()
    const db = connectWriter(file)
    migrateLedger(db, file, withOneMore(directory.path))
    db.close()
    await expect(openSqliteLedger({ file, node: 'n1', clock })).rejects.toEqual(failure('ledger-newer'))
  })

  test('a migration that fails leaves the ledger as it was', async () => {
    await using opened = await openLedger()
    const { ledger, file } = opened
    await ledger[Symbol.asyncDispose]()
    using directory = scratchDirectory()
    const folder = withOneMore(directory.path)
    writeFileSync(join(folder, '9999_more.sql'), 'CREATE TABLE more (n INTEGER);\n--> statement-breakpoint\nNONSENSE;')
    const db = connectWriter(file)
    expect(() => migrateLedger(db, file, folder)).toThrow(failure('internal'))
    expect(db.prepare(`SELECT count(*) FROM sqlite_schema WHERE name = 'more'`).pluck().get()).toBe(0)
    expect(migrateLedger(db, file)).toBe(0)
    db.close()
  })
})

test('a ledger that is made where there is no room for it says so', () => {
  using directory = scratchDirectory()
  const file = join(directory.path, 'kurir.db')
  const db = connectWriter(file)
  db.pragma('max_page_count = 8')
  expect(() => migrateLedger(db, file)).toThrow(failure('disk-full'))
  expect(() => migrateLedger(db, file)).toThrow('the ledger has no room on its disk (SQLITE_FULL)')
  db.close()
})

describe('what is refused with a sentence', () => {
  test.each(['3.40.1', '3.51.2', '2.9.9'])('SQLite %s', (version) => {
    expect(() => refuseOldSqlite(version)).toThrow(failure('sqlite-too-old'))
  })
  test.each(['3.51.3', '3.54.1', '4.0.0'])('not SQLite %s', (version) => {
    expect(() => refuseOldSqlite(version)).not.toThrow()
  })

  test('a file that is no database', async () => {
    using directory = scratchDirectory()
    const file = join(directory.path, 'kurir.db')
    writeFileSync(
      file,
      'this is not a database, but a rather long text that somebody put here instead of one. '.repeat(20),
    )
    const refusal = openSqliteLedger({ file, node: 'n1', clock: new TestClock() })
    await expect(refusal).rejects.toThrow(/restore a backup, or rebuild it from the spool/)
  })

  test('a database with noise in the middle', async () => {
    await using opened = await openLedger()
    const { ledger, file, clock } = opened
    await ledger.admit(Array.from({ length: 200 }, () => admission()))
    await ledger[Symbol.asyncDispose]()
    const middle = statSync(file).size / 2
    const handle = openSync(file, 'r+')
    writeSync(handle, Buffer.alloc(8_192, 0x5a), 0, 8_192, middle - (middle % 4_096))
    const refusal = openSqliteLedger({ file, node: 'n1', clock })
    await expect(refusal).rejects.toThrow(/restore a backup, or rebuild it from the spool/)
  })
})

describe('one process', () => {
  const holder = new URL('./lock-holder.ts', import.meta.url)

  test('holds the data directory, and its death lets go', async () => {
    using directory = scratchDirectory()
    const child = fork(holder, [directory.path], { execArgv: [] })
    await once(child, 'message')
    expect(() => lockDirectory(directory.path)).toThrow(failure('data-directory-locked'))
    expect(() => lockDirectory(directory.path)).toThrow(directory.path)
    child.kill('SIGKILL')
    await once(child, 'exit')
    using lock = lockDirectory(directory.path)
    expect(lock).toBeDefined()
    expect(existsSync(join(directory.path, 'lock'))).toBe(true)
  })

  test('is not blamed for a lock that cannot be had: by a sentence that names it', () => {
    using unwritable = scratchDirectory()
    mkdirSync(join(unwritable.path, 'lock'))
    const cannot = `${unwritable.path}/lock cannot be written by the user that Kurir runs as`
    expect(() => lockDirectory(unwritable.path)).toThrow(failure('disk-io'))
    expect(() => lockDirectory(unwritable.path)).toThrow(cannot)
    using taken = scratchDirectory()
    writeFileSync(join(taken.path, 'lock'), 'somebody keeps notes under this name '.repeat(40))
    expect(() => lockDirectory(taken.path)).toThrow(`${taken.path}/lock is no lock of Kurir; take it away`)
  })

  test('lets go when told', () => {
    using directory = scratchDirectory()
    lockDirectory(directory.path).release()
    lockDirectory(directory.path).release()
  })

  test('another process that holds the database for a while delays a sender and fails none', async () => {
    await using opened = await openLedger()
    const other = connectWriter(opened.file)
    other.exec('BEGIN IMMEDIATE')
    const admitting = opened.ledger.admit([admission()])
    // Reads go on meanwhile.
    expect(await opened.ledger.views.obligationCounts()).toMatchObject({ undecided: 0 })
    other.exec('COMMIT')
    other.close()
    await expect(admitting).resolves.toHaveLength(1)
  })
})

describe('the clock', () => {
  test('set back while nobody ran, what waits does not wait longer for it', async () => {
    await using opened = await openLedger()
    const { clock, ledger } = opened
    const one = admission()
    await ledger.admit([one])
    await ledger.plan([{ instance: one.id, expectedVersion: 1, rulesetDigest: 'r', obligations: [forward('pacs')] }])
    const [claim] = await ledger.claim('pacs', 1, 'me', ms(60_000))
    if (claim === undefined) throw new Error('nothing to claim')
    const attempt = { startedAt: START, took: ms(1), outcome: 'TRANSIENT', status: null, reason: null } as const
    const waiting = {
      state: 'READY',
      nextAttemptAt: instant(ledger.now() + 60_000),
      reason: null,
      sentSha256: null,
    } as const
    await ledger.settle([{ delivery: claim.id, token: claim.token, attempt, ...waiting }])
    clock.jump(-86_400_000)
    const again = await opened.reopen()
    const due = await again.nextDueAt('pacs')
    expect(due).toBe(START - 86_400_000 + 60_000)
  })
})
