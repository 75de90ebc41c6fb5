import fastifySwagger from '@fastify/swagger'
import fastifySwaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { KurirError } from '../base/failure.ts'
import { BYTES, type Shape, UNDESCRIBED } from './operation.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a body that is read as it comes may be, by media type; undefined: bytes. Nothing but the description reads it. */
    readonly takes?: Readonly<Record<string, Shape | undefined>>
  }
}

export interface ApiDescription {
  readonly title: string
  readonly version: string
  readonly description: string
  readonly tags: readonly { readonly name: string; readonly description: string }[]
}

// Only files of ours: no CDN, no frame, no form, no validator elsewhere.
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/**
 * Serves `GET /openapi.json`, an OpenAPI 3.1 document of every route that is added after this, and pages to read and try it
 * at `/docs`. Both are for whoever asks: they say how to call, and nothing of what is here.
 *
 * A route without an operation is refused when it is added, so that none is left out.
 */
export async function describeApi(server: FastifyInstance, api: ApiDescription): Promise<void> {
  await server.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: api.title, version: api.version, description: api.description },
      tags: api.tags.map((tag) => ({ ...tag })),
      servers: [{ url: '/' }],
      components: { securitySchemes: SECURITY_SCHEMES },
      security: [{ token: [] }, { password: [] }],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, at) => nameOf(json, at) },
    transform: ({ schema, url, route }) => ({ schema: withBody(schema, route.config?.takes), url }),
  })
  await server.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    staticCSP: CONTENT_SECURITY_POLICY,
    theme: { title: api.title },
    // Without the bar on top, in which any other document could be asked for.
    uiConfig: { layout: 'BaseLayout', deepLinking: true, validatorUrl: null },
  })
  server.addHook('onRoute', ({ schema, method, url }) => {
    if (schema?.hide === true || schema?.operationId !== undefined) return
    throw new KurirError('internal', 'permanent', `${method.toString()} ${url} has no operation that describes it`)
  })
  server.get('/openapi.json', { schema: UNDESCRIBED }, (_request, reply) => reply.send(server.swagger()))
}

const SECURITY_SCHEMES = {
  token: { type: 'http', scheme: 'bearer', description: 'A token of `kurir token create`.' },
  password: {
    type: 'http',
    scheme: 'basic',
    description: 'The same token as the password; the user name is not looked at.',
  },
} as const

const nameOf = (json: Readonly<Record<string, unknown>>, at: number): string =>
  typeof json['$id'] === 'string' ? json['$id'] : `Shape${at}`

// A body that is read as it comes has passed no parser, so it can be described but not validated by a schema.
function withBody(schema: FastifySchema | undefined, takes: Readonly<Record<string, Shape | undefined>> | undefined) {
  if (takes === undefined) return schema ?? UNDESCRIBED
  const content = Object.entries(takes).map(([type, shape]) => [type, { schema: shape ?? BYTES }])
  return { ...schema, body: { content: Object.fromEntries(content) } }
}
