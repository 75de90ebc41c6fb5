import { requireGrant } from '../http/access.ts'
import type { HttpRequest } from '../http/listener.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { holds } from '../ledger/roles.ts'
import type { Role } from '../ledger/states.ts'

/** Who calls the integrators' port: a token, or an address that the rules let in without one. */
export interface HttpCaller {
  readonly name: string
  readonly roles: readonly Role[]
}

/** Who calls, by request; empty for a request that `requireHttpRole` has not let in. */
export type HttpCallers = WeakMap<HttpRequest, HttpCaller>

/** The name of whoever makes a request that `requireHttpRole` has let in, as it goes on record. */
export const nameOf = (request: HttpRequest, callers: HttpCallers): string => callers.get(request)?.name ?? 'nobody'

/** How what an HTTP caller hands in is taken. */
export interface HttpIntakeDeps extends HttpAccessDeps {
  /** What the rules say of other bytes under a UID that is here already, from an address. Unsaid: both are kept. */
  readonly onChangedAt?: (peer: string) => 'keep' | 'refuse'
}

export interface HttpAccessDeps {
  readonly ledger: Pick<Ledger, 'tokenGrant'>
  /** What the rules in force grant to an address without a token. */
  readonly callerAt?: (peer: string) => HttpCaller | undefined
}

/**
 * An IPv4 caller of a port that listens on both has its own address, not the one that carries it. Undefined for one that has
 * gone meanwhile.
 */
export const peerOf = ({ ip }: { readonly ip: string | undefined }): string | undefined =>
  ip?.replace(/^::ffff:(?=\d+\.)/, '')

/** A hook for `onRequest`: 401 for a caller who is not known, 403 for one without the role. A wrong token is no token. */
export function requireHttpRole({ ledger, callerAt }: HttpAccessDeps, role: Role, callers: HttpCallers) {
  return requireGrant<HttpCaller>(
    {
      grantOf: async (token, peer) => {
        const grant = token === undefined ? undefined : await ledger.tokenGrant(token)
        return grant ?? (peer === undefined ? undefined : callerAt?.(peer))
      },
      allows: (caller) => holds(caller.roles, role),
    },
    callers,
  )
}
