// A small Kurir that only receives: ledger, spool, DIMSE and STOW door on free ports. For tests that watch or kill a process.
// usage: node receive-harness.ts FOLDER [FREE_BYTES]   (prints its ports when ready, its counts at the end; ends at SIGTERM)
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import { silentLog } from '../../src/base/log.ts'
import type { SopClassUid } from '../../src/dicom/uid.ts'
import type { StoreHandler } from '../../src/dimse/handler.ts'
import { createDimseServer } from '../../src/dimse/server.ts'
import { createListener } from '../../src/http/listener.ts'
import { createDimseDoor } from '../../src/ingest/dimse-door.ts'
import { addStowDoor } from '../../src/ingest/stow-door.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { DiskBlobStore } from '../../src/spool/disk-blob-store.ts'
import { recoverSpool } from '../../src/spool/recovery.ts'
import { Spool } from '../../src/spool/spool.ts'

const [folder = '.', freeBytes = '0'] = process.argv.slice(2)
mkdirSync(folder, { recursive: true, mode: 0o700 })
const clock = systemClock
const newId = idsFrom(clock)
const log = silentLog
const stopped = once(process, 'SIGTERM')

await using ledger = await openSqliteLedger({ file: join(folder, 'kurir.db'), node: 'test', clock })
await using store = await DiskBlobStore.open({ folder: join(folder, 'spool'), node: 'test', newId })
const recovery = await recoverSpool({ store, ledger, log })
await using spool = new Spool({ store, ledger, newId, clock, log, freeMin: { bytes: Number(freeBytes) } })
const storage = createDimseDoor({ spool, clock, log })
await using server = createDimseServer({
  clock,
  newId,
  handlers: { stores: new Map<SopClassUid, StoreHandler>(), storage },
  admit: () => ({ kind: 'accept' }),
})
const port = await server.listen('127.0.0.1', 0)
await using http = createListener({ host: '127.0.0.1', port: 0, bodyLimit: 1 }, { clock, log, newId })
const bulkRoom = { folder: join(folder, 'incoming'), newId, expectRoom: () => spool.expectRoom() }
// Whoever reaches a test's own port may store.
const callerAt = () => ({ name: 'test', roles: ['INGEST' as const] })
await addStowDoor(http.server, { spool, ledger, clock, log, bulkRoom, callerAt })
const httpPort = await http.listen()
process.stdout.write(`${JSON.stringify({ port, httpPort, recovery, pid: process.pid })}\n`)
await stopped
await server.stop()
process.stdout.write(`${JSON.stringify({ ...store.counts, ...ledger.counts(), rss: process.memoryUsage.rss() })}\n`)
