import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TlsOptions } from 'node:tls'
import { bodyOf, WebPeer } from './web-peer.ts'

/** What the double does with one request, instead of what a HIS in good health would do. Plain JSON, so that a person can send it. */
export type HisStep =
  /** As a HIS in good health: this is also what it does when nothing was said. */
  | { readonly kind: 'well' }
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body?: unknown
      readonly headers?: Readonly<Record<string, string>>
    }
  | { readonly kind: 'html'; readonly status?: number }
  /** JSON that stops in the middle, under a length that says so or, with `whole`, under none. */
  | { readonly kind: 'truncated'; readonly whole?: boolean }
  /** Valid JSON of about that many bytes. */
  | { readonly kind: 'huge'; readonly bytes?: number }
  | { readonly kind: 'redirect'; readonly to: string; readonly status?: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'stall' }
  | { readonly kind: 'reset-before' }
  /** Takes effect, then the connection is reset: the answer is lost. */
  | { readonly kind: 'reset-after' }
  /** One byte after another, without an end. */
  | { readonly kind: 'drip'; readonly everyMs?: number }
  | { readonly kind: 'busy'; readonly retryAfter?: string; readonly status?: number }

export interface HisReceived {
  readonly method: string
  /** Path and query as they were sent. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: string
  readonly step: HisStep['kind']
}

export interface HisOrder {
  readonly mrn: string
  readonly name: string
  readonly ward: string
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

/**
 * A small hospital information system, and everything that goes wrong with one. It knows orders (`GET /orders/NUMBER`), is
 * told of studies (`POST /studies` with `accession`), and gives tokens (`POST /oauth2/token`).
 */
export class HisDouble implements AsyncDisposable {
  readonly orders = new Map<string, HisOrder>()
  /** How often each accession number took effect; more than once would be a study announced twice. */
  readonly arrived = new Map<string, number>()
  readonly received: HisReceived[] = []
  readonly #steps = new Map<string, HisStep[]>()
  readonly #always = new Map<string, HisStep>()
  readonly #watchers = new Set<() => void>()
  #peer: WebPeer
  #tokens = 0

  private constructor(peer: WebPeer) {
    this.#peer = peer
  }

  static async open(
    options: { readonly port?: number; readonly tls?: TlsOptions; readonly host?: string } = {},
  ): Promise<HisDouble> {
    let double: HisDouble | undefined
    const peer = await WebPeer.open((request, response) => double?.handle(request, response), options)
    double = new HisDouble(peer)
    return double
  }

  get url(): string {
    return this.#peer.url
  }

  get connections(): number {
    return this.#peer.connections
  }

  /** What becomes of the next requests of a route (`GET /orders`, or `*`), one step each. */
  next(route: string, ...steps: readonly HisStep[]): void {
    this.#steps.set(route, [...(this.#steps.get(route) ?? []), ...steps])
  }

  /** What becomes of every request of a route for which nothing else is said; without a step it is well again. */
  always(route: string, step: HisStep = { kind: 'well' }): void {
    this.#always.set(route, step)
  }

  /** Nobody listens any more, until `up`. */
  async down(): Promise<void> {
    await this.#peer[Symbol.asyncDispose]()
  }

  /** Listens again, on the port it had. */
  async up(): Promise<void> {
    this.#peer = await WebPeer.open((request, response) => this.handle(request, response), { port: this.#peer.port })
  }

  /** Resolves when that many requests of a route have come. */
  async until(count: number, route = '*'): Promise<void> {
    while (this.count(route) < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#watchers.add(resolve)
      await promise
      this.#watchers.delete(resolve)
    }
  }

