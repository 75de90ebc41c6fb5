import { Readable } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import { Agent, buildConnector, type Dispatcher, Pool, ProxyAgent } from 'undici'
import { type Clock, type Milliseconds, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import { type AddressGuard, addressGuard, refusal } from './address-guard.ts'
import { ConnectFailure, clientFailure } from './client-failure.ts'
import { type ClientTls, clientTls } from './client-tls.ts'
import type { HttpAnswer, HttpSend, HttpTimeouts } from './exchange.ts'
import { orAborted } from './or-aborted.ts'
import type { HttpTlsFiles } from './reach.ts'
import { redirectWithin } from './redirect.ts'

export interface HttpClientSettings {
  /** `https://host:port`: nothing else is ever asked. */
  readonly origin: string
  readonly tls: HttpTlsFiles | undefined
  readonly proxy: string | undefined
  /** CIDR ranges; see {@link addressGuard}. */
  readonly addresses: readonly string[]
  /** Connections at most; further requests wait for one. */
  readonly connections: number
  readonly connect?: Milliseconds
}

const TIMEOUTS: HttpTimeouts = { headers: ms(30_000), body: ms(30_000), total: ms(60_000) }
const CONNECT = ms(10_000)
const LARGEST_ANSWER = 1_048_576
const HEADER_BYTES = 16_384
const REDIRECTS = 3
const IDLE = ms(4_000)

/**
 * Requests to one origin. Answers of every status are values; what throws is a request without an answer: a KurirError whose
 * retry class says whether it may have been taken (`connection-refused`, `connection-closed`, `timeout`, `untrusted`,
 * `answer-too-large`, `address-refused`, `not-configured` for unreadable certificates), or the signal's reason.
 * No message of it holds an address, a header or a byte of a body.
 */
export class HttpClient implements AsyncDisposable {
  readonly #settings: HttpClientSettings
  readonly #origin: URL
  readonly #clock: Clock
  readonly #guard: AddressGuard
  readonly #tls: ClientTls
  #agent: { readonly dispatcher: Dispatcher; readonly stamp: string } | undefined
  #closed = false

  constructor(settings: HttpClientSettings, clock: Clock) {
    this.#settings = settings
    this.#origin = new URL(settings.origin)
    this.#clock = clock
    this.#guard = addressGuard(settings.addresses)
    this.#tls = clientTls(settings.tls)
  }

  async send(request: HttpSend, signal: AbortSignal): Promise<HttpAnswer> {
    const url = new URL(request.url)
    if (url.origin !== this.#origin.origin || !this.#guard.allowsHost(bareHost(url))) throw refusal()
    const timeouts = { ...TIMEOUTS, ...request.timeouts }
    const limit = new AbortController()
    const timer = timeouts.total === undefined ? undefined : this.#clock.after(timeouts.total, () => limit.abort())
    const sending = { request, timeouts, signal: AbortSignal.any([signal, limit.signal]), hasLeft: false }
    try {
      // What waits for a connection hears of no signal until it has one.
      return await orAborted(this.#follow(url, sending), sending.signal)
    } catch (thrown) {
      signal.throwIfAborted()
      throw limit.signal.aborted ? tooLate(sending.hasLeft) : clientFailure(thrown)
    } finally {
      timer?.cancel()
    }
  }

  /** Ends every connection at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#agent?.dispatcher.destroy()
  }

  /** Follows what stays within the origin (and what it was told to send again, it sends again); any other is an answer. */
  async #follow(url: URL, sending: Sending): Promise<HttpAnswer> {
    let at = url
    for (let hops = 0; ; hops++) {
      const answer = await this.#onceOrTwice(at, sending)
      const next = hops < REDIRECTS ? redirectWithin(at, sending.request.method, answer) : undefined
      if (next === undefined) return answer
      at = next
    }
  }

  /** A kept connection may have been closed by the peer just when we wrote to it; what only reads is asked once more. */
  async #onceOrTwice(url: URL, sending: Sending): Promise<HttpAnswer> {
    try {
      return await this.#once(url, sending)
    } catch (thrown) {
      const { request, signal } = sending
      const reads = request.method === 'GET' || request.method === 'HEAD'
      if (!reads || signal.aborted || clientFailure(thrown).code !== 'connection-closed') throw thrown
      return await this.#once(url, sending)
    }
  }

  async #once(url: URL, sending: Sending): Promise<HttpAnswer> {
    const dispatcher = await this.#dispatcher()
    const { request, timeouts, signal } = sending
    signal.throwIfAborted()
    const { body } = request
    const answer = await dispatcher.compose(noting(sending)).request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method,
      // Nothing here inflates, so that a small answer cannot become a large one.
      headers: { 'accept-encoding': 'identity', 'user-agent': 'Kurir', ...request.headers },
      body: typeof body === 'function' ? Readable.from(body(), { objectMode: false }) : (body ?? null),
      headersTimeout: timeouts.headers,
      bodyTimeout: timeouts.body,
      signal,
    })
    const bytes = await readWhole(answer.body, request.maxResponseBytes ?? LARGEST_ANSWER)
    return { status: answer.statusCode, headers: joinedHeaders(answer.headers), body: bytes }
  }

  /** Made anew when a certificate or key has changed; what is under way ends on the old one. */
  async #dispatcher(): Promise<Dispatcher> {
    const { stamp, options } = await this.#tls()
    if (this.#closed) throw new KurirError('aborted', 'transient', 'the client is closed')
    if (this.#agent?.stamp === stamp) return this.#agent.dispatcher
    this.#agent?.dispatcher.close().catch(() => {})
    this.#agent = { stamp, dispatcher: dispatcherOf(this.#settings, this.#guard, options) }
    return this.#agent.dispatcher
  }
}

