import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'

/** The body of every answer that is not what was asked for. `correlation_id` is what `X-Correlation-ID` says. */
interface Refusal {
  readonly status: 'error'
  readonly message: string
  readonly correlation_id: string
}

// Our own sentences: a framework's would name it, its version, or repeat what the caller sent.
const SENTENCES: Readonly<Record<number, string>> = {
  400: 'The request cannot be read.',
  401: 'This call needs a token: Authorization: Bearer TOKEN.',
  403: 'The token lacks the role for this.',
  404: 'There is nothing here.',
  405: 'This method is not for this address.',
  408: 'The request took too long to arrive.',
  406: 'It cannot be answered in any form that was asked for.',
  409: 'It contradicts what is here.',
  413: 'The body is too large.',
  414: 'The address is too long.',
  415: 'The body is of a kind that is not understood here.',
  429: 'Too many at once. Try again later.',
  431: 'The headers are too large.',
  500: 'Something went wrong here. The log tells more under the correlation id.',
  503: 'This cannot be answered now.',
  507: 'There is no room to store it. Try again later.',
}

/** One sentence for an HTTP status (RFC 9110 15), the same for every cause. */
export const sentenceFor = (status: number): string => SENTENCES[status] ?? STATUS_CODES[status] ?? 'Error'

/** Answers with a status and its sentence, or one of the caller's own (which must hold nothing of the request). */
export function refuse(reply: FastifyReply, status: number, message: string = sentenceFor(status)): FastifyReply {
  const body: Refusal = { status: 'error', message, correlation_id: correlationOf(reply) }
  return reply.code(status).type('application/json; charset=utf-8').send(body)
}

/**
 * The same as bytes, where there is no reply to write it by: for what cannot be read as a request, and a body that came too
 * late. It ends the connection.
 */
export function refusalAsBytes(status: number, correlationId: string): string {
  const body: Refusal = { status: 'error', message: sentenceFor(status), correlation_id: correlationId }
  const text = JSON.stringify(body)
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'X-Content-Type-Options: nosniff',
    `X-Correlation-ID: ${correlationId}`,
    '',
    text,
  ].join('\r\n')
}

/** By which a caller finds an answer again: its own token where it sent one, else the id that stands in the log. */
export function correlationOf(reply: FastifyReply): string {
  const header = reply.getHeader('x-correlation-id')
  return typeof header === 'string' ? header : reply.request.id
}
