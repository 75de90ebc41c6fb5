import type { Instant, Milliseconds } from '../base/clock.ts'
import type { DeclaredCall } from '../http/declared-call.ts'
import type { HttpReach } from '../http/reach.ts'

/** One named request with the values of its arguments, which are patient data: never in a log or a reason. */
export interface ServiceCall {
  readonly service: string
  readonly call: string
  readonly arguments: Readonly<Record<string, string>>
}

/**
 * What became of one call, well made. `ask` gives found, missing, again or refused; `tell` gives accepted, already, again
 * or refused. No reason, note or field name in it holds anything that was sent or answered; only `fields` and the `note`
 * of `already` do (patient data).
 */
export type CallOutcome =
  /** `fields` has only the kept fields that have a value; `notes` says of the others why not, at most one sentence each. */
  | {
      readonly kind: 'found'
      readonly fields: Readonly<Record<string, string>>
      readonly notes: readonly string[]
      readonly status: number
    }
  | { readonly kind: 'missing'; readonly status: number }
  | { readonly kind: 'accepted'; readonly status: number }
  /** It was told before. `note`: the first 200 characters of what it said, in one line. */
  | { readonly kind: 'already'; readonly status: number; readonly note: string }
  /**
   * No answer, or none that counts: worth another try. Scope `call`: this call alone, which counts it as an attempt.
   * Scope `service`: the service as a whole; nothing was asked or nobody could be, and it is no attempt of this call.
   */
  | {
      readonly kind: 'again'
      readonly scope: 'call' | 'service'
      readonly reason: string
      /** The HTTP status, null when there was no answer. */
      readonly status: number | null
      /** Not before this long from now; null: as the caller likes. */
      readonly retryAfter: Milliseconds | null
    }
  /** Trying again cannot help: a person changes something first. */
  | { readonly kind: 'refused'; readonly reason: string; readonly status: number | null }

/** How long a call of the service is tried again, by those who keep it durably. */
export interface ServiceRetry {
  readonly first: Milliseconds
  readonly longest: Milliseconds
  readonly giveUpAfter: Milliseconds
}

/** How a service is reached. `not-configured` names the environment variables that are not set. */
export type ServiceReach =
  | { readonly kind: 'http'; readonly http: HttpReach }
  | { readonly kind: 'satusehat'; readonly sameAs: string }
  | { readonly kind: 'not-configured'; readonly unset: readonly string[] }

/** A service as the rules declare it, checked and parsed. Plain data. */
export interface ServiceSettings {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly reach: ServiceReach
  readonly retry: ServiceRetry
  /** By name. They are known also while the service is not configured. */
  readonly calls: ReadonlyMap<string, DeclaredCall>
}

/** One of the last answers of a service, kept in memory for a person to look at. */
export interface LastAnswer {
  readonly at: Instant
  readonly took: Milliseconds
  readonly call: string
  /** Patient data. */
  readonly arguments: Readonly<Record<string, string>>
  readonly outcome: CallOutcome['kind']
  readonly status: number | null
  /** Why there was no answer, or none that counts. */
  readonly reason: string | null
}

/** `RESTING`: it failed as a whole and is asked nothing until `until`. */
export const SERVICE_STATES = ['READY', 'RESTING', 'NOT_CONFIGURED'] as const

export interface ServiceState {
  readonly name: string
  readonly kind: 'http' | 'satusehat'
  /** URL without secrets; null while it is not configured. */
  readonly address: string | null
  readonly state: (typeof SERVICE_STATES)[number]
  /** Since when it is in that state; null: since the start. */
  readonly since: Instant | null
  readonly until: Instant | null
  /** Why it rests or is not configured. */
  readonly reason: string | null
  /** Newest first, a few. */
  readonly last: readonly LastAnswer[]
}

/** Whether a service answers, without asking it anything of meaning. */
export interface ServiceVerified {
  readonly reached: boolean
  readonly took: Milliseconds
  readonly status: number | null
  readonly reason: string | null
}

/**
 * The systems we ask and tell. Each method makes one call well (limits, credentials, circuit) and keeps nothing durable:
 * patience over restarts belongs to the caller. Neither rejects for what a service does; both reject with the signal's
 * reason when it fires.
 */
export interface Services {
  /** Identical asks at the same moment share one request. */
  ask(call: ServiceCall, signal: AbortSignal): Promise<CallOutcome>
  /** May reach the service more than once over several tries, at most once in one. */
  tell(call: ServiceCall, signal: AbortSignal): Promise<CallOutcome>
  states(): readonly ServiceState[]
  /** Undefined: there is no such service. */
  verify(name: string, signal: AbortSignal): Promise<ServiceVerified | undefined>
  /** Called with the service's name whenever it answers again after a rest, or was configured anew: time to try what waits. */
  onReturn(listener: (service: string) => void): void
}
