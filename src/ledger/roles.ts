import type { Role } from './states.ts'

// Everything a role brings with it beside itself.
const INCLUDED: Readonly<Record<Role, readonly Role[]>> = {
  VIEWER: [],
  OPERATOR: ['VIEWER'],
  ADMIN: ['OPERATOR', 'VIEWER'],
  PHI_READER: [],
  INGEST: [],
  INTEGRATOR: [],
}

/** Whether one of the roles is the wanted one or includes it (VIEWER < OPERATOR < ADMIN). */
export function holds(roles: readonly Role[], wanted: Role): boolean {
  return roles.some((role) => role === wanted || INCLUDED[role].includes(wanted))
}
