import { requireGrant } from '../http/access.ts'
import type { HttpRequest } from '../http/listener.ts'
import type { HttpAccessDeps, HttpCaller } from '../ingest/http-access.ts'
import { holds } from '../ledger/roles.ts'

/** Who reads, by request. */
export type Readers = WeakMap<HttpRequest, HttpCaller>

/** A hook for `onRequest`: only who may read patient data, a person's token or a system's (HTTP-API roles). */
export function requireReader({ ledger, callerAt }: HttpAccessDeps, readers: Readers) {
  return requireGrant<HttpCaller>(
    {
      grantOf: async (token, peer) =>
        (token === undefined ? undefined : await ledger.tokenGrant(token)) ??
        (peer === undefined ? undefined : callerAt?.(peer)),
      allows: ({ roles }) => holds(roles, 'INTEGRATOR') || holds(roles, 'PHI_READER'),
    },
    readers,
  )
}
