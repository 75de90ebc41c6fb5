// A small DICOMweb server that is honest or not, as a test says: it reads STOW-RS requests and answers by a script.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import { findFileMeta } from '../../src/dicom/file-meta.ts'

/** One request as it came. */
export interface StowRequestSeen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** The Part 10 files in it, in their order. */
  readonly files: readonly Buffer[]
  readonly uids: readonly string[]
}

/** What it does with a request that was read to its end. `undefined`: it closes the connection without an answer. */
export type Answer =
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string | Buffer | object
    }
  | undefined

export interface StowServer extends AsyncDisposable {
  readonly port: number
  readonly seen: readonly StowRequestSeen[]
  /** Replaced by a test at any time. */
  answer: (request: StowRequestSeen) => Answer | Promise<Answer>
  /** Called with each request before its body is read; true: it was dealt with. */
  early: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined
}

export const sequence = (tag: string, items: readonly object[]) => ({ [tag]: { vr: 'SQ', Value: items } })
export const storedItem = (uid: string) => ({ '00081155': { vr: 'UI', Value: [uid] } })
export const failedItem = (uid: string, reason: number) => ({
  ...storedItem(uid),
  '00081197': { vr: 'US', Value: [reason] },
})

/** Takes everything. */
export const takesAll = ({ uids }: StowRequestSeen): Answer => ({
  status: 200,
  body: sequence('00081199', uids.map(storedItem)),
})

export async function startStowServer(tls?: ServerOptions): Promise<StowServer> {
  const seen: StowRequestSeen[] = []
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (state.early?.(request, response)) return
    void handle(request, response).catch(() => request.socket.destroy())
  }
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece)
    const files = filesOf(Buffer.concat(pieces), request.headers['content-type'] ?? '')
    const { method = '', url: path = '', headers } = request
    const one = { method, path, headers, files, uids: files.map(uidOf) }
    seen.push(one)
    const answer = await state.answer(one)
    if (answer === undefined) return void request.socket.destroy()
    const isText = typeof answer.body !== 'object' || answer.body instanceof Buffer
    const body = isText ? (answer.body ?? '') : JSON.stringify(answer.body)
    response.writeHead(answer.status, { 'content-type': 'application/dicom+json', ...answer.headers }).end(body)
  }
  const server: Server = tls === undefined ? createServer(serve) : createSecureServer(tls, serve)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const state: StowServer = {
    port: address.port,
    seen,
    answer: takesAll,
    early: undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return state
}

function filesOf(body: Buffer, contentType: string): readonly Buffer[] {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1]
  if (boundary === undefined) return []
  const files: Buffer[] = []
  const delimiter = `\r\n--${boundary}`
  const parts = Buffer.concat([Buffer.from('\r\n'), body])
  for (let at = parts.indexOf(delimiter); at >= 0; ) {
    const next = parts.indexOf(delimiter, at + 1)
    if (next < 0) break
    const part = parts.subarray(at + delimiter.length, next)
    files.push(part.subarray(part.indexOf('\r\n\r\n') + 4))
    at = next
  }
  return files
}

function uidOf(file: Buffer): string {
  const found = findFileMeta(file, true)
  return found.outcome === 'found' ? (found.meta.sopInstanceUid ?? '') : ''
}
