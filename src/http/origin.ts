import { isIPv6 } from 'node:net'
import type { FastifyRequest } from 'fastify'

/**
 * `http://host:port` under which a caller reached us, for the addresses in an answer. HTTP/1.0 has no Host: such a caller is
 * told the address of its own connection.
 */
export function originOf({ protocol, host, socket }: Pick<FastifyRequest, 'protocol' | 'host' | 'socket'>): string {
  if (host !== '') return `${protocol}://${host}`
  const { localAddress = 'localhost', localPort = 80 } = socket
  return `${protocol}://${isIPv6(localAddress) ? `[${localAddress}]` : localAddress}:${localPort}`
}
