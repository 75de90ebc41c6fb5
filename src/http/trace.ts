import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, elapsed, type Milliseconds, type Monotonic } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { refuse } from './refusal.ts'

interface TraceSettings {
  readonly linger: Milliseconds
  readonly correlation: 'ours' | 'callers'
}

interface TraceDeps {
  readonly clock: Clock
  readonly log: Log
}

/**
 * Gives each request its correlation id and its line in the log. The line holds the route's pattern, never the address:
 * addresses carry UIDs and accession numbers.
 */
export function traceRequests(server: FastifyInstance, deps: TraceDeps, settings: TraceSettings): void {
  const started = new WeakMap<FastifyRequest, Monotonic>()
  server.addHook('onRequest', async (request, reply) => {
    started.set(request, deps.clock.monotonic())
    nameRequest(request, reply, settings.correlation)
    reply.header('x-content-type-options', 'nosniff')
    // RFC 9112 3.2: what is no host is answered 400, before anything builds an address of it.
    if (!URL.canParse(`http://${request.headers.host}/`)) return refuse(reply, 400)
    return undefined
  })
  server.addHook('onSend', async (request, reply) => {
    // Closing under a caller that still sends would reset the connection and take the answer with it.
    if (!request.raw.complete && reply.statusCode === 413) reply.removeHeader('connection')
  })
  server.addHook('onResponse', async (request, reply) => {
    logAnswer(request, reply, started.get(request), deps)
    if (!request.raw.complete) closeAfter(request, settings.linger, deps.clock)
  })
}

// What a caller made up may be an accession number: it is given back and never logged (wall W11).
const SANE_TOKEN = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/

/** Gives an answer the correlation id by which its caller finds it again. */
export function nameRequest(request: FastifyRequest, reply: FastifyReply, correlation: 'ours' | 'callers'): void {
  const theirs = correlation === 'callers' ? request.headers['x-correlation-id'] : undefined
  if (typeof theirs !== 'string' || !SANE_TOKEN.test(theirs)) {
    reply.header('x-correlation-id', request.id)
    return
  }
  reply.header('x-correlation-id', theirs)
  reply.header('x-request-id', request.id)
}

/** The line of an answer. @param from when its request came; undefined where that was not noted */
export function logAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  from: Monotonic | undefined,
  deps: TraceDeps,
): void {
  const level = reply.statusCode < 400 && request.method === 'GET' ? 'debug' : 'info'
  deps.log[level]('http-request-answered', {
    correlation: request.id,
    method: request.method,
    route: request.routeOptions.url ?? 'none',
    status: String(reply.statusCode),
    peer: request.ip,
    ...(from === undefined ? {} : { took: elapsed(from, deps.clock.monotonic()) }),
  })
}

/** The same line for what came to no request. @param peer undefined for a caller that has gone */
export function logUnread(log: Log, status: number, correlation: string, peer: string | undefined): void {
  const from = peer === undefined ? {} : { peer }
  log.info('http-request-answered', { correlation, route: 'none', status: String(status), ...from })
}

// Node throws away the rest of a body nobody read, without an end to it but the request's own. What a route has begun to read
// it leaves where it is, and behind it every other request of the connection.
function closeAfter(request: FastifyRequest, linger: Milliseconds, clock: Clock): void {
  request.raw.resume()
  const timer = clock.after(linger, () => {
    if (!request.raw.complete) request.raw.socket.destroy()
  })
  request.raw.once('close', () => timer.cancel())
}
