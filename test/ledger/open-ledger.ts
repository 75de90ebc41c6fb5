import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { connectWriter } from '../../src/ledger/sqlite/connection.ts'
import { migrateLedger } from '../../src/ledger/sqlite/migrate.ts'
import { openSqliteLedger, type SqliteLedgerOptions } from '../../src/ledger/sqlite/open.ts'
import { TestClock } from '../support/test-clock.ts'

/** A ledger of its own in a directory of its own, which goes with it. */
export interface OpenedLedger extends AsyncDisposable {
  readonly ledger: Ledger
  readonly clock: TestClock
  readonly file: string
  /** Closes it and opens it again, as a restart does. */
  reopen(): Promise<Ledger>
}

/** A directory that disappears when disposed. */
export function scratchDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'kurir-ledger-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** An empty database is made once and copied: migrating takes longer than most tests. */
let empty: Buffer | undefined
export function emptyDatabase(file: string): void {
  empty ??= migrated()
  writeFileSync(file, empty)
}
function migrated(): Buffer {
  using directory = scratchDirectory()
  const file = join(directory.path, 'kurir.db')
  const db = connectWriter(file)
  migrateLedger(db, file)
  db.close()
  return readFileSync(file)
}

/** Opens SQLite with its two threads. */
export async function openLedger(options: Partial<SqliteLedgerOptions> = {}): Promise<OpenedLedger> {
  const directory = scratchDirectory()
  const clock = new TestClock()
  const file = join(directory.path, 'kurir.db')
  emptyDatabase(file)
  const all = { file, node: 'n1', clock, ...options }
  let ledger = await openSqliteLedger(all)
  return {
    clock,
    file,
    get ledger() {
      return ledger
    },
    async reopen() {
      await ledger[Symbol.asyncDispose]()
      ledger = await openSqliteLedger(all)
      return ledger
    },
    async [Symbol.asyncDispose]() {
      await ledger[Symbol.asyncDispose]()
      directory[Symbol.dispose]()
    },
  }
}
