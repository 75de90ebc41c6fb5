// A listener on a free port, with a real disk and ledger behind it and a token for each role, named as the role.
import { systemClock } from '../../src/base/clock.ts'
import { Secret } from '../../src/base/secret.ts'
import { createListener, type HttpListener } from '../../src/http/listener.ts'
import type { Role } from '../../src/ledger/states.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'
import { temporaryDir } from './processes.ts'
import { newId, openShelf, type Shelf } from './spool-on-disk.ts'

export interface HttpShelf extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly shelf: Shelf
  readonly log: ReadableLog
  readonly folder: string
}

/** What the routes stand on. */
export type Behind = Pick<HttpShelf, 'shelf' | 'log' | 'folder'>

/** @param addRoutes adds what is to be tested, before the port is open */
export async function openHttpShelf(
  name: string,
  roles: readonly Role[],
  addRoutes: (server: HttpListener['server'], behind: Behind) => Promise<unknown>,
): Promise<HttpShelf> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryDir(name)).path
  const shelf = stack.use(await openShelf(folder))
  for (const role of roles) {
    await shelf.ledger.tokenCreate(new Secret(role), { name: role, roles: [role] }, { name: 'test' })
  }
  const log = new ReadableLog()
  const settings = { host: '127.0.0.1', port: 0, bodyLimit: 1_000, correlation: 'callers' } as const
  const listener = stack.use(createListener(settings, { clock: systemClock, log, newId }))
  await addRoutes(listener.server, { shelf, log, folder })
  const port = await listener.listen()
  const url = `http://127.0.0.1:${port}`
  const opened = stack.move()
  return { url, port, shelf, log, folder, [Symbol.asyncDispose]: () => opened.disposeAsync() }
}
