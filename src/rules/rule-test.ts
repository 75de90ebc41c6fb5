import { z } from 'zod'
import { type Condition, Slots } from './condition.ts'
import type { Facts } from './facts.ts'
import { nameField } from './field.ts'
import { compileMatch, matchSchema } from './match.ts'
import type { Place } from './place.ts'
import type { Lists } from './predicate.ts'
import { type GivenLookups, givenSchema, type KnownLookups, readGiven } from './rule-test-given.ts'
import type { StudyFacts } from './study-decision.ts'

/** A test of a rule file, ready to run. */
export interface RuleTest {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly column: number
  /** Whether it runs against all rules, or against those of its own file. */
  readonly wholeRuleset: boolean
  /** An instance when it has arrived, or a study at its moment. */
  readonly about: { readonly instance: Facts } | { readonly study: StudyFacts }
  readonly lookups: GivenLookups
  readonly expect: Expectation
}

export interface Expectation {
  readonly forward?: readonly string[] | undefined
  readonly sends: ReadonlyMap<string, Condition>
  readonly held?: string | undefined
  readonly discarded?: string | undefined
  /** The aliases of every question that was put. */
  readonly asks?: readonly string[] | undefined
  /** The calls of every notification: `his.arrived`. */
  readonly notifies?: readonly string[] | undefined
}

export interface TestContext {
  readonly lists: Lists
  readonly destinations: ReadonlySet<string>
  readonly lookups: KnownLookups
  readonly wholeRuleset: boolean
}

const expectShape = {
  forward: z.array(z.string()).optional().describe('Exactly these destinations, in any order.'),
  held: z.string().min(1).optional().describe('It is held for this reason.'),
  discarded: z.string().min(1).optional().describe('It is discarded for this reason.'),
  asks: z.array(z.string()).optional().describe('Exactly these lookups are asked, by their aliases, in any order.'),
  notifies: z.array(z.string()).optional().describe('Exactly these calls are told, as service.call, in any order.'),
}
export const testSchema = z.strictObject({
  name: nameField.describe('What is expected, as a sentence.'),
  given: givenSchema,
  expect: z
    .strictObject({
      ...expectShape,
      sends: z.record(z.string(), matchSchema).optional().describe('For a destination, a match on what leaves for it.'),
    })
    .describe('What must come of it; what is not said may be anything.'),
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
  const given = readGiven(place.at('given'), context.lookups)
  const expect = readExpectation(place.at('expect'), context)
  if (shape === undefined || given === undefined || expect === undefined) return undefined
  const { wholeRuleset } = context
  return { name: shape.name, file: place.file, ...place.position(), wholeRuleset, ...given, expect }
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
  return { ...expect, sends }
}
