import type { Instant, Milliseconds } from '../base/clock.ts'
import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'
import type { RuleRef } from '../rules/decision.ts'
import type { Amendment, Answer } from '../rules/facts.ts'
import type { AmendmentViews } from './amendments.ts'
import type { BlobRef } from './blob-ref.ts'
import type { ErrandRow, ErrandSelection } from './errands.ts'
import type { AttemptId, DeliveryId, ErrandId, InstanceId, ObligationId } from './ids.ts'
import type {
  DeliverySelection,
  DestinationCondition,
  InstanceIdentity,
  Reception,
  RulesetFile,
  RulesetPin,
  RulesetSummary,
  StudyRow,
} from './records.ts'
import type { SpooledViews } from './spooled.ts'
import type {
  AttemptOutcome,
  DeliveryState,
  InstanceState,
  ObligationKind,
  ObligationState,
  StudyState,
} from './states.ts'

/** A page of a list by keyset: newest first unless said otherwise; `after` and `before` are cursors this ledger gave out. */
export interface PageRequest {
  /** Exactly one of the two is given; at most 200. */
  readonly first?: number
  readonly last?: number
  readonly after?: string
  readonly before?: string
}

export interface Page<Row> {
  /** Always in list order. */
  readonly rows: readonly { readonly cursor: string; readonly row: Row }[]
  readonly hasNext: boolean
  readonly hasPrevious: boolean
}

export interface InstanceRow {
  readonly id: InstanceId
  readonly identity: InstanceIdentity
  readonly blob: BlobRef
  readonly reception: Reception
  readonly state: InstanceState
  readonly heldReason: string | null
  /** Why its header cannot be read or contradicts what it was announced as: no rule is asked about it. Else null. */
  readonly unreadable: string | null
  /** The one whose deliveries stand for this one's; null where it is no duplicate, or not decided yet. */
  readonly duplicateOf: InstanceId | null
  /** Whether the original is still in the spool. */
  readonly spooled: boolean
}

export interface ObligationRow {
  readonly id: ObligationId
  readonly instance: InstanceId
  readonly kind: ObligationKind
  readonly state: ObligationState
  readonly rule: RuleRef | null
  readonly reason: string | null
  readonly until: Instant | null
  readonly delivery: DeliveryId | null
  /** Of which study moment; null for the instance moment. */
  readonly round: number | null
  /** How many of the study it stands for beside itself. */
  readonly others: number
}

export interface DeliveryRow {
  readonly id: DeliveryId
  readonly instance: InstanceId
  /** Of which study moment; null for the instance moment. */
  readonly errand: ErrandId | null
  readonly destination: string
  readonly sentTo: string | null
  readonly state: DeliveryState
  readonly reason: string | null
  readonly urgent: boolean
  readonly rules: readonly RuleRef[]
  readonly changes: readonly AttributeChange[]
  readonly attempts: number
  readonly nextAttemptAt: Instant | null
  readonly plannedAt: Instant
  readonly settledAt: Instant | null
  readonly sentSha256: string | null
}

export interface AttemptRow {
  readonly id: AttemptId
  readonly delivery: DeliveryId
  readonly number: number
  readonly startedAt: Instant
  readonly took: Milliseconds | null
  readonly outcome: AttemptOutcome
  readonly status: string | null
  readonly reason: string | null
}

export interface AuditRow {
  readonly node: string
  readonly sequence: number
  readonly at: Instant
  readonly event: string
  readonly actor: string
  readonly outcome: string
  readonly subjectKind: 'Instance' | 'Study' | 'Delivery' | 'Destination' | 'Ruleset' | null
  readonly subjectId: string | null
  /** Holds patient data. */
  readonly detail: string | null
}

/** A ruleset that is or was in force, without the text of its files. */
export interface RulesetRow {
  readonly digest: string
  /** When it last came into force. */
  readonly loadedAt: Instant
  readonly by: string
  readonly files: readonly string[]
  readonly summary: RulesetSummary | null
  readonly pin: RulesetPin | null
}

export interface QueueDepth {
  readonly ready: number
  /** READY with a try behind it and the next one in the future. */
  readonly waiting: number
  readonly sending: number
  readonly awaitingCommitment: number
  readonly held: number
  readonly rejected: number
  readonly failed: number
  readonly delivered: number
  readonly cancelled: number
  readonly oldestReadyAt: Instant | null
}

export interface StudySelection {
  readonly accessionNumber?: string
  readonly studyInstanceUid?: string
  readonly state?: StudyState
  readonly receivedAfter?: Instant
  readonly receivedBefore?: Instant
}

export interface InstanceSelection {
  readonly studyInstanceUid?: string
  readonly state?: InstanceState
  readonly sopClassUid?: string
  readonly callingAe?: string
  readonly receivedAfter?: Instant
}

export interface AuditSelection {
  readonly event?: string
  readonly actor?: string
  readonly after?: Instant
  readonly before?: Instant
  readonly subjectId?: string
}

