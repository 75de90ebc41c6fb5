import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { Clock, Milliseconds } from '../base/clock.ts'
import { type FailureCode, hasErrno, tlsRefusal } from '../base/failure.ts'

export interface ConnectTo {
  readonly host: string
  readonly port: number
  /** Present: TLS, with these options. */
  readonly tls?: ConnectionOptions
  readonly clock: Clock
  readonly limit: Milliseconds
  readonly signal?: AbortSignal
}

export type Connected = { readonly kind: 'connected'; readonly socket: Socket } | Unreached
type Unreached = { readonly kind: 'unreachable'; readonly code: FailureCode; readonly reason: string }

/** Makes a connection within the limit. Never rejects; a socket that is not returned has been destroyed. */
export function connectTo(to: ConnectTo): Promise<Connected> {
  const { promise, resolve } = Promise.withResolvers<Connected>()
  if (to.signal?.aborted) return Promise.resolve(unreachable('aborted', 'aborted before connecting'))
  const address = { host: to.host, port: to.port, allowHalfOpen: true, noDelay: true }
  const socket = to.tls === undefined ? connectTcp(address) : tlsSocket({ ...namedAs(to.host), ...to.tls, ...address })
  if (socket === undefined) return Promise.resolve(unreachable('not-configured', 'certificate or key cannot be used'))
  const settle = (connected: Connected): void => {
    timer.cancel()
    to.signal?.removeEventListener('abort', abort)
    socket.off('error', fail)
    socket.off('close', closed)
    if (connected.kind === 'unreachable') socket.on('error', () => {}).destroy()
    resolve(connected)
  }
  const fail = (error: unknown): void => settle(failureOf(error))
  const closed = (): void => settle(unreachable('connection-closed', 'connection closed while it was being made'))
  const abort = (): void => settle(unreachable('aborted', 'aborted while connecting'))
  const timer = to.clock.after(to.limit, () => settle(unreachable('timeout', 'no connection in time')))
  to.signal?.addEventListener('abort', abort, { once: true })
  socket.once('error', fail)
  socket.once('close', closed)
  socket.once(to.tls === undefined ? 'connect' : 'secureConnect', () => settle({ kind: 'connected', socket }))
  return promise
}

/** Undefined for a certificate or a key that OpenSSL cannot read: that is nobody's answer, and no connection was tried. */
function tlsSocket(options: ConnectionOptions): Socket | undefined {
  try {
    return connectTls(options)
  } catch {
    return undefined
  }
}

/** A name goes along, an address does not (RFC 6066 3): several peers may stand behind one address. */
const namedAs = (host: string): ConnectionOptions => (isIP(host) === 0 ? { servername: host } : {})

function failureOf(error: unknown): Connected {
  if (hasErrno(error, 'ECONNREFUSED')) return unreachable('connection-refused', 'connection refused')
  if (hasErrno(error, 'ETIMEDOUT')) return unreachable('timeout', 'no connection in time')
  if (hasErrno(error, 'ENOTFOUND', 'EAI_AGAIN')) return unreachable('connection-refused', 'host name not found')
  if (hasErrno(error, 'EHOSTUNREACH', 'ENETUNREACH')) return unreachable('connection-refused', 'no way to the host')
  return tlsRefused(error) ?? unreachable('connection-closed', 'connection failed')
}

/** What an error says of TLS that was not agreed, by us or by the peer; undefined when it is of something else. */
export function tlsRefused(error: unknown): Unreached | undefined {
  const code = tlsRefusal(error)
  return code === undefined ? undefined : unreachable('untrusted', `TLS was not agreed (${code})`)
}

const unreachable = (code: FailureCode, reason: string): Unreached => ({ kind: 'unreachable', code, reason })
