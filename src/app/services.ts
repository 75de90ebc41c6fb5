import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { ServiceState } from '../services/call.ts'
import { HttpServices, type ServiceMeter } from '../services/http-services.ts'

export interface DeclaredServicesDeps {
  readonly ruleset: () => Ruleset
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly meter: ServiceMeter
}

/** The services of the rules in force. */
export const declaredServices = ({ ruleset, ...deps }: DeclaredServicesDeps): HttpServices =>
  new HttpServices({ ...deps, settings: () => ruleset().services })

/** What a person should know of services that nothing can be asked now, one sentence each. */
export function serviceProblems(states: readonly ServiceState[]): readonly string[] {
  return states.flatMap(({ name, kind, state, reason }) => {
    if (state === 'RESTING')
      return [`Service ${name} does not answer (${reason}); what asks it waits, nothing else does.`]
    // Asking SATUSEHAT is declared by rules that are shared with sites that have it.
    return state === 'NOT_CONFIGURED' && kind === 'http' ? [`Service ${name} is ${reason}.`] : []
  })
}
