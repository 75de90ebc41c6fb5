import type { Instant, Milliseconds } from '../base/clock.ts'
import type { FailureCode } from '../base/failure.ts'
import type { Secret } from '../base/secret.ts'
import type { Wakes } from '../base/wake.ts'
import type { ResolvedEdit } from '../dicom/resolved-edit.ts'
import type { AdmittedAmendment, AmendmentVerbs } from './amendments.ts'
import type { BlobRef } from './blob-ref.ts'
import type { PlanEntry, PlanOutcome, Unplanned } from './deciding.ts'
import type { ErrandVerbs } from './errands.ts'
import type { HoldVerbs } from './holds.ts'
import type { ClaimToken, DeliveryId, InstanceId } from './ids.ts'
import type { QuestionVerbs } from './questions.ts'
import type {
  Actor,
  AttemptRecord,
  DeliverySelection,
  InstanceIdentity,
  OperatorOutcome,
  Reception,
  RulesetFile,
  RulesetPin,
  RulesetSummary,
} from './records.ts'
import type { RoundVerbs } from './rounds.ts'
import type { DeliveryState, Role } from './states.ts'
import type { LedgerViews } from './views.ts'

// The port speaks of these.
export type { NewObligation, PlanEntry, PlanOutcome, Unplanned } from './deciding.ts'
export type { Actor, AttemptRecord, OperatorOutcome } from './records.ts'

/** One instance to take into the books. */
export interface Admission {
  readonly id: InstanceId
  readonly blob: BlobRef
  readonly reception: Reception
  /** Who brought it, as the audit trail names them; unsaid: the calling AE, or the door where there is none. */
  readonly by?: string
  readonly identity: InstanceIdentity
  /** The packed header (`dicom/header.ts`); null when it could not be read. */
  readonly header: Uint8Array | null
  /** Why the header cannot be read or contradicts the command; such an instance is held `unreadable` at once. */
  readonly unreadable: string | null
  /** What the request that brought it sets, on record in the same transaction: no decision is made without. */
  readonly amendments?: readonly AdmittedAmendment[]
}

export interface Admitted {
  readonly id: InstanceId
  /**
   * Another instance of the same SOP Instance UID that was there already, if any: the same bytes from the same calling AE
   * (`same`), or other bytes (`changed`).
   */
  readonly earlier: { readonly id: InstanceId; readonly bytes: 'same' | 'changed' } | null
}

/** A delivery that is ours to send until the lease ends. */
export interface ClaimedDelivery {
  readonly id: DeliveryId
  readonly token: ClaimToken
  readonly instance: InstanceId
  readonly destination: string
  /** Tries that counted, before this one. */
  readonly attempts: number
  readonly blob: BlobRef
  readonly sopClassUid: string
  /** The SOP Instance UID under which it leaves. */
  readonly outgoingUid: string
  readonly transferSyntaxUid: string
  readonly callingAe: string | null
  readonly edits: readonly ResolvedEdit[]
  readonly editVersion: number
  readonly urgent: boolean
  /** SHA-256 of what an earlier attempt sent (after edits, before any VR re-encode); null before the first. */
  readonly sentSha256: string | null
  /** Whether an earlier attempt may have been taken without our hearing of it. */
  readonly ambiguousBefore: boolean
  readonly plannedAt: Instant
}

export interface Settlement {
  readonly delivery: DeliveryId
  readonly token: ClaimToken
  readonly attempt: AttemptRecord
  /** Where it goes from here. `READY` needs `nextAttemptAt`; the others end it or hand it to a person. */
  readonly state: Extract<DeliveryState, 'READY' | 'DELIVERED' | 'REJECTED' | 'FAILED' | 'HELD'>
  readonly nextAttemptAt: Instant | null
  /** Why it is held, rejected or failed. */
  readonly reason: string | null
  readonly sentSha256: string | null
}

/** `superseded`: the claim was no longer ours (lease over, or a person changed it); nothing was written. */
export type SettleOutcome = 'applied' | 'superseded'

