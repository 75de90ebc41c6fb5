// A spool with a real disk and a real ledger under it, for tests.
import { join } from 'node:path'
import { type Clock, instant, systemClock } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import { silentLog } from '../../src/base/log.ts'
import { type FileMeta, readFileMeta } from '../../src/dicom/file-meta.ts'
import type { Reception } from '../../src/ledger/records.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import type { Arrival } from '../../src/spool/arrival.ts'
import { DiskBlobStore } from '../../src/spool/disk-blob-store.ts'
import { recoverSpool } from '../../src/spool/recovery.ts'
import { Spool } from '../../src/spool/spool.ts'
import { ctInstance } from './data-set.ts'

export const newId = idsFrom(systemClock)

export const reception: Reception = {
  at: instant(1_790_000_000_000),
  door: 'DIMSE',
  callingAe: 'CT_ONE',
  calledAe: 'KURIR',
  peer: '10.0.0.7',
  associationId: 'a-1',
}

/** What our own CT says of itself. */
export function metaOf(file: Buffer): FileMeta {
  const read = readFileMeta(file)
  if (read === undefined) throw new Error('not a file of ours')
  return read.meta
}

export const ctMeta: FileMeta = metaOf(ctInstance({ sizeBytes: 1024 }).file)

export function arrivalOf(file: Buffer, more: Partial<Arrival> = {}): Arrival {
  return { reception, announced: metaOf(file), ...more }
}

/** Everything of one data folder, opened as the application does, recovery included. */
export async function openShelf(folder: string, clock: Clock = systemClock) {
  const stack = new AsyncDisposableStack()
  try {
    const log = silentLog
    const ledger = stack.use(await openSqliteLedger({ file: join(folder, 'kurir.db'), node: 'test', clock }))
    const store = stack.use(
      await DiskBlobStore.open({ folder: join(folder, 'spool'), node: 'test', newId, traySize: 8 }),
    )
    const recovery = await recoverSpool({ store, ledger, log })
    const spool = stack.use(new Spool({ store, ledger, newId, clock, log, freeMin: { bytes: 0 } }))
    return { ledger, store, spool, recovery, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

export type Shelf = Awaited<ReturnType<typeof openShelf>>

/** Takes one object in, in slices of 64 KB. */
export async function take(spool: Pick<Spool, 'begin'>, arrival: Arrival, dataSet: Uint8Array) {
  const sink = await spool.begin(arrival)
  for (let at = 0; at < dataSet.length; at += 65_536) await sink.write(dataSet.subarray(at, at + 65_536))
  return sink.end()
}

export async function collect(slices: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const slice of slices) parts.push(Buffer.from(slice))
  return Buffer.concat(parts)
}