  count(route = '*'): number {
    return this.received.filter((one) => route === '*' || routeOf(one.method, one.path).startsWith(route)).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#peer[Symbol.asyncDispose]()
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = request
    const step = this.#stepFor(routeOf(method, path))
    const body = await bodyOf(request).catch(() => Buffer.alloc(0))
    this.received.push({ method, path, headers, body: body.toString(), step: step.kind })
    this.#take(step, { method, path, body: body.toString() }, response)
    for (const watcher of [...this.#watchers]) watcher()
  }

  #stepFor(route: string): HisStep {
    const fits = (known: string): boolean => known === '*' || route.startsWith(known)
    for (const [known, steps] of this.#steps) {
      const step = fits(known) ? steps.shift() : undefined
      if (step !== undefined) return step
    }
    return [...this.#always].findLast(([known]) => fits(known))?.[1] ?? { kind: 'well' }
  }

  #take(step: HisStep, request: { method: string; path: string; body: string }, response: ServerResponse): void {
    switch (step.kind) {
      case 'well':
        return void answer(response, this.#well(request))
      case 'answer': {
        const text = typeof step.body === 'string' ? step.body : JSON.stringify(step.body ?? {})
        const type = typeof step.body === 'string' ? 'text/plain' : 'application/json'
        return void answer(response, { status: step.status, type, text }, step.headers)
      }
      case 'html':
        return void answer(response, { status: step.status ?? 200, type: 'text/html', text: PAGE })
      case 'truncated': {
        const text = '{"data":{"patient":{"mrn":"00-1'
        response.writeHead(200, {
          'content-type': 'application/json',
          ...(step.whole === true ? {} : { 'content-length': 999 }),
        })
        response.write(text)
        return void (step.whole === true ? response.end() : response.socket?.end())
      }
      case 'huge':
        return void answer(response, {
          status: 200,
          type: 'application/json',
          text: `"${'x'.repeat(step.bytes ?? 10_000_000)}"`,
        })
      case 'redirect':
        return void response.writeHead(step.status ?? 302, { location: step.to }).end()
      case 'stall':
        return
      case 'reset-before':
        return void response.socket?.resetAndDestroy()
      case 'reset-after':
        this.#well(request)
        return void response.socket?.resetAndDestroy()
      case 'drip': {
        response.writeHead(200, { 'content-type': 'application/json' })
        const drip = setInterval(() => response.write(' '), step.everyMs ?? 50)
        return void response.on('close', () => clearInterval(drip))
      }
      case 'busy':
        return void answer(
          response,
          { status: step.status ?? 429, type: 'text/plain', text: 'Rate limit quota violation.' },
          step.retryAfter === undefined ? {} : { 'retry-after': step.retryAfter },
        )
      default:
        step satisfies never
    }
  }

  #well({ method, path, body }: { method: string; path: string; body: string }): Answer {
    const route = `${method} ${path.split('?')[0]}`
    const accession = /^GET \/orders\/([^/]+)$/.exec(route)?.[1]
    if (accession !== undefined) return this.#order(decodeURIComponent(accession))
    if (route === 'POST /studies') return this.#arrive(body)
    if (route === 'POST /oauth2/token') {
      return json(200, { access_token: `token-${++this.#tokens}`, token_type: 'Bearer', expires_in: '3599' })
    }
    return method === 'HEAD' || route === 'GET /' ? json(200, {}) : json(404, { message: 'tidak ditemukan' })
  }

  #order(accession: string): Answer {
    const order = this.orders.get(accession)
    if (order === undefined) return json(404, { message: 'order tidak ditemukan' })
    return json(200, { data: { patient: { mrn: order.mrn, name: order.name }, ward: order.ward } })
  }

  #arrive(body: string): Answer {
    const accession = /"accession"\s*:\s*"([^"]*)"/.exec(body)?.[1]
    if (accession === undefined) return json(400, { message: 'accession wajib diisi' })
    const before = this.arrived.get(accession) ?? 0
    if (before === 0) this.arrived.set(accession, 1)
    if (before === 0) return json(201, { message: 'ok' })
    const text = `ERR: Accession No. ${accession} sudah ada ke table \`pacs_order_mwl\`!`
    return { status: 406, type: 'text/plain', text }
  }
}

const PAGE =
  '<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n'

const routeOf = (method: string, path: string): string => `${method} ${path}`

const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json',
  text: JSON.stringify(value),
})

function answer(
  response: ServerResponse,
  { status, type, text }: Answer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': type, ...headers }).end(text)
}
