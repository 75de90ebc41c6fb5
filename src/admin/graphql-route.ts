import type { ApolloServer } from '@apollo/server'
import { fastifyApolloHandler } from '@as-integrations/fastify'
import { type DocumentNode, type GraphQLSchema, parse } from 'graphql'
import { KurirError } from '../base/failure.ts'
import type { HttpReply, HttpRequest, HttpServer } from '../http/listener.ts'
import { refuse, sentenceFor } from '../http/refusal.ts'
import { type Callers, requireRole } from './access.ts'
import { MOST_TOKENS } from './apollo.ts'
import { type AdminContext, type AdminSources, contextFor } from './context.ts'
import { PhiReads } from './phi-reads.ts'
import { tooLarge, type Variables } from './shape.ts'

/** Bytes of a request: query and variables. */
const BODY_LIMIT = 100_000

interface GraphqlRoute {
  readonly apollo: ApolloServer<AdminContext>
  readonly schema: GraphQLSchema
  readonly sources: AdminSources
}

/**
 * `POST /graphql` for programs, `GET /graphql` to the playground for browsers. Nothing else is a GET: queries can hold
 * an accession number, and addresses end up in other people's logs.
 */
export async function addGraphql(server: HttpServer, { apollo, schema, sources }: GraphqlRoute): Promise<void> {
  const callers: Callers = new WeakMap()
  await server.register(async (scope) => {
    // JSON is all we read; Fastify would take text as well, which a foreign page can send without asking.
    scope.removeContentTypeParser('text/plain')
    scope.get('/graphql', (request, reply) => {
      if (request.headers.accept?.includes('text/html')) return reply.redirect('/playground/', 302)
      return refuse(reply.header('allow', 'POST'), 405)
    })
    scope.post('/graphql', {
      bodyLimit: BODY_LIMIT,
      onRequest: requireRole(sources.ledger, 'VIEWER', callers, refuseCaller),
      preHandler: async (request, reply) => refuseTooLarge(schema, request, reply),
      handler: fastifyApolloHandler(apollo, { context: async (request) => contextOf(request, callers, sources) }),
    })
  })
}

// In GraphQL's own shape: its clients show nothing else.
function refuseCaller(reply: HttpReply, status: 401 | 403): HttpReply {
  return refuseOperation(reply, status, sentenceFor(status), status === 401 ? 'UNAUTHENTICATED' : 'FORBIDDEN')
}

function refuseOperation(reply: HttpReply, status: number, message: string, code: string): HttpReply {
  const errors = [{ message, extensions: { code } }]
  return reply.code(status).type('application/json; charset=utf-8').send({ errors })
}

function contextOf(request: HttpRequest, callers: Callers, sources: AdminSources): AdminContext {
  const caller = callers.get(request)
  if (caller === undefined) throw new KurirError('internal', 'permanent', 'a request came in without its caller')
  return contextFor(sources, caller, new PhiReads())
}

/**
 * Measures the operation before Apollo validates it: some of graphql-js's own rules compare every field with every other,
 * so a limit that is one more such rule comes too late.
 */
function refuseTooLarge(schema: GraphQLSchema, request: HttpRequest, reply: HttpReply): HttpReply | undefined {
  const operation = readOperation(request.body)
  const document = operation === undefined ? undefined : tryParse(operation.query)
  if (operation === undefined || document === undefined) return undefined
  const sentence = tooLarge(schema, document, operation.variables)
  return sentence === undefined ? undefined : refuseOperation(reply, 400, sentence, 'OPERATION_TOO_LARGE')
}

// What cannot be read is Apollo's to refuse.
function readOperation(body: unknown): { readonly query: string; readonly variables: Variables } | undefined {
  if (typeof body !== 'object' || body === null || !('query' in body) || typeof body.query !== 'string')
    return undefined
  const variables = 'variables' in body && typeof body.variables === 'object' ? body.variables : null
  return { query: body.query, variables: { ...variables } }
}

function tryParse(query: string): DocumentNode | undefined {
  try {
    return parse(query, { maxTokens: MOST_TOKENS, noLocation: true })
  } catch {
    return undefined
  }
}
