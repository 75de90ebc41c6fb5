import type { Instant, Milliseconds } from '../base/clock.ts'
import type { AttemptOutcome, DeliveryState, Door, Moment, StudyState } from './states.ts'

/** How an instance came in. */
export interface Reception {
  readonly at: Instant
  readonly door: Door
  readonly callingAe: string | null
  readonly calledAe: string | null
  readonly peer: string | null
  readonly associationId: string | null
}

/** What the ledger keeps of an instance's header in columns of its own, to list and search by. Holds patient data. */
export interface InstanceIdentity {
  readonly sopClassUid: string
  readonly sopInstanceUid: string
  readonly transferSyntaxUid: string
  readonly studyInstanceUid: string | null
  readonly seriesInstanceUid: string | null
  readonly accessionNumber: string | null
  readonly patientId: string | null
  readonly patientName: string | null
  readonly modality: string | null
}

/** What is known of how a destination can be reached; a row, so that it survives a restart. */
export interface DestinationCondition {
  readonly name: string
  readonly paused: { readonly by: string; readonly reason: string; readonly until: Instant | null } | null
  /** Set while the circuit is open. */
  readonly down: {
    readonly since: Instant
    readonly failures: number
    readonly probeAt: Instant
    readonly reason: string
  } | null
  /** Transfer syntaxes it lately accepted, and pairs it lately refused, as the sender wrote them down. */
  readonly notes: string | null
}

/** One file of a rules folder by its name there. */
export interface RulesetFile {
  readonly name: string
  readonly text: string
}

/** One rule of a ruleset, as lists show it. */
export interface RuleSummary {
  readonly name: string
  readonly file: string
  /** 1-based. */
  readonly line: number
  readonly moment: Moment
  /** Names, as the rule forwards to them. */
  readonly destinations: readonly string[]
}

/** What a ruleset holds, written down when it came into force: it may not compile for ever. */
export interface RulesetSummary {
  /** In the order in which they are tried. */
  readonly rules: readonly RuleSummary[]
  readonly tests: { readonly passed: number; readonly untestedRules: readonly string[] }
}

/** A person's choice of an earlier ruleset. It stands until the folder changes from what it was then, or is asked for. */
export interface RulesetPin {
  /** Digest of the folder it was chosen over; null when that could not be read. */
  readonly over: string | null
  readonly reason: string
}

export interface DeliverySelection {
  readonly states?: readonly DeliveryState[]
  readonly destination?: string
  readonly rule?: string
  readonly plannedAfter?: Instant
  readonly plannedBefore?: Instant
}

/** One try, as it goes on record. */
export interface AttemptRecord {
  readonly startedAt: Instant
  readonly took: Milliseconds
  readonly outcome: AttemptOutcome
  /** `0xA700`, `503`; null when no answer came. */
  readonly status: string | null
  /** Low-cardinality reason: `association-rejected`, `out-of-resources`, `timeout` … */
  readonly reason: string | null
}

export type OperatorOutcome<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'not-allowed-now'; readonly state: string }

/** Who did something, for the audit: an operator's token by name, or a part of Kurir. */
export interface Actor {
  readonly name: string
}

/** When a study's moment comes. */
export interface MomentPolicy {
  readonly quiet: Milliseconds
  readonly longest: Milliseconds
}

/** A study as lists show it. Holds patient data. */
export interface StudyRow {
  readonly studyInstanceUid: string
  readonly accessionNumber: string | null
  readonly patientId: string | null
  readonly patientName: string | null
  readonly modalities: readonly string[]
  readonly state: StudyState
  readonly firstReceivedAt: Instant
  readonly lastReceivedAt: Instant
}