/** One thing that was decided of an instance. */
export interface PastObligation {
  readonly kind: ObligationKind
  readonly reason: string | null
  /** Of a delivery; null for the others. */
  readonly destination: string | null
  /** Those that asked for it; empty where no rule did. */
  readonly rules: readonly RuleRef[]
  /** What was changed on the way; empty for the others. */
  readonly edits: readonly ResolvedEdit[]
  /** Of a wait: whether it is for the study's moment. */
  readonly awaitsStudy: boolean
}

/** A past instance and what was decided of it, in the order in which it was. */
export interface PastDecision {
  readonly id: InstanceId
  readonly reception: Reception
  readonly identity: InstanceIdentity
  /** The packed header as received. */
  readonly header: Uint8Array
  /** False while it waits for its first decision or for another one. */
  readonly isDecided: boolean
  readonly obligations: readonly PastObligation[]
  /** The later on top. */
  readonly amendments: readonly Amendment[]
  /** Those that decisions on its study rested on. */
  readonly answers: ReadonlyMap<string, Answer & { readonly askedAt: Instant }>
}

/** Studies are taken whole when something came for them in the span: from `since` on, before `before`. */
export interface PastSpan {
  readonly since: Instant
  readonly before: Instant
}

/** How many obligations stand in each state; their sum is all that were ever made and are still on record (wall W6). */
export type ObligationCounts = Readonly<Record<ObligationState, number>> & {
  /** Admitted and not decided yet. */
  readonly undecided: number
}

/** One try at telling a service. */
export type ErrandAttemptRow = Omit<AttemptRow, 'delivery'> & { readonly errand: ErrandId }

export interface HoldViews {
  /** What waits for a person, oldest last. A study held for one reason is one row. */
  held(page: PageRequest): Promise<Page<ObligationRow>>
}

export interface ErrandViews {
  errand(id: ErrandId): Promise<ErrandRow | undefined>
  /** Newest first. */
  errands(selection: ErrandSelection, page: PageRequest): Promise<Page<ErrandRow>>
  errandAttempts(errand: ErrandId, page: PageRequest): Promise<Page<ErrandAttemptRow>>
}

/** The reading half of the ledger. Never waits for the writer; may be one commit behind it. */
export interface LedgerViews extends AmendmentViews, HoldViews, ErrandViews, SpooledViews {
  study(studyInstanceUid: string): Promise<StudyRow | undefined>
  studies(selection: StudySelection, page: PageRequest): Promise<Page<StudyRow>>
  instance(id: InstanceId): Promise<InstanceRow | undefined>
  instances(selection: InstanceSelection, page: PageRequest): Promise<Page<InstanceRow>>
  /** The packed header as received. */
  header(id: InstanceId): Promise<Uint8Array | undefined>
  obligations(instance: InstanceId): Promise<readonly ObligationRow[]>
  obligation(id: ObligationId): Promise<ObligationRow | undefined>
  delivery(id: DeliveryId): Promise<DeliveryRow | undefined>
  deliveries(
    selection: DeliverySelection & {
      readonly instance?: InstanceId
      readonly studyInstanceUid?: string
      readonly errand?: ErrandId
    },
    page: PageRequest,
  ): Promise<Page<DeliveryRow>>
  /** Up to `cap`; undefined above it. */
  deliveryCount(selection: DeliverySelection, cap: number): Promise<number | undefined>
  attempts(delivery: DeliveryId, page: PageRequest): Promise<Page<AttemptRow>>
  attempt(id: AttemptId): Promise<AttemptRow | undefined>
  auditEvents(selection: AuditSelection, page: PageRequest): Promise<Page<AuditRow>>
  auditEvent(node: string, sequence: number): Promise<AuditRow | undefined>
  /**
   * Readable instances with what was decided of them, study by study in the order in which studies were last added to, then
   * those of no study; at most `limit` (1,000 at most). `next` goes on behind the page; null at the end.
   */
  pastDecisions(
    span: PastSpan,
    limit: number,
    after?: string,
  ): Promise<{ readonly rows: readonly PastDecision[]; readonly next: string | null }>
  ruleset(digest: string): Promise<RulesetRow | undefined>
  /** By when they last came into force. */
  rulesets(page: PageRequest): Promise<Page<RulesetRow>>
  rulesetFiles(digest: string): Promise<readonly RulesetFile[] | undefined>
  queueDepth(destination: string): Promise<QueueDepth>
  /** Every destination that has ever been owed something or has a condition. */
  conditions(): Promise<readonly DestinationCondition[]>
  obligationCounts(): Promise<ObligationCounts>
  /**
   * For the spool's recovery: the blob keys of instances that wait for a decision, which of these belong to one that has its
   * decision, and rows admitted after the last verified mark.
   */
  undecidedBlobs(): Promise<ReadonlySet<string>>
  decidedBlobs(keys: readonly string[]): Promise<ReadonlySet<string>>
  unverified(limit: number, after?: InstanceId): Promise<readonly { readonly id: InstanceId; readonly blob: BlobRef }[]>
}
