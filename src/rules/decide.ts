import { amendedFacts, receivedDraft } from './amendment.ts'
import { valuesOfInstance } from './condition.ts'
import type { Ask, Decision, PlannedForward, PlannedHold } from './decision.ts'
import type { Draft } from './draft.ts'
import type { Answer, Facts } from './facts.ts'
import type { Name } from './name.ts'
import type { Ruleset } from './ruleset.ts'
import { type Onlooker, Sendings } from './sendings.ts'
import { type Course, type Step, walk } from './walk.ts'

/** What the rules say about one instance when it has arrived. Pure: same ruleset, same facts, same Decision. */
export function decide(ruleset: Ruleset, facts: Facts): Decision {
  return decideOn(ruleset, facts, {}).decision
}

/** The same, with every rule that was asked, in the order in which it was. */
export function explain(
  ruleset: Ruleset,
  facts: Facts,
): { readonly decision: Decision; readonly steps: readonly Step[] } {
  return decideOn(ruleset, facts, { tracing: true })
}

/**
 * The same, with the working copy that each destination's bytes come from, for the tests in rule files.
 *
 * @param answerOf in place of the answers of `facts`
 */
export function rehearse(
  ruleset: Ruleset,
  facts: Facts,
  answerOf: (ask: Ask) => Answer | undefined,
): {
  readonly decision: Decision
  readonly drafts: ReadonlyMap<string, readonly Draft[]>
  readonly steps: readonly Step[]
} {
  const drafts = new Map<string, readonly Draft[]>()
  const onlooker: Onlooker = (destination, draft) =>
    drafts.set(destination, [...(drafts.get(destination) ?? []), draft])
  return { ...decideOn(ruleset, facts, { answerOf, onlooker, tracing: true }), drafts }
}

interface Manner {
  readonly tracing?: boolean
  readonly answerOf?: (ask: Ask) => Answer | undefined
  readonly onlooker?: Onlooker
}

function decideOn(
  ruleset: Ruleset,
  facts: Facts,
  { tracing = false, answerOf, onlooker }: Manner,
): { readonly decision: Decision; readonly steps: readonly Step[] } {
  const values = valuesOfInstance(amendedFacts(facts))
  const course = walk(ruleset, {
    on: 'instance',
    values,
    spoken: (name: Name) => receivedDraft(facts, ruleset.keys).comparables(name),
    answerOf: answerOf ?? ((ask) => facts.answers?.get(ask.key)),
    tracing,
  })
  const sendings = new Sendings(ruleset, course.sendings, onlooker)
  sendings.add(facts.sopInstanceUid, facts, values)
  const { forwards, holds } = sendings.finish()
  const planned = forwards.map(({ destination, with: told, members }): PlannedForward[] =>
    members.map(({ member: _, ...sent }) => ({ ...sent, destination, with: told })),
  )
  const reasons: PlannedHold[] = [...course.holds, ...holds.map(({ rule, reason }) => ({ rule, reason }))]
  const awaits = ruleset.study.wants && facts.isOfNoStudy !== true
  return { decision: conclude(ruleset, awaits, planned.flat(), reasons, course), steps: course.steps }
}

/**
 * RULES.md 3.10: `otherwise` once nothing wants the instance and nothing more can be said about it.
 *
 * @param awaits whether a rule of its study's moment may still want it
 */
function conclude(
  ruleset: Ruleset,
  awaits: boolean,
  forwards: readonly PlannedForward[],
  holds: readonly PlannedHold[],
  { asks, asked, waits, discards }: Course,
): Decision {
  const decision = { rulesetDigest: ruleset.digest, forwards, holds, discards, asks, waits, asked, awaitsStudy: false }
  if (forwards.length + holds.length + discards.length + asks.length + waits.length > 0) return decision
  if (awaits) return { ...decision, awaitsStudy: true }
  const { kind, reason } = ruleset.otherwise
  const verdict = [{ rule: null, reason }]
  return kind === 'hold' ? { ...decision, holds: verdict } : { ...decision, discards: verdict }
}
