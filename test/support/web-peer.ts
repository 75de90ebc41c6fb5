import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'

/** What a test says a web server does with each request. */
export type Answering = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** A web server on this machine; disposing it cuts what is open. */
export class WebPeer implements AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Connections accepted so far. */
  connections = 0
  readonly #server: Server | TlsServer

  private constructor(server: Server | TlsServer, scheme: string) {
    this.#server = server
    // A server that listens on a port has such an address.
    this.port = (server.address() as AddressInfo).port
    this.url = `${scheme}://127.0.0.1:${this.port}`
  }

  static async open(answering: Answering, options: { tls?: TlsOptions; host?: string; port?: number } = {}) {
    const listener: RequestListener = (request, response) => {
      request.on('error', () => {})
      response.on('error', () => {})
      Promise.resolve(answering(request, response)).catch(() => response.destroy())
    }
    const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener)
    await new Promise<void>((resolve) => server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve))
    const peer = new WebPeer(server, options.tls === undefined ? 'http' : 'https')
    server.on('connection', () => {
      peer.connections++
    })
    return peer
  }

  on(event: 'connection', hear: (socket: Socket) => void): void {
    this.#server.on(event, hear)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

/** A request's body, whole. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}
