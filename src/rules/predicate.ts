import { z } from 'zod'
import { isWithin, parseCidr } from './cidr.ts'
import { type ComparedAs, neverFound } from './compared-text.ts'
import { type Comparison, compared } from './comparison.ts'
import { yesField } from './field.ts'
import { literalProblem, readLiteral } from './literal.ts'
import type { Name } from './name.ts'
import { compilePattern, isPattern, stepsOf } from './pattern.ts'
import type { Place } from './place.ts'
import type { ValueTest } from './value-test.ts'

/** Judges the values of one name: comparable ones, of a PN without an alphabetic group an empty one; none when nothing is said. */
export interface Predicate {
  readonly holds: (values: readonly string[]) => boolean
  /** Of its patterns, for a character of the value; 0: it has none. */
  readonly steps: number
  /** Whether it looks at what a value is, and not only whether there is one. */
  readonly compares: boolean
  /** Where it asks for nothing but that some value is one of these. */
  readonly among?: ReadonlySet<string>
  /** What is said of the name when it holds, and when it does not: `is CT`, `is not CT`. */
  readonly yes: string
  readonly no: string
}

/** The lists of all files by name. */
export type Lists = ReadonlyMap<string, ReadonlySet<string>>

const text = z.string()
const operators = {
  matches: text.optional().describe('An RE2 pattern for the whole value.'),
  starts_with: z.string().min(1).optional().describe('How the value begins.'),
  ends_with: z.string().min(1).optional().describe('How the value ends.'),
  contains: z.string().min(1).optional().describe('What stands somewhere in the value.'),
  in_list: z.string().min(1).optional().describe('The name of a list under lists:.'),
  present: yesField.optional().describe('Whether there is a value that is not empty.'),
  gt: text.optional().describe('More than; later than.'),
  gte: text.optional().describe('At least; not before.'),
  lt: text.optional().describe('Less than; before.'),
  lte: text.optional().describe('At most; not after.'),
  within: text.optional().describe('An address range; for peer only.'),
}
type Operators = z.output<z.ZodObject<typeof operators>>

/** RULES.md 2: text is "equals", a list is "is one of", keys are operators that must all hold. */
export const predicateSchema: z.ZodType = z.union([
  z.string(),
  z.array(z.string()).min(1),
  z.strictObject({
    ...operators,
    get not() {
      return z
        .lazy(() => predicateSchema)
        .optional()
        .describe('Holds if no value satisfies this.')
    },
  }),
])
const operatorsSchema = z.object(operators)

/** The predicate at a place, or undefined after reporting what is wrong with it. */
export function compilePredicate(place: Place, name: Name, lists: Lists): Predicate | undefined {
  if (place.read(predicateSchema) === undefined) return undefined
  if (name.kind === 'attribute' && UNREADABLE.has(name.vr) && !name.isPrivate && !asksPresenceOnly(place)) {
    return place.report(`${name.text} is ${name.vr}; only present: can be asked of it.`)
  }
  if (place.map() !== undefined) return compileOperators(place, name, lists)
  const literals = place.items().length > 0 ? place.items() : [place]
  const texts = literals.map((literal) => readLiteral(literal, name))
  if (!texts.every((literal) => literal !== undefined)) return undefined
  return { ...overValues([oneOf(texts)]), among: new Set(texts) }
}

