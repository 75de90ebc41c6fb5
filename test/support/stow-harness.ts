// A STOW door with a real disk, ledger and socket behind it, and what a client needs to speak to it.
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { Secret } from '../../src/base/secret.ts'
import { createListener } from '../../src/http/listener.ts'
import { addStowDoor, type StowDoorDeps } from '../../src/ingest/stow-door.ts'
import type { Role } from '../../src/ledger/states.ts'
import type { Spool } from '../../src/spool/spool.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'
import { temporaryDir } from './processes.ts'
import { collect, newId, openShelf, type Shelf } from './spool-on-disk.ts'

/** Each token is the name of its one role. */
const TOKENS: readonly Role[] = ['INGEST', 'VIEWER']

export interface StowFixture extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly shelf: Shelf
  readonly log: ReadableLog
  readonly folder: string
  /** The data sets that are on the shelf, in the order in which they came. */
  dataSets(): Promise<readonly Buffer[]>
  post(path: string, body: Buffer | ReadableStream, headers?: Readonly<Record<string, string>>): Promise<Response>
}

/** @param spool stands before the real one, where a test wants it to fail */
export async function startStow(
  options: Partial<StowDoorDeps> = {},
  spool?: (real: Spool) => Pick<Spool, 'begin'>,
): Promise<StowFixture> {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryDir('stow')).path
  const shelf = stack.use(await openShelf(folder))
  for (const role of TOKENS) {
    await shelf.ledger.tokenCreate(new Secret(role), { name: role, roles: [role] }, { name: 'test' })
  }
  const log = new ReadableLog()
  const settings = { host: '127.0.0.1', port: 0, bodyLimit: 1_000, correlation: 'callers' } as const
  const listener = stack.use(createListener(settings, { clock: systemClock, log, newId }))
  const { ledger } = shelf
  const bulkRoom = { folder: join(folder, 'incoming'), newId, expectRoom: () => shelf.spool.expectRoom() }
  await addStowDoor(listener.server, {
    spool: spool?.(shelf.spool) ?? shelf.spool,
    ledger,
    bulkRoom,
    clock: systemClock,
    log,
    ...options,
  })
  const port = await listener.listen()
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    port,
    shelf,
    log,
    folder,
    dataSets: async () => {
      // In the order in which they came: several are admitted at once.
      const found = (await shelf.ledger.unplanned(1_000)).toSorted((a, b) => (a.id < b.id ? -1 : 1))
      return Promise.all(found.map(({ blob }) => collect(shelf.spool.read(blob))))
    },
    post: (path, body, headers = {}) =>
      fetch(`${url}${path}`, {
        method: 'POST',
        body: body instanceof Buffer ? new Uint8Array(body) : body,
        duplex: 'half',
        headers: { authorization: 'Bearer INGEST', ...headers },
      } as RequestInit),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
