import type { Ask } from './decision.ts'
import type { Draft } from './draft.ts'
import type { Answer } from './facts.ts'
import type { Ruleset } from './ruleset.ts'
import { type Onlooker, Sendings } from './sendings.ts'
import type { StudyDecision, StudyFacts, StudyForward, StudyMember, StudyVerdict } from './study-decision.ts'
import { StudyValues } from './study-values.ts'
import { type Course, NO_COURSE, type Step, walk } from './walk.ts'

/** What the rules say about a study at its moment. Pure: same ruleset, same facts, same StudyDecision. */
export function decideStudy(ruleset: Ruleset, study: StudyFacts): StudyDecision {
  return atOnce(decideStudyInSlices(ruleset, study))
}

/** The same, stopping after every few members, so that the caller can let other work go on in between. */
export function* decideStudyInSlices(ruleset: Ruleset, study: StudyFacts): Generator<void, StudyDecision> {
  return (yield* decideOn(ruleset, study, {})).decision
}

/** The same, with every rule that was asked, in the order in which it was. */
export function explainStudy(
  ruleset: Ruleset,
  study: StudyFacts,
): { readonly decision: StudyDecision; readonly steps: readonly Step[] } {
  return atOnce(decideOn(ruleset, study, { tracing: true }))
}

/** The same, with the working copies that each destination's bytes come from, for the tests in rule files. */
export function rehearseStudy(
  ruleset: Ruleset,
  study: StudyFacts,
  answerOf: (ask: Ask) => Answer | undefined,
): {
  readonly decision: StudyDecision
  readonly drafts: ReadonlyMap<string, readonly Draft[]>
  readonly steps: readonly Step[]
} {
  const drafts = new Map<string, readonly Draft[]>()
  const onlooker: Onlooker = (destination, draft) =>
    drafts.set(destination, [...(drafts.get(destination) ?? []), draft])
  return { ...atOnce(decideOn(ruleset, study, { answerOf, onlooker, tracing: true })), drafts }
}

/** Looked at between two pauses. */
const SLICE = 16

interface Manner {
  readonly tracing?: boolean
  readonly answerOf?: (ask: Ask) => Answer | undefined
  readonly onlooker?: Onlooker
}

interface Outcome {
  readonly decision: StudyDecision
  readonly steps: readonly Step[]
}

function* decideOn(
  ruleset: Ruleset,
  study: StudyFacts,
  { tracing = false, answerOf, onlooker }: Manner,
): Generator<void, Outcome> {
  const subject = membersMeant(ruleset, study)
  if (subject === undefined)
    return { decision: conclude(ruleset, study, newOnes(study), NO_COURSE, NO_SENDING), steps: [] }
  const values = new StudyValues(study, ruleset.study.names)
  yield* eachInSlices(study.members, (member) => values.add(member.facts))
  const course = walk(ruleset, {
    on: 'study',
    values: values.values(),
    spoken: (name) => values.spoken(name),
    answerOf: answerOf ?? ((ask) => study.answers?.get(ask.key)),
    tracing,
  })
  const sendings = new Sendings(ruleset, course.sendings, onlooker)
  if (course.sendings.length > 0) yield* eachInSlices(subject, ({ id, facts }) => sendings.add(id, facts))
  return { decision: conclude(ruleset, study, subject, course, sendings.finish()), steps: course.steps }
}

/** RULES.md 3.11: which members this moment is about; undefined when it is about none. */
function membersMeant(ruleset: Ruleset, study: StudyFacts): readonly StudyMember[] | undefined {
  const isLate = study.members.some((member) => !member.isNew)
  const { late } = ruleset.study.options
  if (!isLate || late === 'whole_study') return study.members
  return late === 'ignore' ? undefined : newOnes(study)
}

const newOnes = (study: StudyFacts): readonly StudyMember[] => study.members.filter((member) => member.isNew)

interface Sent {
  readonly forwards: readonly StudyForward[]
  readonly holds: readonly StudyVerdict[]
}

function conclude(
  ruleset: Ruleset,
  study: StudyFacts,
  subject: readonly StudyMember[],
  course: Course,
  { forwards, holds: held }: Sent,
): StudyDecision {
  const all = subject.map((member) => member.id)
  const holds: StudyVerdict[] = [...course.holds.map((hold) => ({ ...hold, members: all })), ...held]
  const wanted = new Set(study.members.filter((member) => member.isWanted).map((member) => member.id))
  for (const { members } of forwards) for (const { member } of members) wanted.add(member)
  for (const { members } of holds) for (const member of members) wanted.add(member)
  const { asks, waits, asked, notifies } = course
  const isOpen = asks.length > 0 || course.waitsForWanted
  const unwanted = isOpen ? [] : subject.filter((member) => !wanted.has(member.id)).map((member) => member.id)
  const discards = unwanted.length === 0 ? [] : course.discards.map((discard) => ({ ...discard, members: unwanted }))
  const decision = { rulesetDigest: ruleset.digest, forwards, asks, waits, asked, notifies }
  if (course.discards.length > 0 || unwanted.length === 0) return { ...decision, holds, discards }
  const verdict = { rule: null, reason: ruleset.otherwise.reason, members: unwanted }
  return ruleset.otherwise.kind === 'hold'
    ? { ...decision, holds: [...holds, verdict], discards }
    : { ...decision, holds, discards: [verdict] }
}

const NO_SENDING: Sent = { forwards: [], holds: [] }
function* eachInSlices<T>(items: readonly T[], act: (item: T) => void): Generator<void> {
  let count = 0
  for (const item of items) {
    act(item)
    if (++count % SLICE === 0) yield
  }
}

function atOnce<T>(generator: Generator<void, T>): T {
  let next = generator.next()
  while (next.done !== true) next = generator.next()
  return next.value
}
