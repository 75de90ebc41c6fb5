import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Clock, type Milliseconds, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { NewId } from '../base/id.ts'
import type { Log } from '../base/log.ts'
import { answerErrors } from './failures.ts'
import { correlationOf, refusalAsBytes, refuse } from './refusal.ts'
import { logAnswer, logUnread, nameRequest, traceRequests } from './trace.ts'

/** What routes are added to. Its owner is this room: others take the type from here (wall W7). */
export type { FastifyInstance as HttpServer, FastifyReply as HttpReply, FastifyRequest as HttpRequest } from 'fastify'

export interface ListenerSettings {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Bytes of a body that is read whole; a route that streams sets its own. */
  readonly bodyLimit: number
  /** Whose `X-Correlation-ID` an answer carries: always ours (unless told), or the caller's where it sent a sane one. */
  readonly correlation?: 'ours' | 'callers'
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that reads its body as it comes, for as long as `ListenerLimits.stream` allows. */
    readonly streams?: boolean
  }
}

/** Every wait has an end, every length a limit. */
export interface ListenerLimits {
  /** From the connection to the end of the headers. */
  readonly headers: Milliseconds
  /** From the connection to the end of the body. */
  readonly request: Milliseconds
  /** The same for a route that streams its body; such a route watches that its caller keeps sending. */
  readonly stream: Milliseconds
  /** Without a byte in either direction while an answer is awaited. */
  readonly silence: Milliseconds
  /** Between two requests of one connection. */
  readonly idle: Milliseconds
  /** How long open requests may take to finish when we stop. */
  readonly drain: Milliseconds
  /** After a refusal, how long we go on reading what the caller was still sending, so that it gets to read the answer. */
  readonly linger: Milliseconds
  readonly headerBytes: number
  readonly connections: number
  /** Characters of one path parameter. */
  readonly parameter: number
}

const LISTENER_LIMITS: ListenerLimits = {
  headers: ms(10_000),
  request: ms(60_000),
  stream: ms(60_000),
  silence: ms(60_000),
  idle: ms(65_000),
  drain: ms(10_000),
  linger: ms(2_000),
  headerBytes: 16_384,
  connections: 1_000,
  parameter: 256,
}

export interface ListenerDeps {
  readonly clock: Clock
  readonly log: Log
  readonly newId: NewId
  readonly limits?: Partial<ListenerLimits>
}

/**
 * One HTTP port. Routes are added to `server` before `listen`; disposing it refuses new connections, lets open requests
 * finish within the drain limit and then closes what is left.
 */
export interface HttpListener extends AsyncDisposable {
  readonly server: FastifyInstance
  /** Resolves with the port it got. Rejects with Node's own error when the address cannot be had. */
  listen(): Promise<number>
}

/** Makes a listener that does not listen yet. */
export function createListener(settings: ListenerSettings, deps: ListenerDeps): HttpListener {
  const limits = { ...LISTENER_LIMITS, ...deps.limits }
  const server = createFastify(settings, limits, deps)
  traceRequests(server, deps, { linger: limits.linger, correlation: settings.correlation ?? 'ours' })
  if (limits.stream > limits.request) limitBodies(server, deps, limits.request)
  answerErrors(server, deps.log)
  breakOffAloud(server)
  const stopping = new AbortController()
  closeBehindAnswers(server, stopping.signal)
  let drained: Promise<void> | undefined
  return {
    server,
    listen: () => listen(server, settings),
    [Symbol.asyncDispose]: () => {
      stopping.abort()
      drained ??= drain(server, deps.clock, limits.drain)
      return drained
    },
  }
}

/**
 * While we stop, a connection ends with its answer: kept alive, it would be waited for until the drain limit. An answer that
 * had begun before has promised to keep it, so such a connection is closed when it has become idle; what is still asked on it
 * is refused.
 */
function closeBehindAnswers(server: FastifyInstance, stopping: AbortSignal): void {
  server.addHook('onSend', async (_request, reply) => {
    if (stopping.aborted) reply.header('connection', 'close')
  })
  server.addHook('onRequest', async (_request, reply) => {
    reply.raw.once('close', () => {
      if (stopping.aborted) server.server.closeIdleConnections()
    })
    return stopping.aborted ? refuse(reply, 503) : undefined
  })
}

/**
 * An answer that fails while it streams ends in a reset: to a caller of HTTP/1.0, as many proxies are, an orderly end of the
 * connection is the end of the answer, and half of it would be taken for all.
 */
function breakOffAloud(server: FastifyInstance): void {
  server.addHook('onSend', async (request, reply, payload) => {
    if (!(payload instanceof Readable)) return
    payload.once('error', () => {
      if (reply.raw.headersSent) request.raw.socket.resetAndDestroy()
    })
  })
}

/** Node knows one limit a port: where streams may last longer, every other body is held to its own. */
function limitBodies(server: FastifyInstance, deps: Pick<ListenerDeps, 'clock' | 'log'>, limit: Milliseconds): void {
  server.addHook('onRequest', async (request, reply) => {
    if (request.raw.complete || request.routeOptions.config.streams === true) return
    const timer = deps.clock.after(limit, () => {
      if (request.raw.complete) return
      logAnswer(request, reply.code(408), undefined, deps)
      request.raw.socket.end(refusalAsBytes(408, correlationOf(reply)))
    })
    request.raw.once('close', () => timer.cancel())
  })
}

function createFastify(settings: ListenerSettings, limits: ListenerLimits, deps: ListenerDeps): FastifyInstance {
  return Fastify({
    logger: false,
    genReqId: () => deps.newId(),
    bodyLimit: settings.bodyLimit,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    // The framework's own answer would name no correlation id; `closeBehindAnswers` gives ours.
    return503OnClosing: false,
    // So that an error knows the description of the shape that was not met.
    ajv: { customOptions: { verbose: true } },
    routerOptions: { maxParamLength: limits.parameter },
    // No hook has seen such a request: its address cannot be decoded, or one of its parameters is too long.
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      nameRequest(request, reply, settings.correlation ?? 'ours')
      logUnread(deps.log, 400, request.id, request.ip)
      refuse(reply, 400)
    },
    serverFactory: (handler) => {
      // Node looks for late requests every 30 s unless told otherwise, which would be added to each limit.
      const every = Math.max(100, Math.min(limits.headers, limits.request, 5_000) / 4)
      const http = createServer({ maxHeaderSize: limits.headerBytes, connectionsCheckingInterval: every }, handler)
      http.headersTimeout = limits.headers
      http.requestTimeout = Math.max(limits.request, limits.stream)
      http.keepAliveTimeout = limits.idle
      http.maxConnections = limits.connections
      http.setTimeout(limits.silence)
      return http
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
      const [status, correlation] = [unreadStatus(error.code), deps.newId()]
      logUnread(deps.log, status, correlation, socket.remoteAddress)
      socket.end(refusalAsBytes(status, correlation))
    },
  })
}

/** What Node's parser says of what it could not read, as a status (RFC 9110 15.5, RFC 6585 5). */
function unreadStatus(code: string): 400 | 408 | 431 {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 408
  return code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
}

async function listen(server: FastifyInstance, settings: ListenerSettings): Promise<number> {
  await server.listen({ host: settings.host, port: settings.port })
  const address = server.server.address()
  if (address === null || typeof address === 'string') {
    throw new KurirError('internal', 'permanent', 'the HTTP listener has no port')
  }
  return address.port
}

async function drain(server: FastifyInstance, clock: Clock, limit: Milliseconds): Promise<void> {
  const timer = clock.after(limit, () => server.server.closeAllConnections())
  await server.close()
  timer.cancel()
}
