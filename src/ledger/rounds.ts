import type { Instant } from '../base/clock.ts'
import type { Arguments, RuleRef } from '../rules/decision.ts'
import type { SettledBy } from '../rules/study-decision.ts'
import type { NewObligation, RestingAnswer, Unplanned } from './deciding.ts'
import type { InstanceId, RoundId } from './ids.ts'
import type { Actor, MomentPolicy, OperatorOutcome } from './records.ts'

export interface DueStudy {
  readonly studyInstanceUid: string
  readonly settledBy: SettledBy
}

/** A study moment with its frozen members, to be decided. */
export interface OpenRound {
  readonly id: RoundId
  readonly studyInstanceUid: string
  readonly number: number
  /** What `planRound` must be called with; a decision on an older version is refused. */
  readonly version: number
  readonly settledBy: SettledBy
  /** Digest of the ruleset that decided the parts which are written already; null when nothing of it is. */
  readonly begunBy: string | null
}

export type OpenRoundOutcome =
  | { readonly kind: 'opened'; readonly round: OpenRound }
  /** Nothing has come since the last round. */
  | { readonly kind: 'nothing-new' }
  /** Some of it is not decided at the instance moment yet, and the timer is set again; or its quiet has begun again. */
  | { readonly kind: 'not-yet' }

export interface RoundMember extends Omit<Unplanned, 'version'> {
  /** Whether it has come since the round before. */
  readonly isNew: boolean
  readonly isHeld: boolean
  /** Whether the instance moment or another round wants it. */
  readonly isWanted: boolean
}

/** Somebody to be told, once every delivery of the study to these destinations is DELIVERED; at once when there is none. */
export interface NewNotice {
  readonly service: string
  readonly call: string
  readonly arguments: Arguments
  readonly after: readonly string[]
  readonly rule: RuleRef
}

/** What a study moment decided of some of its members; the last part closes the round. */
export interface RoundPart {
  readonly round: RoundId
  readonly expectedVersion: number
  readonly rulesetDigest: string
  /** Every member comes in exactly one part, with everything this round owes for it. */
  readonly members: readonly {
    readonly instance: InstanceId
    readonly obligations: readonly NewObligation[]
    /** Owed again although an earlier round sent the same (`late: whole_study`). */
    readonly again: boolean
  }[]
  readonly last: {
    readonly notices: readonly NewNotice[]
    /** Whether an answer is awaited. */
    readonly waits: boolean
  } | null
  /** What each destination is told beside the instances. Holds patient data. */
  readonly given: Readonly<Record<string, Arguments>>
  /** The answers it rests on; when the study rests on others by now, the decision is refused. */
  readonly rests: readonly RestingAnswer[]
}

/** Study moments: timers, rounds, and what rounds make us owe (RULES.md semantics 2 and 11). */
export interface RoundVerbs {
  /** Studies whose moment has come, the longest due first. */
  dueStudies(limit: number): Promise<readonly DueStudy[]>
  nextStudyAt(): Promise<Instant | undefined>
  /** The quiet of these studies begins now, where a moment of theirs is still to come. `longest` stays. */
  studiesStirred(studies: readonly string[], policy: MomentPolicy): Promise<void>
  /** Freezes the members of the study's next round, or gives the one that is open and not decided. */
  openRound(studyInstanceUid: string, settledBy: SettledBy): Promise<OpenRoundOutcome>
  /** Rounds to be decided, in the order of their opening. */
  openRounds(limit: number): Promise<readonly OpenRound[]>
  /** The members, oldest first; `after` is the last one seen. */
  roundMembers(round: RoundId, limit: number, after?: InstanceId): Promise<readonly RoundMember[]>
  /**
   * Writes one part of a round's decision. Doing it twice has its effect once. What was begun by one ruleset (`begunBy`) is
   * to be finished by it: `decideAnew` leaves it alone until then.
   */
  planRound(part: RoundPart): Promise<'planned' | 'superseded'>
  /** FULL. An operator calls the study finished. */
  studySettle(studyInstanceUid: string, by: Actor): Promise<OperatorOutcome<string>>
}
