import Database from 'better-sqlite3'
import { KurirError } from '../../base/failure.ts'

/** A held data directory. */
export interface DirectoryLock extends Disposable {
  release(): void
}

/**
 * Makes sure that one process alone serves from a data directory. Node has no flock, so the lock is SQLite's own on a file
 * beside the ledger: an open exclusive transaction, which the system ends with the process, however it dies.
 *
 * @throws KurirError `data-directory-locked` when another process holds it
 */
export function lockDirectory(directory: string): DirectoryLock {
  const db = new Database(`${directory}/lock`, { timeout: 0 })
  try {
    db.pragma('journal_mode = DELETE')
    db.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    const sentence = 'another Kurir is serving from this data directory'
    throw new KurirError('data-directory-locked', 'permanent', sentence, { cause })
  }
  const release = (): void => {
    db.close()
  }
  return { release, [Symbol.dispose]: release }
}
