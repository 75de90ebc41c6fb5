import { unwrapResolverError } from '@apollo/server/errors'
import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import { KurirError } from '../base/failure.ts'
import type { NewId } from '../base/id.ts'
import type { Log } from '../base/log.ts'
import { whereThrown } from '../http/incident.ts'

// What Apollo and graphql-js say of a request that cannot be run. Their sentences repeat the caller's own words only.
const CALLERS_OWN = new Set([
  'BAD_REQUEST',
  'BAD_USER_INPUT',
  'FORBIDDEN',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_SUPPORTED',
])

/**
 * What a caller sees of an error. A mistake of theirs keeps its sentence and code; anything else is INTERNAL with the id
 * of an incident, under which the log says where it was thrown.
 */
export function errorFormat(log: Log, newId: NewId) {
  return (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    const where = { ...(formatted.locations && { locations: formatted.locations }), ...pathOf(formatted) }
    const thrown = unwrapResolverError(error)
    if (thrown instanceof KurirError && thrown.code === 'invalid-argument') {
      return { message: thrown.message, ...where, extensions: { code: 'BAD_USER_INPUT' } }
    }
    const code = formatted.extensions?.['code']
    if (thrown instanceof GraphQLError && typeof code === 'string' && CALLERS_OWN.has(code)) {
      return { message: formatted.message, ...where, extensions: { code } }
    }
    const incident = newId()
    log.error('admin-request-failed', { ...whereThrown(thrown), incident })
    return { message: 'Something went wrong here. The log tells more.', extensions: { code: 'INTERNAL', incident } }
  }
}

const pathOf = (formatted: GraphQLFormattedError) => (formatted.path === undefined ? {} : { path: formatted.path })