const UNREADABLE: ReadonlySet<string> = new Set(['SQ', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN'])

const asksPresenceOnly = (place: Place): boolean =>
  place.entries().every(([key, inner]) => key === 'present' || (key === 'not' && asksPresenceOnly(inner))) &&
  place.map() !== undefined

function compileOperators(place: Place, name: Name, lists: Lists): Predicate | undefined {
  const given = operatorsSchema.safeParse(place.value)
  if (!given.success) return undefined
  const keys = Object.keys(place.map() ?? {})
  if (keys.length === 0)
    return place.report('A predicate without an operator; write one of matches, starts_with, present ….')
  const tests = keys
    .filter((key) => key !== 'present' && key !== 'not')
    .map((key) => compileOperator(key, place.at(key), name, lists))
  const parts: (Predicate | undefined)[] =
    tests.length === 0 ? [] : [overValues(tests.filter((test) => test !== undefined))]
  if (given.data.present !== undefined) parts.push(presence(given.data.present))
  if (place.has('not')) parts.push(negate(compilePredicate(place.at('not'), name, lists)))
  const whole = parts.filter((part) => part !== undefined)
  if (tests.includes(undefined) || whole.length < parts.length) return undefined
  return whole.length === 1 ? whole[0] : together(whole)
}

function compileOperator(key: string, place: Place, name: Name, lists: Lists): ValueTest | undefined {
  const literal = place.text() ?? ''
  const wanted = literal.normalize('NFC')
  switch (key as keyof Operators) {
    case 'matches': {
      const pattern = compilePattern(wanted)
      if (!isPattern(pattern)) return place.report(pattern.problem)
      const test = (value: string): boolean => pattern.matches(value)
      return { test, steps: stepsOf(pattern), yes: `matches ${literal}`, no: `does not match ${literal}` }
    }
    case 'starts_with':
    case 'ends_with':
    case 'contains':
      return inPart(key as keyof typeof PARTS, place, wanted, name)
    case 'in_list':
      return inList(place, literal, name, lists)
    case 'within':
      return within(place, literal, name)
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return compared(key as Comparison, place, literal, name)
    default:
      return undefined
  }
}

const PARTS = {
  starts_with: {
    yes: 'starts with',
    no: 'does not start with',
    test: (value: string, part: string) => value.startsWith(part),
  },
  ends_with: { yes: 'ends with', no: 'does not end with', test: (value: string, part: string) => value.endsWith(part) },
  contains: { yes: 'contains', no: 'does not contain', test: (value: string, part: string) => value.includes(part) },
} as const satisfies Partial<Record<ComparedAs, unknown>>

function inPart(key: keyof typeof PARTS, place: Place, part: string, name: Name): ValueTest | undefined {
  const problem = neverFound(part, name, key)
  if (problem !== undefined) return place.report(problem)
  const { yes, no, test } = PARTS[key]
  return { test: (value) => test(value, part), yes: `${yes} ${part}`, no: `${no} ${part}` }
}

function inList(place: Place, literal: string, name: Name, lists: Lists): ValueTest | undefined {
  const list = lists.get(literal)
  if (list === undefined) {
    const known = [...lists.keys()].sort()
    return place.report(
      `No list ${literal}.${known.length === 0 ? ' None is declared.' : ` There are: ${known.join(', ')}.`}`,
    )
  }
  for (const text of list) {
    const problem = literalProblem(text, name)
    if (problem !== undefined) return place.report(`The list ${literal} has a text that never equals one. ${problem}`)
  }
  return { test: (value) => list.has(value), yes: `is in ${literal}`, no: `is not in ${literal}` }
}

function within(place: Place, literal: string, name: Name): ValueTest | undefined {
  if (name.text !== 'peer') return place.reportKey('within is for peer only.')
  const range = parseCidr(literal)
  if (range === undefined) return place.report(`${literal} is not an address range; write 10.20.0.0/16 or fd00::/8.`)
  return { test: (value) => isWithin(range, value), yes: `is within ${literal}`, no: `is not within ${literal}` }
}

function oneOf(texts: readonly string[]): ValueTest {
  const [only, ...more] = texts
  if (more.length === 0) return { test: (value) => value === only, yes: `is ${only}`, no: `is not ${only}` }
  const set = new Set(texts)
  const shown = texts.length > 8 ? `${texts.slice(0, 8).join(', ')} …` : texts.join(', ')
  return { test: (value) => set.has(value), yes: `is one of ${shown}`, no: `is none of ${shown}` }
}

/** Holds when one value passes all tests. */
function overValues(tests: readonly ValueTest[]): Predicate {
  const [only, ...more] = tests
  const yes = tests.map((test) => test.yes).join(' and ')
  const steps = tests.reduce((sum, test) => sum + (test.steps ?? 0), 0)
  if (only !== undefined && more.length === 0)
    return { holds: (values) => values.some(only.test), steps, compares: true, yes, no: only.no }
  return {
    holds: (values) => values.some((value) => tests.every(({ test }) => test(value))),
    steps,
    compares: true,
    yes,
    no: `does not: ${yes}`,
  }
}

function presence(wanted: boolean): Predicate {
  const words = wanted ? { yes: 'has a value', no: 'has no value' } : { yes: 'has no value', no: 'has a value' }
  return { holds: (values) => values.length > 0 === wanted, steps: 0, compares: false, ...words }
}

function negate(inner: Predicate | undefined): Predicate | undefined {
  if (inner === undefined) return undefined
  const { steps, compares, yes, no } = inner
  return { holds: (values) => !inner.holds(values), steps, compares, yes: no, no: yes }
}

function together(parts: readonly Predicate[]): Predicate {
  const yes = parts.map((part) => part.yes).join(' and ')
  const steps = parts.reduce((sum, part) => sum + part.steps, 0)
  const compares = parts.some((part) => part.compares)
  return { holds: (values) => parts.every((part) => part.holds(values)), steps, compares, yes, no: `does not: ${yes}` }
}
