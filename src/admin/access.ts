import { requireGrant } from '../http/access.ts'
import type { HttpReply, HttpRequest } from '../http/listener.ts'
import type { Ledger, TokenGrant } from '../ledger/ledger.ts'
import { holds } from '../ledger/roles.ts'
import type { Role } from '../ledger/states.ts'

/** Who calls, by request; empty for a request that `requireRole` has not let in. */
export type Callers = WeakMap<HttpRequest, TokenGrant>

/** A hook for `onRequest`: 401 without a token that we know, 403 when the token does not hold the role. */
export function requireRole(
  ledger: Pick<Ledger, 'tokenGrant'>,
  role: Role,
  callers: Callers,
  answer?: (reply: HttpReply, status: 401 | 403) => HttpReply,
) {
  const policy = {
    grantOf: (token: Parameters<Ledger['tokenGrant']>[0] | undefined) =>
      token === undefined ? undefined : ledger.tokenGrant(token),
    allows: (grant: TokenGrant) => holds(grant.roles, role),
  }
  return requireGrant(policy, callers, answer)
}
