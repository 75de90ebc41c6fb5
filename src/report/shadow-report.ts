import type { Instant } from '../base/clock.ts'
import type { InstanceId } from '../ledger/ids.ts'

/** How many instances, with the first few of them. */
export interface Sample {
  readonly count: number
  readonly examples: readonly InstanceId[]
}

/** For how many instances something was said before and would be after, and for which it is one without the other. */
export interface Change {
  readonly before: number
  readonly after: number
  /** After, and not before. */
  readonly more: Sample
  /** Before, and not after. */
  readonly fewer: Sample
}

export interface DestinationChange extends Change {
  readonly name: string
  /** Before and after, with other edits on the way. */
  readonly otherEdits: Sample
}

/** A rule that sends, holds, discards or asks; by its name. */
export interface RuleChange extends Change {
  readonly name: string
}

/** Why instances are held, and for how many. */
export interface ReasonChange extends Change {
  readonly reason: string
}

/** What a candidate ruleset would have done with what came. Numbers and our own ids; no patient data. */
export interface ShadowReport {
  /** Digest of the candidate. */
  readonly candidate: string
  /** Digest of the ruleset it is held against; null: what was decided then, as it stands on record. */
  readonly against: string | null
  readonly since: Instant
  readonly before: Instant
  readonly instances: number
  readonly studies: number
  /** For which nothing would change. */
  readonly unchanged: number
  /** Instances that say nothing about rules, by why. */
  readonly leftOut: {
    /** The same bytes came twice; the first one counts. */
    readonly duplicate: number
    /** Not decided yet, or its study's moment has not come. Only against the record. */
    readonly undecided: number
    /** Whoever brought it named the destination. */
    readonly requested: number
    /** The stored header cannot be read. */
    readonly unreadable: number
  }
  readonly destinations: readonly DestinationChange[]
  readonly rules: readonly RuleChange[]
  readonly held: Change
  readonly discarded: Change
  readonly waiting: Change
  readonly reasons: readonly ReasonChange[]
}
