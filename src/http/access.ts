import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Secret } from '../base/secret.ts'
import { readToken } from './bearer.ts'
import { refuse } from './refusal.ts'

/** Who is known, and what they may do. */
export interface AccessPolicy<Grant> {
  /**
   * Undefined for a token, or a caller without one, that nobody knows.
   *
   * @param peer its address; undefined where a page of another site asks, whose reader's address stands for nobody
   */
  grantOf(token: Secret | undefined, peer: string | undefined): Promise<Grant | undefined> | Grant | undefined
  allows(grant: Grant): boolean
}

/**
 * A hook for `onRequest`, so before any of the body is read: 401 for a caller who is not known, 403 for one who may not.
 * `Basic` is understood but not asked for: a browser that knows no password sends none by itself.
 *
 * @param granted takes the grant of each request that is let in
 */
export function requireGrant<Grant>(
  policy: AccessPolicy<Grant>,
  granted: WeakMap<FastifyRequest, Grant>,
  answer: (reply: FastifyReply, status: 401 | 403) => FastifyReply = refuse,
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const peer = isOfAnotherSite(request) ? undefined : request.ip
    const grant = await policy.grantOf(readToken(request.headers.authorization), peer)
    if (grant === undefined) return answer(reply.header('www-authenticate', 'Bearer realm="kurir"'), 401)
    if (!policy.allows(grant)) return answer(reply, 403)
    granted.set(request, grant)
    return undefined
  }
}

/**
 * Whether a browser asks on behalf of a page that is not ours (RFC 6454 7): a form can be sent anywhere, from wherever whoever
 * reads that page happens to be. `null` is such a page too. Programs send no Origin.
 */
function isOfAnotherSite({ headers: { origin, host } }: FastifyRequest): boolean {
  if (origin === undefined) return false
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase()
}