/** One request on its way. */
interface Sending {
  readonly request: HttpSend
  readonly timeouts: HttpTimeouts
  readonly signal: AbortSignal
  /** Whether it has been given to a connection. Until then nothing can have been taken: there is none, or others have it. */
  hasLeft: boolean
}

const noting =
  (sending: Sending): Dispatcher.DispatcherComposeInterceptor =>
  (dispatch) =>
  (options, handler) => {
    const start = handler.onRequestStart?.bind(handler)
    handler.onRequestStart = (controller, context) => {
      sending.hasLeft = true
      start?.(controller, context)
    }
    return dispatch(options, handler)
  }

const tooLate = (hasLeft: boolean): KurirError =>
  hasLeft
    ? new KurirError('timeout', 'ambiguous', 'no answer within the time limit')
    : new KurirError('timeout', 'transient', 'no connection within the time limit')

function dispatcherOf(settings: HttpClientSettings, guard: AddressGuard, tls: SecureContextOptions): Dispatcher {
  const { proxy, connections } = settings
  const timeout = settings.connect ?? CONNECT
  const shared = { connections, maxHeaderSize: HEADER_BYTES, allowH2: false, keepAliveTimeout: IDLE, pipelining: 1 }
  const towards = { lookup: guard.lookup, timeout, allowH2: false }
  if (proxy !== undefined) {
    const through = { proxyTls: towards, requestTls: { ...tls }, connectTimeout: timeout, factory: poolOf(shared) }
    return new ProxyAgent({ ...shared, uri: proxy, ...through })
  }
  return new Agent({ ...shared, connect: beforeRequests(buildConnector({ ...tls, ...towards })) })
}

/** A tunnel that the proxy does not make is no connection either: the peer has seen nothing. */
const poolOf =
  (shared: Pool.Options): NonNullable<ProxyAgent.Options['factory']> =>
  (origin, options: Pool.Options) => {
    const { connect } = options
    return new Pool(origin, {
      ...shared,
      ...options,
      ...(typeof connect === 'function' ? { connect: beforeRequests(connect) } : {}),
    })
  }

const beforeRequests =
  (connect: buildConnector.connector): buildConnector.connector =>
  (options, answer) =>
    connect(options, (...[error, socket]) =>
      error === null ? answer(null, socket) : answer(new ConnectFailure(error), null),
    )

async function readWhole(body: AsyncIterable<Buffer>, limit: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of body) {
    length += piece.length
    // Leaving the loop destroys the stream, and with it the connection.
    if (length > limit) throw new KurirError('answer-too-large', 'ambiguous', 'the answer is larger than is read')
    pieces.push(piece)
  }
  return Buffer.concat(pieces, length)
}

function joinedHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return joined
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '')
