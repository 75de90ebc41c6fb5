import type { Instant } from '../base/clock.ts'
import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'
import type { RuleRef } from '../rules/decision.ts'
import type { Amendment } from '../rules/facts.ts'
import type { BlobRef } from './blob-ref.ts'
import type { DeliveryId, InstanceId } from './ids.ts'
import type { NewQuestion } from './questions.ts'
import type { InstanceIdentity, MomentPolicy, Reception } from './records.ts'

/** An instance that waits for a decision. */
export interface Unplanned {
  readonly id: InstanceId
  /** What `plan` must be called with; a decision on an older version is refused. */
  readonly version: number
  readonly blob: BlobRef
  readonly reception: Reception
  readonly identity: InstanceIdentity
  readonly header: Uint8Array
  /** Recorded corrections, the later on top. */
  readonly amendments: readonly Amendment[]
}

/** What a decision makes us owe, as the planner hands it over. */
export type NewObligation =
  | {
      readonly kind: 'DELIVER'
      readonly destination: string
      readonly rules: readonly RuleRef[]
      readonly edits: readonly ResolvedEdit[]
      readonly changes: readonly AttributeChange[]
      readonly editVersion: number
      /** The SOP Instance UID under which it leaves. */
      readonly outgoingUid: string
      readonly urgent: boolean
      /** A delivery that must not leave yet: the reason, else null. */
      readonly held: string | null
    }
  | {
      readonly kind: 'HOLD'
      readonly rule: RuleRef | null
      readonly reason: string
      /** Whether a person's release settles it; else it comes back until what it says has changed. */
      readonly releasable?: boolean
      /** The key of the question whose answer it was held for. */
      readonly question?: string
    }
  | { readonly kind: 'DISCARD'; readonly rule: RuleRef | null; readonly reason: string }
  | {
      readonly kind: 'WAIT'
      readonly rule: RuleRef | null
      readonly reason: string
      /** Null: it waits for its study's moment. */
      readonly question: WaitedQuestion | null
      /** When it is held instead; null: it waits for as long as it takes. */
      readonly until: Instant | null
    }

/** A question with when it is to be put next. */
export interface WaitedQuestion extends NewQuestion {
  readonly dueAt: Instant
  /** Whether there was no answer at all: one that came meanwhile decides again. */
  readonly isNew: boolean
}

export interface PlanEntry {
  readonly instance: InstanceId
  readonly expectedVersion: number
  readonly rulesetDigest: string
  readonly obligations: readonly NewObligation[]
  /** Set where the rules have a study moment: the study's timer begins anew. */
  readonly moment?: MomentPolicy
  /** The answers it rests on; when the study rests on others by now, the decision is refused. */
  readonly rests?: readonly RestingAnswer[]
}

export interface RestingAnswer {
  readonly key: string
  readonly answeredAt: Instant
}

/**
 * `planned` with the deliveries that were made. `duplicate`: identical bytes from the same calling AE are still on their
 * way to all its destinations (or came there within the window), so this one is discarded under that name. `superseded`: somebody else decided.
 */
export type PlanOutcome =
  | { readonly kind: 'planned'; readonly deliveries: readonly DeliveryId[] }
  | { readonly kind: 'duplicate'; readonly of: InstanceId }
  | { readonly kind: 'superseded' }
