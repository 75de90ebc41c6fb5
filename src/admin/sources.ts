// What the admin needs of rooms it does not import; app.ts hands them in.
import type { Instant, Milliseconds } from '../base/clock.ts'
import type { Actor } from '../ledger/ledger.ts'
import type { RulesetRow } from '../ledger/views.ts'
import type { ShadowReport } from '../report/shadow-report.ts'
import type { RuleFile } from '../rules/rule-source.ts'
import type { Ruleset } from '../rules/ruleset.ts'

/** Held equal to the GraphQL enum by a test. */
export const DESTINATION_KINDS = ['DIMSE', 'FOLDER', 'STOW', 'SATUSEHAT', 'HTTP'] as const
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

export interface RuleMistake {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

export type Reload =
  | { readonly kind: 'loaded'; readonly inForce: RulesetRow }
  | { readonly kind: 'refused'; readonly problems: readonly RuleMistake[] }

export interface RulesetSource {
  inForce(): RulesetRow
  /** The same, to ask what it would decide. */
  compiled(): Ruleset
  /** For how many instances a rule asked for something in the last hour. */
  matchedLastHour(rule: string): number
  /** Reads the folder again, which ends a pin; what does not load changes nothing. Audited under `by`, also when refused. */
  reload(by: Actor, force: boolean): Promise<Reload>
  /** Puts an earlier ruleset in force and pins it; undefined when none of that digest was kept. */
  rollback(digest: string, reason: string, order: RulesetOrder): Promise<Reload | undefined>
}

export interface RulesetOrder {
  readonly by: Actor
  /** Also when it drops a destination that is still owed something; that is held then. */
  readonly force: boolean
}

/** What is to be replayed through what. */
export interface ShadowWish {
  readonly files: readonly RuleFile[]
  readonly against: 'record' | 'current'
  readonly since: Instant
  readonly before: Instant
}

export interface ShadowSource {
  /** Whether these files make a ruleset, with the digest it has. */
  check(
    files: readonly RuleFile[],
  ):
    | { readonly kind: 'checked'; readonly digest: string }
    | { readonly kind: 'refused'; readonly problems: readonly RuleMistake[] }
  /** @throws KurirError, `aborted` by the signal */
  run(wish: ShadowWish, signal: AbortSignal, progress: (instances: number) => void): Promise<ShadowReport>
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
  /** Why the rules folder as it stands is not in force; empty when it is. */
  readonly ruleProblems: readonly RuleMistake[]
}

export interface HealthSource {
  report(): HealthReport | Promise<HealthReport>
}