/** A delivery returned to the queue without counting a try: the destination failed, or we are stopping. */
export interface GivenBack {
  readonly delivery: DeliveryId
  readonly token: ClaimToken
  /** Whether it may have been taken all the same: `ambiguousBefore` of the next claim. */
  readonly maybeTaken?: boolean
}

export interface TokenGrant {
  readonly name: string
  readonly roles: readonly Role[]
}

export interface RulesetRecord {
  readonly digest: string
  readonly loadedAt: Instant
  readonly by: string
  /** Every file by its name in the folder, with its text. */
  readonly files: readonly RulesetFile[]
  /** Null for one that an earlier version of Kurir wrote. */
  readonly summary: RulesetSummary | null
  /** Null when it is what the folder said. */
  readonly pin: RulesetPin | null
}

/** An association that was refused, remembered so that somebody can be told how to admit it. */
export interface RefusedCaller {
  readonly callingAe: string
  readonly calledAe: string
  readonly peer: string
  readonly reason: string
  readonly count: number
  readonly lastAt: Instant
}

/** An event of the process rather than of an instance: a refused association, a reload, a start. */
export interface ProcessEvent {
  readonly event: string
  readonly actor: string
  readonly outcome: string
  readonly detail: string | null
}

/** What the ledger has done since it was opened, for the bench and the metrics. */
export interface LedgerCounts {
  /** Transactions that ended with a flush. */
  readonly fullCommits: number
  /** Transactions without one of their own. */
  readonly quietCommits: number
  /** Times the write-ahead log was copied back; two flushes each. */
  readonly checkpoints: number
  /** Size of the write-ahead log when last looked at: an alarm when it only grows. */
  readonly walBytes: number
}

/**
 * The one durable record (ARCHITECTURE.md 5). Every verb is one transaction with its audit events inside it; plain data in
 * and out. A verb marked FULL resolves only when what it wrote would survive a power cut; the others ride on the next FULL
 * commit, and repeating them after a crash is harmless. Every verb rejects with KurirError `ledger-closed` after disposal.
 */
export interface Ledger extends AsyncDisposable, AmendmentVerbs, HoldVerbs, QuestionVerbs, RoundVerbs, ErrandVerbs {
  /** The ledger owns time: due times are compared with this. */
  now(): Instant
  /**
   * Topics: `plan` (something to decide), `study` (a moment is set or a round to be decided), `question`, `errand`,
   * `deliver:<destination>` (something became due), `settled` (a delivery has come to its end, or stands for a duplicate's),
   * `destination:<name>`. After commit.
   */
  readonly wakes: Wakes
  readonly views: LedgerViews
  counts(): LedgerCounts

  // ── taking in
  /**
   * How many objects are being received now, those whose `admit` waits included: with several on their way the ledger lets
   * them meet in one flush. Told whenever it changes; costs nothing.
   */
  expectAdmissions(count: number): void
  /** FULL. Instance, study, header, and for an unreadable one its hold. */
  admit(admissions: readonly Admission[]): Promise<readonly Admitted[]>
  /** FULL. Undoes an admission whose bytes turned out not to be durable: it was never acknowledged. */
  withdraw(instance: InstanceId, reason: FailureCode): Promise<void>
  /** Everything admitted up to and including this one, in the order of `admit`, has durable bytes: recovery need not look again. */
  markVerified(upTo: InstanceId): Promise<void>

  // ── deciding
  /** The oldest instances without a decision, readable ones only. `after` is the last id seen, to look past what is in work. */
  unplanned(limit: number, after?: InstanceId): Promise<readonly Unplanned[]>
  /** Holds an outgoing (destination, UID) that an earlier delivery sent or will send with other bytes: `conflict`. */
  plan(entries: readonly PlanEntry[]): Promise<readonly PlanOutcome[]>

