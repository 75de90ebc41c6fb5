import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, elapsed, type Milliseconds, type Monotonic } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { refuse } from './refusal.ts'

interface TraceDeps {
  readonly clock: Clock
  readonly log: Log
}

/**
 * Gives each request its correlation id and its line in the log. The line holds the route's pattern, never the address:
 * addresses carry UIDs and accession numbers.
 */
export function traceRequests(server: FastifyInstance, deps: TraceDeps, linger: Milliseconds): void {
  const started = new WeakMap<FastifyRequest, Monotonic>()
  server.addHook('onRequest', async (request, reply) => {
    started.set(request, deps.clock.monotonic())
    reply.header('x-correlation-id', request.id)
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
    if (!request.raw.complete) closeAfter(request, linger, deps.clock)
  })
}

function logAnswer(request: FastifyRequest, reply: FastifyReply, from: Monotonic | undefined, deps: TraceDeps): void {
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

// Node throws away the rest of a body nobody read, without an end to it but the request's own.
function closeAfter(request: FastifyRequest, linger: Milliseconds, clock: Clock): void {
  const timer = clock.after(linger, () => {
    if (!request.raw.complete) request.raw.socket.destroy()
  })
  request.raw.once('close', () => timer.cancel())
}
