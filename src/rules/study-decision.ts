import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'
import type { Arguments, Ask, PlannedWait, RuleRef } from './decision.ts'
import type { Answers, Facts } from './facts.ts'

export const SETTLED_BY = ['quiet', 'longest', 'retrieval', 'operator'] as const
/** Why a study's moment has come (RULES.md 3.2). */
export type SettledBy = (typeof SETTLED_BY)[number]

/** One instance of a study. Discarded and unreadable ones are no members. */
export interface StudyMember {
  /** Whatever the caller knows it by. */
  readonly id: string
  /** May be a getter that unpacks the header anew: it is read once a pass, and not kept. */
  readonly facts: Facts
  /** Whether it has come since the last round; in a first round all are. */
  readonly isNew: boolean
  /** Whether a rule holds it. It takes part all the same. */
  readonly isHeld: boolean
  /** Whether the instance moment or an earlier round wants it: a delivery, a hold, a wait. `otherwise` passes it over. */
  readonly isWanted: boolean
}

/** All that a rule may look at at the study moment. */
export interface StudyFacts {
  /** The whole study, in a later round too: the rules match over all of it. */
  readonly members: readonly StudyMember[]
  readonly settledBy: SettledBy
  readonly answers?: Answers
  /** Unsaid: as the members have it. */
  readonly seriesCount?: number
  readonly instanceCount?: number
  readonly modalities?: readonly string[]
}

/** What one member of a study becomes on its way to one destination. */
export interface MemberForward {
  readonly member: string
  /** Those of the forward's rules that send this one. */
  readonly rules: readonly RuleRef[]
  readonly edits: readonly ResolvedEdit[]
  readonly changes: readonly AttributeChange[]
  /** The SOP Instance UID under which it leaves. */
  readonly sopInstanceUid: string
  readonly urgent: boolean
}

/** One destination a study goes to, with the members that go there: at least one. */
export interface StudyForward {
  readonly destination: string
  readonly rules: readonly RuleRef[]
  readonly with: Arguments
  readonly members: readonly MemberForward[]
}

/** A hold or discard of a study's moment; of a member only where it is that member's own. */
export interface StudyVerdict {
  /** Null where `otherwise` says so. */
  readonly rule: RuleRef | null
  readonly reason: string
  readonly members: readonly string[]
}

/** What a service is to be told (RULES.md 3.9). */
export interface PlannedNotify {
  /** Equal notifications have equal keys, made as those of an `Ask` are. */
  readonly key: string
  readonly service: string
  readonly call: string
  readonly arguments: Arguments
  /** Null: when every dimse, stow and folder delivery of the study is DELIVERED. `received`: now. Or these destinations. */
  readonly after: null | 'received' | readonly string[]
  readonly rule: RuleRef
}

/** What the rules say about a study at its moment. Pure data; carrying it out is the planner's. */
export interface StudyDecision {
  readonly rulesetDigest: string
  readonly forwards: readonly StudyForward[]
  readonly holds: readonly StudyVerdict[]
  /** Takes effect for members that nothing else wants. */
  readonly discards: readonly StudyVerdict[]
  /** Questions without an answer yet: their branches wait, and `otherwise` is not asked before they are answered. */
  readonly asks: readonly Ask[]
  readonly waits: readonly PlannedWait[]
  /** Every question that was put, those with an answer too. */
  readonly asked: readonly Ask[]
  readonly notifies: readonly PlannedNotify[]
}
