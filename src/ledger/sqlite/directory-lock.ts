import Database from 'better-sqlite3'
import { type FailureCode, hasErrno, KurirError } from '../../base/failure.ts'

/** A held data directory. */
export interface DirectoryLock extends Disposable {
  release(): void
}

/**
 * Makes sure that one process alone serves from a data directory. Node has no flock, so the lock is SQLite's own on a file
 * beside the ledger: an open exclusive transaction, which the system ends with the process, however it dies.
 *
 * @throws KurirError `data-directory-locked` when another process holds it, `disk-io` or `disk-full` when it cannot be had
 */
export function lockDirectory(directory: string): DirectoryLock {
  const file = `${directory}/lock`
  const db = openLockFile(file)
  try {
    db.pragma('journal_mode = DELETE')
    db.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    throw hasErrno(cause, 'SQLITE_BUSY', 'SQLITE_LOCKED') ? inUse(directory, cause) : notToBeHad(file, cause)
  }
  const release = (): void => {
    db.close()
  }
  return { release, [Symbol.dispose]: release }
}

function openLockFile(file: string): Database.Database {
  try {
    return new Database(file, { timeout: 0 })
  } catch (cause) {
    throw notToBeHad(file, cause)
  }
}

const inUse = (directory: string, cause: unknown): KurirError =>
  new KurirError('data-directory-locked', 'permanent', `another Kurir is serving from ${directory}`, { cause })

/** Nobody else holds it: we may not write there, its disk is full or fails, or something else stands under its name. */
function notToBeHad(file: string, cause: unknown): KurirError {
  const refuse = (code: FailureCode, sentence: string) => new KurirError(code, 'permanent', sentence, { cause })
  if (hasErrno(cause, 'SQLITE_FULL')) return refuse('disk-full', `there is no room to lock ${file}`)
  if (hasErrno(cause, 'SQLITE_NOTADB')) return refuse('disk-io', `${file} is no lock of Kurir; take it away`)
  return refuse('disk-io', `${file} cannot be written by the user that Kurir runs as, or its disk fails`)
}
