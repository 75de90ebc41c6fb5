import type { Milliseconds } from '../base/clock.ts'
import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'

/** Which rule it was, as it stood when it decided. */
export interface RuleRef {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly rulesetDigest: string
}

/** The templates of a `with:` filled in. What has no value is left out. Holds patient data. */
export type Arguments = Readonly<Record<string, string>>

/** A question that a rule's `lookup` puts to a service (RULES.md 3.7). Its arguments hold patient data. */
export interface Ask {
  /** Equal questions have equal keys: SHA-256 of service, call and arguments, lower-case hexadecimal. */
  readonly key: string
  /** The name under which the rules read the answer. */
  readonly alias: string
  readonly service: string
  readonly call: string
  readonly arguments: Arguments
  /** `hold`: an answer that nothing was found makes the branch wait, and then hold. */
  readonly onMissing: 'hold' | 'continue'
  /** For how long after `found: false` it is asked again; null: not by itself. */
  readonly tryFor: Milliseconds | null
  readonly rule: RuleRef
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
  /** What the rule tells the destination beside the instance. */
  readonly with: Arguments
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

/** A branch whose question was answered with nothing found: it is asked again while `ask.tryFor` lasts, and held after. */
export interface PlannedWait {
  readonly rule: RuleRef
  /** `alias: not found`. */
  readonly reason: string
  readonly ask: Ask
}

/** What the rules say about one instance at one moment. Pure data; carrying it out is the planner's. */
export interface Decision {
  readonly rulesetDigest: string
  readonly forwards: readonly PlannedForward[]
  readonly holds: readonly PlannedHold[]
  /** Takes effect only when nothing else wants the instance, and nothing is still asked. */
  readonly discards: readonly PlannedDiscard[]
  /** Questions without an answer yet. The branches that put them wait; the rest of this Decision stands already. */
  readonly asks: readonly Ask[]
  readonly waits: readonly PlannedWait[]
  /** Every question that was put, those with an answer too: what this Decision rests on. */
  readonly asked: readonly Ask[]
  /**
   * Whether nothing here wants the instance but a rule of the study moment still may: then `otherwise` was not asked, and
   * is by `decideStudy`. Never together with a forward, hold, discard, ask or wait.
   */
  readonly awaitsStudy: boolean
}
