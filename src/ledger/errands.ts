import type { Instant, Milliseconds } from '../base/clock.ts'
import type { Arguments, RuleRef } from '../rules/decision.ts'
import type { ClaimToken, ErrandId } from './ids.ts'
import type { Actor, AttemptRecord, OperatorOutcome } from './records.ts'
import type { ObligationState } from './states.ts'

/** Somebody to be told, ours until the lease ends. Its arguments hold patient data. */
export interface ClaimedErrand {
  readonly id: ErrandId
  readonly token: ClaimToken
  readonly service: string
  readonly call: string
  readonly arguments: Arguments
  /** Tries that counted, before this one. */
  readonly attempts: number
}

export interface ErrandSettlement {
  readonly errand: ErrandId
  readonly token: ClaimToken
  /** Null: nothing was tried (the service rests), so nothing counts. */
  readonly attempt: AttemptRecord | null
  /** PENDING needs `nextAttemptAt`. */
  readonly state: Extract<ObligationState, 'PENDING' | 'DELIVERED' | 'REJECTED' | 'FAILED'>
  readonly nextAttemptAt: Instant | null
  readonly reason: string | null
}

/** What a study moment owes to one destination or service. */
export interface ErrandRow {
  readonly id: ErrandId
  readonly studyInstanceUid: string
  readonly round: number
  readonly rule: RuleRef
  /** One of the two. */
  readonly destination: string | null
  readonly service: string | null
  /** Of the service. */
  readonly call: string | null
  /** Holds patient data. */
  readonly arguments: Arguments
  readonly state: ObligationState
  readonly reason: string | null
  /** The service's last answer. */
  readonly status: string | null
  readonly attempts: number
  readonly nextAttemptAt: Instant | null
  readonly madeAt: Instant
  readonly settledAt: Instant | null
}

export interface ErrandSelection {
  readonly states?: readonly ObligationState[]
  readonly service?: string
  readonly destination?: string
  readonly accessionNumber?: string
  readonly studyInstanceUid?: string
}

/** Telling services, durably. Errands to destinations follow their deliveries. */
export interface ErrandVerbs {
  claimErrands(limit: number, lease: Milliseconds): Promise<readonly ClaimedErrand[]>
  settleErrand(settlement: ErrandSettlement): Promise<'applied' | 'superseded'>
  /** Due at once: their service answers again. Resolves with how many. */
  errandsDue(service: string): Promise<number>
  nextErrandAt(): Promise<Instant | undefined>
  /** FULL. Tries one again now, whatever it waits for. From any state but DELIVERED; only of those that tell a service. */
  errandRetry(errand: ErrandId, by: Actor): Promise<OperatorOutcome<ErrandId>>
}
