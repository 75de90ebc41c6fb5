import type { FastifyInstance } from 'fastify'
import type { Log } from '../base/log.ts'
import { whereThrown } from './incident.ts'
import { REFUSAL } from './operation.ts'
import { refuse } from './refusal.ts'

/**
 * Every error of every route: a caller's mistake is answered by its status, ours by 500 and nothing but the correlation
 * id under which the log says where it was thrown.
 */
export function answerErrors(server: FastifyInstance, log: Log): void {
  server.addSchema(REFUSAL)
  server.setNotFoundHandler((_request, reply) => refuse(reply, 404))
  server.setErrorHandler((error, request, reply) => {
    const status = statusOf(error)
    if (status < 500) return refuse(reply, status, mistakeOf(error))
    log.error('http-request-failed', { ...whereThrown(error), correlation: request.id })
    return refuse(reply, status)
  })
}

/** What an operation says of the parameter that is not as it should be: our words, and nothing that the caller sent. */
function mistakeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('validation' in error)) return undefined
  const [first]: readonly unknown[] = Array.isArray(error.validation) ? error.validation : []
  if (typeof first !== 'object' || first === null || !('parentSchema' in first)) return undefined
  const shape = first.parentSchema
  if (typeof shape !== 'object' || shape === null || !('description' in shape)) return undefined
  return typeof shape.description === 'string' ? shape.description : undefined
}

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 500
  const status = error.statusCode
  return typeof status === 'number' && status >= 400 && status <= 599 ? status : 500
}
