// The integrators' reading side over a real spool and ledger, on a free port.
import { addRetrieval } from '../../src/api/routes.ts'
import { systemClock } from '../../src/base/clock.ts'
import { Secret } from '../../src/base/secret.ts'
import { createListener } from '../../src/http/listener.ts'
import type { Role } from '../../src/ledger/states.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'
import { dataSetOf } from '../support/data-set-bytes.ts'
import { temporaryDir } from '../support/processes.ts'
import { arrivalOf, newId, openShelf, take } from '../support/spool-on-disk.ts'

const TOKENS: readonly Role[] = ['INTEGRATOR', 'PHI_READER', 'VIEWER', 'INGEST']

export async function openApi() {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryDir('api')).path
  const shelf = stack.use(await openShelf(folder))
  for (const role of TOKENS) {
    await shelf.ledger.tokenCreate(new Secret(role), { name: role, roles: [role] }, { name: 'test' })
  }
  const log = new ReadableLog()
  const settings = { host: '127.0.0.1', port: 0, bodyLimit: 1_000, correlation: 'callers' } as const
  const listener = stack.use(createListener(settings, { clock: systemClock, log, newId }))
  const { ledger, spool } = shelf
  await addRetrieval(listener.server, { ledger, spool, newId })
  const port = await listener.listen()
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    port,
    shelf,
    log,
    folder,
    /** Takes a Part 10 file in, as a door would. */
    keep: async (file: Buffer) => (await take(spool, arrivalOf(file), dataSetOf(file))).id,
    get: (path: string, headers: Readonly<Record<string, string>> = {}) =>
      fetch(`${url}${path}`, { headers: { authorization: 'Bearer INTEGRATOR', ...headers } }),
    reads: async () => {
      const { rows } = await ledger.views.auditEvents({}, { first: 100 })
      return rows.filter(({ row }) => row.event.includes('Accessed')).map(({ row }) => row.detail)
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** The bodies of a multipart/related answer, each with its Content-Type. */
export async function partsOf(
  response: Response,
): Promise<readonly { readonly type: string; readonly body: Buffer }[]> {
  const boundary = /boundary="([^"]+)"/.exec(response.headers.get('content-type') ?? '')?.[1] ?? ''
  const whole = Buffer.from(await response.arrayBuffer())
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const parts = []
  for (let at = whole.indexOf(delimiter); at >= 0; ) {
    const next = whole.indexOf(delimiter, at + 1)
    if (next < 0) break
    const part = whole.subarray(at + delimiter.length, next)
    const blank = part.indexOf('\r\n\r\n')
    const type = /Content-Type: ([^\r]*)/i.exec(part.subarray(0, blank).toString())?.[1] ?? ''
    parts.push({ type, body: part.subarray(blank + 4) })
    at = next
  }
  return parts
}
