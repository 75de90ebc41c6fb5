// The integrators' reading side over a real spool and ledger, on a free port.
import { addRetrieval } from '../../src/api/routes.ts'
import { dataSetOf } from '../support/data-set-bytes.ts'
import { openHttpShelf } from '../support/http-shelf.ts'
import { arrivalOf, newId, take } from '../support/spool-on-disk.ts'

export async function openApi() {
  const http = await openHttpShelf('api', ['INTEGRATOR', 'PHI_READER', 'VIEWER', 'INGEST'], (server, { shelf }) =>
    addRetrieval(server, { ledger: shelf.ledger, spool: shelf.spool, newId }),
  )
  const { ledger, spool } = http.shelf
  return {
    ...http,
    /** Takes a Part 10 file in, as a door would. */
    keep: async (file: Buffer) => (await take(spool, arrivalOf(file), dataSetOf(file))).id,
    get: (path: string, headers: Readonly<Record<string, string>> = {}) =>
      fetch(`${http.url}${path}`, { headers: { authorization: 'Bearer INTEGRATOR', ...headers } }),
    reads: async () => {
      const { rows } = await ledger.views.auditEvents({}, { first: 100 })
      return rows.filter(({ row }) => row.event.includes('Accessed')).map(({ row }) => row.detail)
    },
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
