import { type FailureCode, KurirError, type RetryClass } from '../../base/failure.ts'
import type { Failure } from './protocol.ts'

/** SQLite's result codes by their beginning, and what they mean to us. Messages never repeat SQLite's own: it may quote values. */
const MEANINGS: readonly (readonly [prefix: string, code: FailureCode, retry: RetryClass, sentence: string])[] = [
  ['SQLITE_FULL', 'disk-full', 'transient', 'the ledger has no room on its disk'],
  ['SQLITE_IOERR', 'disk-io', 'transient', 'the disk failed under the ledger'],
  ['SQLITE_BUSY', 'timeout', 'transient', 'another process holds the ledger'],
  ['SQLITE_LOCKED', 'timeout', 'transient', 'another process holds the ledger'],
  [
    'SQLITE_CORRUPT',
    'disk-io',
    'permanent',
    'the ledger file is damaged: restore a backup, or rebuild it from the spool',
  ],
  [
    'SQLITE_NOTADB',
    'disk-io',
    'permanent',
    'the ledger file is no database: restore a backup, or rebuild it from the spool',
  ],
  ['SQLITE_CANTOPEN', 'disk-io', 'permanent', 'the ledger file cannot be opened'],
  ['SQLITE_READONLY', 'disk-io', 'permanent', 'the ledger file cannot be written'],
]

/** Puts whatever a verb threw into our words: a KurirError as it is, SQLite's errors by their code, the rest `internal`. */
export function asLedgerFailure(error: unknown): KurirError {
  if (error instanceof KurirError) return error
  const code = codeOf(error)
  for (const [prefix, failure, retry, sentence] of MEANINGS) {
    if (code.startsWith(prefix)) return new KurirError(failure, retry, `${sentence} (${code})`, { cause: error })
  }
  return new KurirError('internal', 'permanent', `the ledger refused a verb (${code || 'unexpected'})`, {
    cause: error,
  })
}

/** The same, as it travels between threads. */
export function failureFrom(error: unknown): Failure {
  const { code, retry, message } = asLedgerFailure(error)
  return { code, retry, message }
}

/** Whether a flush or a write failed, after which what was not yet flushed cannot be trusted to be. */
export const isDiskFailure = (error: unknown): boolean => codeOf(error).startsWith('SQLITE_IOERR')

/** Drizzle puts what SQLite said under an error of its own. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  return 'cause' in error ? codeOf(error.cause) : ''
}
