import { createHash } from 'node:crypto'
import { type Condition, holds, matchedValues, Values } from './condition.ts'
import { rehearse } from './decide.ts'
import { rehearseStudy } from './decide-study.ts'
import type { Ask } from './decision.ts'
import type { Draft } from './draft.ts'
import type { Answer } from './facts.ts'
import { UNMATCHED } from './otherwise.ts'
import type { Rule } from './rule.ts'
import type { RuleProblem } from './rule-problem.ts'
import type { RuleTest } from './rule-test.ts'
import type { Ruleset } from './ruleset.ts'
import type { Step } from './walk.ts'

/** What the tests of all files said. */
export interface TestReport {
  readonly passed: number
  /** One for each test that fails, at its place, with what was expected and what came. */
  readonly failures: readonly RuleProblem[]
  /** Rules that matched in no test, in the order of the list. */
  readonly untouched: readonly Rule['ref'][]
}

/** Runs every test against the ruleset. */
export function runTests(tests: readonly RuleTest[], ruleset: Ruleset): TestReport {
  const touched = new Set<string>()
  const failures = tests.flatMap((test) => {
    const { file, line, column } = test
    const said = runTest(test, ruleset, touched)
    return said.length === 0
      ? []
      : [{ file, line, column, message: `The test "${test.name}" fails: ${said.join('; ')}.` }]
  })
  const untouched = ruleset.rules.flatMap(withChildren).filter(({ name }) => !touched.has(name))
  return { passed: tests.length - failures.length, failures, untouched }
}

const withChildren = (rule: Rule): readonly Rule['ref'][] => [rule.ref, ...rule.rules.flatMap(withChildren)]

/** What a test that fails has to say, empty when it passes; and which rules matched. */
function runTest(test: RuleTest, ruleset: Ruleset, touched: Set<string>): readonly string[] {
  const came = outcomeOf(test, { ...(test.wholeRuleset ? ruleset : onlyFile(ruleset, test.file)), keys: TEST_KEYS })
  for (const { matched, rule } of came.steps) if (matched) touched.add(rule.name)
  const { expect } = test
  const failures = [
    ...judgeNames('forwards to', expect.forward, came.forward),
    ...judgeNames('asks', expect.asks, came.asked),
    ...judgeNames('notifies', expect.notifies, came.notifies),
    ...judgeReason('held', expect.held, came.held),
    ...judgeReason('discarded', expect.discarded, came.discarded),
    ...[...expect.sends].flatMap(([destination, match]) => judgeSent(destination, match, came)),
  ]
  if (failures.length === 0 || came.unanswered.length === 0) return failures
  return [...failures, `the test gives no answer for ${[...new Set(came.unanswered)].join(', ')}`]
}

/** For every name a key of its own, the same on every machine (RULES.md 3.14). */
const TEST_KEYS: Ruleset['keys'] = {
  get: (name) => createHash('sha256').update(`a key for tests: ${name}`).digest(),
}

/** RULES.md 3.14: a file's tests see its own rules. */
function onlyFile(ruleset: Ruleset, file: string): Ruleset {
  const otherwise = ruleset.otherwise.file === file ? ruleset.otherwise : UNMATCHED
  const rules = ruleset.rules.filter((rule) => rule.ref.file === file)
  const wants = rules.some((rule) => rule.on === 'study' && rule.wants)
  return { ...ruleset, rules, otherwise, study: { ...ruleset.study, wants } }
}

/** What a ruleset says, in the words in which tests expect it. */
interface Came {
  readonly forward: readonly string[]
  readonly asked: readonly string[]
  readonly unanswered: readonly string[]
  readonly notifies: readonly string[]
  readonly held: readonly string[]
  readonly discarded: readonly string[]
  readonly drafts: ReadonlyMap<string, readonly Draft[]>
  readonly steps: readonly Step[]
}

function outcomeOf({ about, lookups }: RuleTest, ruleset: Ruleset): Came {
  const answerOf = (ask: Ask): Answer | undefined => lookups.get(ask.alias)
  const { decision, drafts, steps } =
    'instance' in about ? rehearse(ruleset, about.instance, answerOf) : rehearseStudy(ruleset, about.study, answerOf)
  return {
    forward: decision.forwards.map(({ destination }) => destination),
    asked: [...new Set(decision.asked.map(({ alias }) => alias))],
    unanswered: decision.asks.map(({ alias }) => alias),
    notifies: 'notifies' in decision ? decision.notifies.map(({ service, call }) => `${service}.${call}`) : [],
    held: [...decision.holds, ...decision.waits].map(({ reason }) => reason),
    discarded: decision.discards.map(({ reason }) => reason),
    drafts,
    steps,
  }
}

function judgeNames(what: string, expected: readonly string[] | undefined, got: readonly string[]): readonly string[] {
  if (expected === undefined) return []
  const [came, wanted] = [[...got].sort(), [...expected].sort()]
  return came.join() === wanted.join() ? [] : [`it ${what} ${sayList(came)}, not ${sayOther(what, wanted)}`]
}

const sayList = (names: readonly string[]): string => (names.length === 0 ? 'nothing' : names.join(', '))

const sayOther = (what: string, names: readonly string[]): string =>
  what.endsWith(' to') ? `to ${sayList(names)}` : sayList(names)

/** A reason with details behind a colon is also met by what stands before it. */
function judgeReason(what: string, expected: string | undefined, got: readonly string[]): readonly string[] {
  if (expected === undefined || got.some((reason) => reason === expected || reason.startsWith(`${expected}: `)))
    return []
  return [got.length === 0 ? `it is not ${what}` : `it is ${what} as "${got.join('", "')}", not as "${expected}"`]
}

function judgeSent(destination: string, match: Condition, { forward, drafts }: Came): readonly string[] {
  const sent = drafts.get(destination)
  if (sent === undefined || !forward.includes(destination)) return [`it sends nothing to ${destination}`]
  const facts = sent.map((draft) => ({ ...draft.facts, header: draft.view() }))
  const values = new Values((name) => facts.flatMap((one) => matchedValues(name, one)))
  return unmet(match, values).map((what) => `${destination} gets what ${what}`)
}

/** The words of what does not hold. */
function unmet(match: Condition, values: Values): readonly string[] {
  if (holds(match, values)) return []
  if (match.kind === 'all') return match.of.flatMap((inner) => unmet(inner, values))
  return match.kind === 'test'
    ? [`is otherwise: ${match.name.text} ${match.predicate.no}`]
    : ['does not match as it should']
}
