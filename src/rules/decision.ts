import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'

/** Which rule it was, as it stood when it decided. */
export interface RuleRef {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly rulesetDigest: string
}

/** One destination an instance goes to. Two rules that send the same bytes make one forward that names both. */
export interface PlannedForward {
  readonly destination: string
  readonly rules: readonly RuleRef[]
  readonly edits: readonly ResolvedEdit[]
  readonly changes: readonly AttributeChange[]
  /** The SOP Instance UID under which it leaves. */
  readonly sopInstanceUid: string
  /** Whether the destination's `urgent` match holds: these go first. */
  readonly urgent: boolean
}

export interface PlannedHold {
  /** Null for what no rule asked for: `otherwise`, an unreadable header. */
  readonly rule: RuleRef | null
  readonly reason: string
}

export interface PlannedDiscard {
  readonly rule: RuleRef | null
  readonly reason: string
}

/** What the rules say about one instance at one moment. Pure data; carrying it out is the planner's. */
export interface Decision {
  readonly rulesetDigest: string
  readonly forwards: readonly PlannedForward[]
  readonly holds: readonly PlannedHold[]
  /** Takes effect only when nothing else wants the instance. */
  readonly discards: readonly PlannedDiscard[]
}
