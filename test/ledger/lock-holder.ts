import { lockDirectory } from '../../src/ledger/sqlite/directory-lock.ts'

// A process that holds a data directory until it is killed.
const lock = lockDirectory(process.argv[2] ?? '.')
process.on('disconnect', () => lock.release())
process.send?.('held')
