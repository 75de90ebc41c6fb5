import type { Instant } from '../base/clock.ts'
import type { AttributeChange } from '../dicom/resolved-edit.ts'
import type { Amendment } from '../rules/facts.ts'
import type { InstanceId } from './ids.ts'
import type { Actor, OperatorOutcome } from './records.ts'

/** A correction of an instance's attributes to be put on record. Holds patient data. */
export interface NewAmendment {
  readonly attributes: readonly Amendment[]
  /** The same as a person reads it, with what stood there before: header and earlier amendments. */
  readonly changes: readonly AttributeChange[]
  readonly reason: string
}

/** One that an instance comes with. */
export interface AdmittedAmendment extends NewAmendment {
  readonly by: string
}

/** A recorded correction: by whom, when and why. Holds patient data. */
export interface AmendmentRow extends NewAmendment {
  readonly at: Instant
  readonly by: string
}

/** Corrections belong to the instance: `match` sees them, and they leave with it (wall W2). */
export interface AmendmentVerbs {
  /**
   * FULL. Records it. What waits or is held of the instance, and what is not decided yet, is decided again with it; deliveries
   * that are on the queue stay as they are (wall W9).
   */
  instanceAmend(instance: InstanceId, amendment: NewAmendment, by: Actor): Promise<OperatorOutcome<InstanceId>>
}

export interface AmendmentViews {
  /** Oldest first, as they lie on top of each other. */
  amendments(instance: InstanceId): Promise<readonly AmendmentRow[]>
}
