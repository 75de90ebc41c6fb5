// Loaded before a process (`node --import`), takes away one of the syncs that an acknowledgement rests on, named by
// KURIR_TEST_WITHOUT: `file`, `directory` or `ledger`. The product has no such switch; the power-cut checker has to notice.
import fs from 'node:fs'
import { createRequire } from 'node:module'

type Done = (error: null) => void

const pretend = (_fd: number, done: Done): void => void setImmediate(done, null)

const without = process.env['KURIR_TEST_WITHOUT']
if (without === 'file') {
  const { openSync } = fs
  const unsynced = (path: string, flags: number, mode: number): number =>
    openSync(path, flags & ~fs.constants.O_DSYNC, mode)
  Object.assign(fs, { fdatasync: pretend, openSync: unsynced })
}
if (without === 'directory') Object.assign(fs, { fsync: pretend })
if (without === 'ledger') {
  const { prototype } = createRequire(import.meta.url)('better-sqlite3')
  for (const name of ['pragma', 'exec']) {
    const original = prototype[name]
    prototype[name] = function (this: unknown, sql: string, ...more: unknown[]) {
      return original.call(this, sql.replace(/(synchronous\s*=\s*)FULL/i, '$1NORMAL'), ...more)
    }
  }
}
