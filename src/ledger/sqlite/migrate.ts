import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { KurirError } from '../../base/failure.ts'
import type { Connection } from './connection.ts'
import { asLedgerFailure } from './sqlite-failure.ts'

/** drizzle-kit's folder of forward-only SQL. */
export const MIGRATIONS = fileURLToPath(new URL('../../../migrations', import.meta.url))

/**
 * Brings the database to this code's schema. An existing one is first copied beside itself (`<file>.before-<n>`, where n is
 * how many migrations it had).
 *
 * @returns how many migrations were applied
 * @throws KurirError `ledger-newer` when the database knows a migration that this code does not
 */
export function migrateLedger(db: Connection, file: string, folder: string = MIGRATIONS): number {
  try {
    const known = knownMigrations(folder)
    const applied = appliedMigrations(db)
    const newest = applied.at(-1) ?? 0
    if (applied.length > known.length || newest > (known.at(-1) ?? 0)) {
      throw new KurirError('ledger-newer', 'permanent', 'the ledger was written by a newer Kurir than this one')
    }
    if (applied.length === known.length) return 0
    if (applied.length > 0) backUp(db, `${file}.before-${applied.length}`)
    applyMigrations(db, folder)
    return known.length - applied.length
  } catch (error) {
    throw asLedgerFailure(error)
  }
}

/**
 * Loaded only when there is something to do: most starts have nothing to migrate. Required, not imported: its many small
 * files take 0.1 s that way and 0.5 s the other.
 */
function applyMigrations(db: Connection, folder: string): void {
  const require = createRequire(import.meta.url)
  const { drizzle }: typeof import('drizzle-orm/better-sqlite3') = require('drizzle-orm/better-sqlite3')
  const {
    migrate,
  }: typeof import('drizzle-orm/better-sqlite3/migrator') = require('drizzle-orm/better-sqlite3/migrator')
  migrate(drizzle(db), { migrationsFolder: folder })
}

function backUp(db: Connection, copy: string): void {
  // One that stands is of a migration that failed: the database is still what it was then.
  if (existsSync(copy)) rmSync(copy)
  db.prepare('VACUUM INTO ?').run(copy)
}

/** When each of our migrations was generated, ascending. */
function knownMigrations(folder: string): readonly number[] {
  const journal: { entries: { when: number }[] } = JSON.parse(readFileSync(`${folder}/meta/_journal.json`, 'utf8'))
  return journal.entries.map((entry) => entry.when)
}

function appliedMigrations(db: Connection): readonly number[] {
  const table = db.prepare(`SELECT 1 FROM sqlite_schema WHERE name = '__drizzle_migrations'`).get()
  if (table === undefined) return []
  const rows = db.prepare<[], { at: number }>('SELECT created_at AS at FROM __drizzle_migrations ORDER BY 1').all()
  return rows.map((row) => Number(row.at))
}
