import type { FastifySchema } from 'fastify'
import { sentenceFor } from './refusal.ts'

/** A schema of JSON Schema, as the validator, the serializer and the description read it. */
export type Shape = Readonly<Record<string, unknown>>

/**
 * What a route takes and answers: Fastify validates parameters and query by it and writes JSON answers by it, and the
 * description of the port is made from it. `openapi.ts` refuses a route without one.
 */
export interface Operation extends FastifySchema {
  /** Unique within a port: clients that are generated call their functions so. */
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly tags: readonly string[]
}

/** For a route that is no part of the API: pages and their files. */
export const UNDESCRIBED = { hide: true } as const

/** The body of every refusal (`refusal.ts`), under the name by which operations refer to it. */
export const REFUSAL: Shape = {
  $id: 'Refusal',
  type: 'object',
  description: 'What was not done, in a sentence. It holds nothing of the request.',
  required: ['status', 'message', 'correlation_id'],
  properties: {
    status: { type: 'string', const: 'error' },
    message: { type: 'string' },
    correlation_id: { type: 'string', description: 'The same as X-Correlation-ID.' },
  },
}

/** Answers with a refusal, each with the sentence of its status. */
export function refusals(...statuses: readonly number[]): Readonly<Record<string, Shape>> {
  return Object.fromEntries(statuses.map((status) => [status, answer(sentenceFor(status), JSON_REFUSAL)]))
}

/** An answer by media type. Undefined: its body is bytes, or text in a form of its own. */
export function answer(description: string, content?: Readonly<Record<string, Shape | undefined>>): Shape {
  if (content === undefined) return { description, type: 'null' }
  const entries = Object.entries(content).map(([type, schema]) => [type, { schema: schema ?? BYTES }])
  return { description, content: Object.fromEntries(entries) }
}

/** Bytes of whatever the media type says (OpenAPI 3.1 4.8.14.2). */
export const BYTES: Shape = { type: 'string', format: 'binary' }

const JSON_REFUSAL = { 'application/json': { $ref: 'Refusal#' } } as const
