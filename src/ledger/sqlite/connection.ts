import Database from 'better-sqlite3'
import { KurirError } from '../../base/failure.ts'
import { asLedgerFailure } from './sqlite-failure.ts'

export type Connection = Database.Database

/** Below this SQLite can corrupt a WAL database that two connections write and checkpoint at once. */
const OLDEST_SQLITE = [3, 51, 3] as const

/** How long SQLite waits for another process's lock before it gives up. Senders wait with it; they do not fail. */
const BUSY_MS = 30_000

/**
 * Opens the database for the one writer, creating it when the file does not exist.
 *
 * @throws KurirError `sqlite-too-old`; `disk-io` when the file is no database or cannot be opened
 */
export function connectWriter(file: string): Connection {
  return connect(file, {}, (db) => {
    refuseOldSqlite(String(db.prepare('SELECT sqlite_version()').pluck().get()))
    // Takes effect only before the first table exists and before the journal mode writes the header.
    if (db.pragma('page_count', { simple: true }) === 0) db.pragma('auto_vacuum = INCREMENTAL')
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('foreign_keys = ON')
    db.pragma('wal_autocheckpoint = 0')
    db.pragma('cache_size = -32768')
    db.pragma('temp_store = MEMORY')
  })
}

/** Opens an existing database for checkpoints alone, which flush the database before the log is written from its beginning. */
export function connectCheckpointer(file: string): Connection {
  return connect(file, { fileMustExist: true }, (db) => {
    db.pragma('synchronous = FULL')
    db.pragma('wal_autocheckpoint = 0')
    db.pragma('cache_size = -2048')
  })
}

/** Opens an existing database to read; never waits for the writer. */
export function connectReader(file: string): Connection {
  return connect(file, { fileMustExist: true }, (db) => {
    db.pragma('query_only = ON')
    db.pragma('cache_size = -16384')
    db.pragma('temp_store = MEMORY')
  })
}

/** Up to this size a database is looked through at every start: well under a second. Larger ones are for `doctor`. */
const LOOKED_THROUGH_BYTES = 256 * 1024 * 1024

/**
 * Looks for damage in a database that is small enough to be read whole.
 *
 * @throws KurirError `disk-io`, permanent, when a page contradicts the others
 */
export function refuseDamaged(db: Connection): void {
  const bytes = Number(db.pragma('page_count', { simple: true })) * Number(db.pragma('page_size', { simple: true }))
  if (bytes > LOOKED_THROUGH_BYTES) return
  if (db.pragma('quick_check(1)', { simple: true }) === 'ok') return
  throw asLedgerFailure({ code: 'SQLITE_CORRUPT' })
}

/** @throws KurirError `sqlite-too-old` */
export function refuseOldSqlite(version: string): void {
  const parts = version.split('.').map(Number)
  for (const [i, oldest] of OLDEST_SQLITE.entries()) {
    const part = parts[i] ?? 0
    if (part > oldest) return
    if (part < oldest) throw new KurirError('sqlite-too-old', 'permanent', `SQLite ${version} is older than 3.51.3`)
  }
}

function connect(file: string, options: Database.Options, configure: (db: Connection) => void): Connection {
  let db: Connection | undefined
  try {
    db = new Database(file, { ...options, timeout: BUSY_MS })
    const prepare = db.prepare.bind(db)
    db.prepare = (sql: string) => prepare(lasting(sql))
    configure(db)
    return db
  } catch (error) {
    db?.close()
    throw asLedgerFailure(error)
  }
}

/**
 * The same query, with a plus before each parameter that a column is compared with. Without it SQLite (seen in 3.54.1) keeps
 * in mind that another value may be worth another plan, and prepares the statement anew after every run, since the driver
 * clears what was bound: 5 to 20 µs of each query that may find more than one row.
 */
const lasting = (sql: string): string =>
  /^\s*(EXPLAIN QUERY PLAN )?SELECT\b/.test(sql) ? sql.replace(/(=|\bIS) \?/g, '$1 +?') : sql
