// A STOW door with a real disk, ledger and socket behind it, and what a client needs to speak to it.
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { addStowDoor, type StowDoorDeps } from '../../src/ingest/stow-door.ts'
import type { Spool } from '../../src/spool/spool.ts'
import { type HttpShelf, openHttpShelf } from './http-shelf.ts'
import { collect, newId } from './spool-on-disk.ts'

export interface StowFixture extends HttpShelf {
  /** The data sets that are on the shelf, in the order in which they came. */
  dataSets(): Promise<readonly Buffer[]>
  post(path: string, body: Buffer | ReadableStream, headers?: Readonly<Record<string, string>>): Promise<Response>
}

/** @param spool stands before the real one, where a test wants it to fail */
export async function startStow(
  options: Partial<StowDoorDeps> = {},
  spool?: (real: Spool) => Pick<Spool, 'begin'>,
): Promise<StowFixture> {
  const http = await openHttpShelf('stow', ['INGEST', 'VIEWER'], (server, { shelf, log, folder }) =>
    addStowDoor(server, {
      spool: spool?.(shelf.spool) ?? shelf.spool,
      ledger: shelf.ledger,
      bulkRoom: { folder: join(folder, 'incoming'), newId, expectRoom: () => shelf.spool.expectRoom() },
      clock: systemClock,
      log,
      ...options,
    }),
  )
  const { ledger, spool: shelf } = http.shelf
  return {
    ...http,
    dataSets: async () => {
      // In the order in which they came: several are admitted at once.
      const found = (await ledger.unplanned(1_000)).toSorted((a, b) => (a.id < b.id ? -1 : 1))
      return Promise.all(found.map(({ blob }) => collect(shelf.read(blob))))
    },
    post: (path, body, headers = {}) =>
      fetch(`${http.url}${path}`, {
        method: 'POST',
        body: body instanceof Buffer ? new Uint8Array(body) : body,
        duplex: 'half',
        headers: { authorization: 'Bearer INGEST', ...headers },
      } as RequestInit),
  }
}