  // ── delivering
  /** Urgent ones first, then by due time; `only`: no others. Not while the destination is paused. */
  claim(
    destination: string,
    limit: number,
    claimant: string,
    lease: Milliseconds,
    only?: 'urgent',
  ): Promise<readonly ClaimedDelivery[]>
  /** Extends leases; tokens that are no longer ours are left out of the answer. */
  renew(tokens: readonly ClaimToken[], lease: Milliseconds): Promise<readonly ClaimToken[]>
  settle(settlements: readonly Settlement[]): Promise<readonly SettleOutcome[]>
  giveBack(deliveries: readonly GivenBack[]): Promise<void>
  /** Returns to READY what was SENDING under an expired lease, or under another claimant of this node (it died with its lock). Counts an INTERRUPTED attempt. */
  rescue(liveClaimant: string): Promise<number>
  /** When the next delivery of the destination falls due, or a lease or a pause ends; undefined when there is none. */
  nextDueAt(destination: string): Promise<Instant | undefined>
  /** Opens or closes the circuit; audited when it changes. */
  destinationDown(name: string, failures: number, probeAt: Instant, reason: string): Promise<void>
  destinationUp(name: string): Promise<void>
  destinationNotes(name: string, notes: string): Promise<void>

  // ── operators, all FULL
  /** READY now, attempts kept. From READY (waiting), HELD, REJECTED, FAILED, CANCELLED. */
  deliveryRetry(delivery: DeliveryId, by: Actor): Promise<OperatorOutcome<DeliveryId>>
  /** As above for all that match and can be retried (not CANCELLED unless asked for by state), at most `limit`, oldest first. */
  deliveriesRetry(
    selection: DeliverySelection,
    limit: number,
    by: Actor,
  ): Promise<{ readonly retried: number; readonly left: number }>
  deliveryCancel(delivery: DeliveryId, reason: string, by: Actor): Promise<OperatorOutcome<DeliveryId>>
  destinationPause(name: string, reason: string, until: Instant | null, by: Actor): Promise<OperatorOutcome<string>>
  destinationResume(name: string, by: Actor): Promise<OperatorOutcome<string>>
  /** Forgets what still waits or is held of an instance's decision, and asks for a new one. Deliveries stay as they are. */
  instanceReplan(instance: InstanceId, by: Actor): Promise<OperatorOutcome<InstanceId>>

  // ── destinations that the rules dropped (RULES.md 3.12)
  /** FULL. What is READY for it is HELD `destination gone`, at most so many at once. Resolves with how many. */
  deliveriesHoldGone(destination: string, limit: number): Promise<number>
  /** FULL. What is HELD for that reason is READY again, at most so many at once. Resolves with how many. */
  deliveriesReleaseGone(destination: string, limit: number): Promise<number>

  // ── keeping
  /** FULL. It is the last one from now on; each is kept once, by its digest. */
  rulesetInForce(ruleset: RulesetRecord): Promise<void>
  lastRuleset(): Promise<RulesetRecord | undefined>
  /** Only the SHA-256 of the token is kept. FULL. */
  tokenCreate(token: Secret, grant: TokenGrant, by: Actor): Promise<void>
  tokenRevoke(name: string, by: Actor): Promise<boolean>
  tokenGrant(token: Secret): Promise<TokenGrant | undefined>
  tokens(): Promise<readonly (TokenGrant & { readonly createdAt: Instant; readonly revokedAt: Instant | null })[]>
  callerRefused(callingAe: string, calledAe: string, peer: string, reason: string): Promise<void>
  refusedCallers(limit: number): Promise<readonly RefusedCaller[]>
  processEvent(event: ProcessEvent): Promise<void>
  /** One event a request that read patient data (PS3.15 A.5 "DICOM Instances Accessed"). */
  phiRead(by: Actor, what: string, count: number): Promise<void>
  /** Recomputes the chain of audit events. */
  auditVerify(): Promise<{ readonly events: number; readonly firstBroken: number | null }>
  /** Flushes and folds the write-ahead log back; on the owner's schedule, off the hot path. */
  checkpoint(): Promise<{ readonly walBytes: number }>
}
