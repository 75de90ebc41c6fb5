import { Secret } from '../base/secret.ts'
import type { HttpReply, HttpRequest } from '../http/listener.ts'
import { refuse } from '../http/refusal.ts'
import type { Ledger, TokenGrant } from '../ledger/ledger.ts'
import type { Role } from '../ledger/states.ts'
import { holds } from './roles.ts'

// Nothing longer is worth a digest and a look into the ledger.
const LONGEST_TOKEN = 512
const SCHEME = /^(Bearer|Basic) +([\x21-\x7e]+) *$/i

/** The token of an Authorization header: Bearer (RFC 6750 2.1), or the password of Basic (RFC 7617 2). */
export function readToken(authorization: string | undefined): Secret | undefined {
  const match = authorization === undefined ? null : SCHEME.exec(authorization)
  if (match?.[1] === undefined || match[2] === undefined) return undefined
  const token = match[1].toLowerCase() === 'bearer' ? match[2] : passwordOf(match[2])
  return token === '' || token.length > LONGEST_TOKEN ? undefined : new Secret(token)
}

function passwordOf(credentials: string): string {
  const text = Buffer.from(credentials, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? '' : text.slice(colon + 1)
}

/** Who calls, by request; empty for a request that `requireRole` has not let in. */
export type Callers = WeakMap<HttpRequest, TokenGrant>

/**
 * A hook for `onRequest`, so before any of the body is read: 401 without a token that we know, 403 when the token does
 * not hold the role. `Basic` is understood but not asked for: a browser that knows no password sends none by itself.
 */
export function requireRole(
  ledger: Pick<Ledger, 'tokenGrant'>,
  role: Role,
  callers: Callers,
  answer: (reply: HttpReply, status: 401 | 403) => HttpReply = refuse,
) {
  return async (request: HttpRequest, reply: HttpReply): Promise<HttpReply | undefined> => {
    const token = readToken(request.headers.authorization)
    const grant = token === undefined ? undefined : await ledger.tokenGrant(token)
    if (grant === undefined) return answer(reply.header('www-authenticate', 'Bearer realm="kurir"'), 401)
    if (!holds(grant.roles, role)) return answer(reply, 403)
    callers.set(request, grant)
    return undefined
  }
}
