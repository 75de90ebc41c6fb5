import type { Moment } from '../ledger/states.ts'
import { type AskedAt, isGivenUp } from '../rules/asking-on.ts'
import type { explain } from '../rules/decide.ts'
import { explainStudy as explainStudyFacts } from '../rules/decide-study.ts'
import type { Ask, Decision, PlannedForward } from '../rules/decision.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { StudyFacts } from '../rules/study-decision.ts'
import type { Step } from '../rules/walk.ts'

/** Held equal to the GraphQL enum, and to the rules' own words in small letters, by a test. */
export const SETTLED_BY = ['QUIET', 'LONGEST', 'RETRIEVAL', 'OPERATOR'] as const
export type SettledBy = (typeof SETTLED_BY)[number]

/** What would leave for one destination; `member`: as the study knows it. */
export type ExplainedForward = Pick<PlannedForward, 'destination' | 'rules' | 'changes'> & {
  readonly member: string | null
}

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

/** What is known of an instance or a study beside its facts. */
export interface OnRecord {
  /** With when they were first asked for. */
  readonly answers: AskedAt
  readonly now: number
}

const NOTHING_ON_RECORD: OnRecord = { answers: new Map(), now: 0 }

/** Of what the very code that decides when an instance has arrived says of it. */
export function explanationOf(
  { decision, steps }: ReturnType<typeof explain>,
  { answers, now }: OnRecord = NOTHING_ON_RECORD,
): Explanation {
  const { rulesetDigest, holds, discards, asks, asked, waits, awaitsStudy } = decision
  const { held, open } = parted(waits, { answers, now })
  const forwards = decision.forwards.map((forward) => ({ ...forward, member: null }))
  const said = { asks, asked, waits: reasonsOf(open), notifies: [], awaitsStudy, steps }
  // A discard takes effect when nothing else wants the instance (RULES.md 3.9).
  const isWanted = forwards.length + holds.length + asks.length + waits.length > 0
  const discarded = isWanted ? [] : reasonsOf(discards)
  return { rulesetDigest, moment: 'INSTANCE', forwards, held: reasonsOf([...holds, ...held]), discarded, ...said }
}

/** As the planner does: what was asked for long enough is held. */
function parted(waits: Decision['waits'], { answers, now }: OnRecord) {
  const { held = [], open = [] } = Object.groupBy(waits, (wait) => (isGivenUp(wait, answers, now) ? 'held' : 'open'))
  return { held, open }
}

/** By the very code that decides when a study's moment has come. */
export function explainStudy(ruleset: Ruleset, study: StudyFacts, on: OnRecord = NOTHING_ON_RECORD): Explanation {
  const { decision, steps } = explainStudyFacts(ruleset, study)
  const { rulesetDigest, holds, discards, asks, asked, waits, notifies } = decision
  const { held, open } = parted(waits, on)
  const forwards = decision.forwards.flatMap(({ destination, members }) =>
    members.map(({ member, rules, changes }) => ({ destination, member, rules, changes })),
  )
  const told = notifies.map(({ service, call }) => `${service}.${call}`)
  const said = { asks, asked, waits: reasonsOf(open), notifies: told, awaitsStudy: false, steps }
  const reasons = { held: reasonsOf([...holds, ...held]), discarded: reasonsOf(discards) }
  return { rulesetDigest, moment: 'STUDY', forwards, ...reasons, ...said }
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

const reasonsOf = (said: readonly { readonly reason: string }[]): readonly string[] => [
  ...new Set(said.map(({ reason }) => reason)),
]
