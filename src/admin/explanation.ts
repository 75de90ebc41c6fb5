import type { Moment } from '../ledger/states.ts'
import { explain, type Step } from '../rules/decide.ts'
import type { Ask, PlannedForward } from '../rules/decision.ts'
import type { Facts } from '../rules/facts.ts'
import type { Ruleset } from '../rules/ruleset.ts'

/** What would leave for one destination. */
export type ExplainedForward = Pick<PlannedForward, 'destination' | 'rules' | 'changes'>

/** What a decision would be, and why. Holds patient data. */
export interface Explanation {
  readonly rulesetDigest: string
  readonly moment: Moment
  readonly forwards: readonly ExplainedForward[]
  readonly held: readonly string[]
  readonly discarded: readonly string[]
  readonly asks: readonly Ask[]
  readonly asked: readonly Ask[]
  readonly waits: readonly string[]
  /** `service.call` */
  readonly notifies: readonly string[]
  readonly awaitsStudy: boolean
  readonly steps: readonly Step[]
}

/** By the very code that decides when an instance has arrived. */
export function explainInstance(ruleset: Ruleset, facts: Facts): Explanation {
  const { decision, steps } = explain(ruleset, facts)
  const { rulesetDigest, forwards, holds, discards, asks, asked, waits, awaitsStudy } = decision
  const said = { asks, asked, waits: reasonsOf(waits), notifies: [], awaitsStudy, steps }
  // A discard takes effect when nothing else wants the instance (RULES.md 3.9).
  const isWanted = forwards.length + holds.length + asks.length + waits.length > 0
  const discarded = isWanted ? [] : reasonsOf(discards)
  return { rulesetDigest, moment: 'INSTANCE', forwards, held: reasonsOf(holds), discarded, ...said }
}

/** Of an instance whose header cannot be read: no rule is asked about it. */
export const unreadable = (ruleset: Ruleset, reason: string): Explanation => ({
  rulesetDigest: ruleset.digest,
  moment: 'INSTANCE',
  forwards: [],
  held: [reason],
  discarded: [],
  asks: [],
  asked: [],
  waits: [],
  notifies: [],
  awaitsStudy: false,
  steps: [],
})

const reasonsOf = (said: readonly { readonly reason: string }[]): readonly string[] => said.map(({ reason }) => reason)
