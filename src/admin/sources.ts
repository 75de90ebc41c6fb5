// What the admin needs of rooms it does not import; app.ts hands them in.
import type { Instant, Milliseconds } from '../base/clock.ts'
import type { Actor } from '../ledger/ledger.ts'

/** Held equal to the GraphQL enum by a test. */
export const DESTINATION_KINDS = ['DIMSE', 'FOLDER'] as const
export type DestinationKind = (typeof DESTINATION_KINDS)[number]

/** What may be shown of a destination that the rules declare. */
export interface DeclaredDestination {
  readonly kind: DestinationKind
  /** `ARCHIVE@10.0.0.5:104`, a folder. Never a secret. */
  readonly address: string
}

/** What became of a C-ECHO, or of the destination's nearest thing to it. */
export interface Verification {
  readonly reached: boolean
  readonly took: Milliseconds
  /** Low-cardinality; null when it was reached. */
  readonly reason: string | null
}

export interface DestinationSource {
  /** Every destination that the rules in force declare, in their order. */
  names(): readonly string[]
  /** Undefined for a name that they do not declare, or whose address is not set. */
  declared(name: string): DeclaredDestination | undefined
  /** Never rejects for what a peer does; rejects with an AbortError when the signal fires. */
  verify(name: string, signal: AbortSignal): Promise<Verification>
}

export interface RuleSummary {
  readonly name: string
  readonly file: string
  readonly line: number
  /** Names, as the rule forwards to them. */
  readonly destinations: readonly string[]
}

export interface RulesetInForce {
  readonly digest: string
  readonly loadedAt: Instant
  readonly files: readonly string[]
  /** In the order in which they are tried. */
  readonly rules: readonly RuleSummary[]
}

export interface RuleMistake {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

export type Reload =
  | { readonly kind: 'loaded'; readonly ruleset: RulesetInForce }
  | { readonly kind: 'refused'; readonly problems: readonly RuleMistake[] }

export interface RulesetSource {
  inForce(): RulesetInForce
  /** Reads the folder again; what does not load changes nothing. Audited under `by` when it comes into force. */
  reload(by: Actor): Promise<Reload>
}

export interface HealthReport {
  readonly live: boolean
  /** The doors are open. */
  readonly ready: boolean
  readonly version: string
  readonly startedAt: Instant
  /** Bytes. */
  readonly spoolFree: number
  /** One sentence each, without patient data: they are shown to callers without a token. */
  readonly problems: readonly string[]
}

export interface HealthSource {
  report(): HealthReport | Promise<HealthReport>
}
