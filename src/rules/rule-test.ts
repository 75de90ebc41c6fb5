import { z } from 'zod'
import { type Condition, holds, Slots, Values } from './condition.ts'
import { rehearse } from './decide.ts'
import type { Decision } from './decision.ts'
import type { Draft } from './draft.ts'
import type { Facts } from './facts.ts'
import { nameField } from './field.ts'
import { factsOf } from './given.ts'
import { laterWord } from './later.ts'
import { compileMatch, matchSchema } from './match.ts'
import { UNMATCHED } from './otherwise.ts'
import type { Place } from './place.ts'
import type { Lists } from './predicate.ts'
import type { Rule } from './rule.ts'
import type { RuleProblem } from './rule-problem.ts'
import type { Ruleset } from './ruleset.ts'

/** A test of a rule file, ready to run. */
export interface RuleTest {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly column: number
  /** Whether it runs against all rules, or against those of its own file. */
  readonly wholeRuleset: boolean
  readonly facts: Facts
  readonly expect: Expectation
}

interface Expectation {
  readonly forward?: readonly string[] | undefined
  readonly sends: ReadonlyMap<string, Condition>
  readonly held?: string | undefined
  readonly discarded?: string | undefined
}

export interface TestContext {
  readonly lists: Lists
  readonly destinations: ReadonlySet<string>
  readonly wholeRuleset: boolean
}

const given = z.record(z.string(), z.union([z.string(), z.array(z.string())]))
const expectShape = {
  forward: z.array(z.string()).optional().describe('Exactly these destinations, in any order.'),
  held: z.string().min(1).optional().describe('It is held for this reason.'),
  discarded: z.string().min(1).optional().describe('It is discarded for this reason.'),
}
export const testSchema = z.strictObject({
  name: nameField.describe('What is expected, as a sentence.'),
  given: given.describe('The instance: names with their values. What is not said is usual.'),
  expect: z.strictObject({
    ...expectShape,
    sends: z.record(z.string(), matchSchema).optional().describe('For a destination, a match on what leaves for it.'),
  }),
})
const shell = z.strictObject({ name: nameField, given: z.unknown(), expect: z.unknown() })
const expectShell = z.strictObject({ ...expectShape, sends: z.record(z.string(), z.unknown()).optional() })
const listSchema = z.array(z.unknown())

/** The tests at a place; what is wrong in them is reported and left out. */
export function readTests(place: Place, context: TestContext): readonly RuleTest[] {
  if (place.value === undefined || place.read(listSchema) === undefined) return []
  return place.items().flatMap((item) => readTest(item, context) ?? [])
}

function readTest(place: Place, context: TestContext): RuleTest | undefined {
  const shape = place.read(shell)
  const facts = readGiven(place.at('given'))
  const expect = readExpectation(place.at('expect'), context)
  if (shape === undefined || facts === undefined || expect === undefined) return undefined
  return { name: shape.name, file: place.file, ...place.position(), wholeRuleset: context.wholeRuleset, facts, expect }
}

function readGiven(place: Place): Facts | undefined {
  const later = Object.keys(place.map() ?? {}).find((key) => laterWord(key) !== undefined)
  if (later !== undefined) return place.at(later).reportKey(laterWord(later) ?? '')
  const values = place.value === undefined ? undefined : place.read(given)
  if (values === undefined) return undefined
  const facts = factsOf(
    new Map(Object.entries(values).map(([name, value]) => [name, Array.isArray(value) ? value : [value]])),
  )
  if (!('problems' in facts)) return facts
  for (const [name, problem] of facts.problems) place.at(name).reportKey(problem)
  return undefined
}

function readExpectation(place: Place, context: TestContext): Expectation | undefined {
  const expect = place.value === undefined ? undefined : place.read(expectShell)
  if (expect === undefined) return undefined
  const known = [...context.destinations].sort().join(', ')
  const slots = new Slots()
  const sends = new Map<string, Condition>()
  for (const [destination, match] of place.at('sends').entries()) {
    if (!context.destinations.has(destination)) match.reportKey(`No destination ${destination}. There are: ${known}.`)
    const condition = compileMatch(match, { lists: context.lists, slots })
    if (condition !== undefined) sends.set(destination, condition)
  }
  for (const item of place.at('forward').items()) {
    const name = item.text() ?? ''
    if (!context.destinations.has(name)) item.report(`No destination ${name}. There are: ${known}.`)
  }
  return { forward: expect.forward, sends, held: expect.held, discarded: expect.discarded }
}

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
  const rehearsed = rehearse(test.wholeRuleset ? ruleset : onlyFile(ruleset, test.file), test.facts)
  const { decision, drafts } = rehearsed
  for (const { matched, rule } of rehearsed.steps) if (matched) touched.add(rule.name)
  const { expect } = test
  return [
    ...judgeForward(expect.forward, decision),
    ...judgeReason(
      'held',
      expect.held,
      decision.holds.map(({ reason }) => reason),
    ),
    ...judgeReason(
      'discarded',
      expect.discarded,
      decision.discards.map(({ reason }) => reason),
    ),
    ...[...expect.sends].flatMap(([destination, match]) => judgeSent(destination, match, decision, drafts, test.facts)),
  ]
}

/** RULES.md 3.14: a file's tests see its own rules. */
function onlyFile(ruleset: Ruleset, file: string): Ruleset {
  const otherwise = ruleset.otherwise.file === file ? ruleset.otherwise : UNMATCHED
  return { ...ruleset, rules: ruleset.rules.filter((rule) => rule.ref.file === file), otherwise }
}

function judgeForward(expected: readonly string[] | undefined, decision: Decision): readonly string[] {
  if (expected === undefined) return []
  const got = decision.forwards.map(({ destination }) => destination).sort()
  const wanted = [...expected].sort()
  return got.join() === wanted.join() ? [] : [`it forwards to ${sayList(got)}, not to ${sayList(wanted)}`]
}

const sayList = (names: readonly string[]): string => (names.length === 0 ? 'nothing' : names.join(', '))

/** A reason with details behind a colon is also met by what stands before it. */
function judgeReason(what: string, expected: string | undefined, got: readonly string[]): readonly string[] {
  if (expected === undefined || got.some((reason) => reason === expected || reason.startsWith(`${expected}: `)))
    return []
  return [got.length === 0 ? `it is not ${what}` : `it is ${what} as "${got.join('", "')}", not as "${expected}"`]
}

function judgeSent(
  destination: string,
  match: Condition,
  decision: Decision,
  drafts: ReadonlyMap<string, Draft>,
  facts: Facts,
): readonly string[] {
  const draft = drafts.get(destination)
  if (draft === undefined || !decision.forwards.some((forward) => forward.destination === destination)) {
    return [`it sends nothing to ${destination}`]
  }
  return unmet(match, new Values({ ...facts, header: draft.view() })).map((what) => `${destination} gets what ${what}`)
}

/** The words of what does not hold. */
function unmet(match: Condition, values: Values): readonly string[] {
  if (holds(match, values)) return []
  if (match.kind === 'all') return match.of.flatMap((inner) => unmet(inner, values))
  return match.kind === 'test'
    ? [`is otherwise: ${match.name.text} ${match.predicate.no}`]
    : ['does not match as it should']
}
