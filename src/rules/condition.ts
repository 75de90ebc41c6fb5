import type { AttributePath } from '../dicom/attribute-path.ts'
import type { Answer, Facts, HeaderView } from './facts.ts'
import { type AnswerName, comparable, isSaid, type Name, ourValues } from './name.ts'
import { MOST_STEPS, SHORT_VALUE } from './pattern.ts'
import type { Predicate } from './predicate.ts'

/** A compiled match. */
export type Condition =
  | Test
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }

type Test = { readonly kind: 'test'; readonly name: Name; readonly slot: number; readonly predicate: Predicate }

/** Numbers the distinct names of a ruleset, so that each is read from the header once a decision. */
export class Slots {
  readonly #names = new Map<string, number>()

  slotOf(name: Name): number {
    const slot = this.#names.get(name.text) ?? this.#names.size
    this.#names.set(name.text, slot)
    return slot
  }
}

/** The values that a match looks at, each name read when it is first asked for. */
export class Values {
  readonly #read: (name: Name) => readonly string[]
  readonly #answers: Bound
  readonly #seen: Seen

  constructor(read: (name: Name) => readonly string[], answers: Bound = NO_ANSWERS, seen: Seen = newlySeen()) {
    this.#read = read
    this.#answers = answers
    this.#seen = seen
  }

  /** Why something could not be judged: then nothing that was judged since is worth anything. */
  get unjudged(): string | undefined {
    return this.#seen.unjudged
  }

  /** The same values, for a branch of the rules that knows these answers. */
  within(answers: Bound): Values {
    return answers === this.#answers ? this : new Values(this.#read, answers, this.#seen)
  }

  of(name: Name, slot: number): readonly string[] {
    // Another branch may mean another answer by the same name.
    if (name.kind === 'answer') return answerValues(name, this.#answers)
    const known = this.#seen.slots[slot]
    if (known !== undefined) return known
    const values = this.#read(name)
    this.#seen.slots[slot] = values
    return values
  }

  judge(test: Test): boolean {
    const values = this.of(test.name, test.slot)
    const { steps, compares, holds } = test.predicate
    if (values.includes(UNREACHED)) {
      this.#seen.unjudged ??= `${test.name.text} stands in a sequence that is too large to be looked into`
      return false
    }
    if (compares && values.includes(UNSEEN)) {
      this.#seen.unjudged ??= `${test.name.text} is too large to be compared`
      return false
    }
    const long = steps === 0 ? 0 : lengthOfLong(values)
    return long === 0 ? holds(values) : this.#judgeLong(test, values, steps * long)
  }

  #judgeLong(test: Test, values: readonly string[], steps: number): boolean {
    const seen = this.#seen
    const known = seen.judged.get(test)
    if (known !== undefined) return known
    seen.stepsLeft -= steps
    if (seen.stepsLeft < 0) seen.unjudged ??= `${test.name.text} is too long for its pattern`
    const outcome = seen.stepsLeft >= 0 && test.predicate.holds(values)
    if (test.name.kind !== 'answer') seen.judged.set(test, outcome)
    return outcome
  }
}

/** What one decision has seen so far. */
interface Seen {
  readonly slots: (readonly string[] | undefined)[]
  readonly judged: Map<Test, boolean>
  stepsLeft: number
  unjudged: string | undefined
}

const newlySeen = (): Seen => ({ slots: [], judged: new Map(), stepsLeft: MOST_STEPS, unjudged: undefined })

function lengthOfLong(values: readonly string[]): number {
  let length = 0
  for (const value of values) if (value.length > SHORT_VALUE) length += value.length
  return length
}

/** The values of one instance. */
export const valuesOfInstance = (facts: Facts): Values => new Values((name) => matchedValues(name, facts))

/** The answers in reach of a rule, by the aliases of the lookups around it. */
export type Bound = ReadonlyMap<string, Answer>
export const NO_ANSWERS: Bound = new Map()

/** What a field of an answer says; none where it says nothing. */
export function answerValues({ alias, field }: AnswerName, answers: Bound): readonly string[] {
  const answer = answers.get(alias)
  if (answer === undefined) return []
  if (field === 'found') return [String(answer.found)]
  const text = Object.hasOwn(answer.fields, field) ? comparable(answer.fields[field] ?? '', 'LO') : ''
  return text === '' ? [] : [text]
}

/** The values of one instance under a name, as they are compared; those that say nothing are none. */
export function matchedValues(name: Name, facts: Facts): readonly string[] {
  if (name.kind === 'ours') return ourValues(name.name, facts).filter((value) => value !== '')
  if (name.kind !== 'attribute') return []
  const { header } = facts
  if (name.path.length > 1 && isClosedSequence(name.path.slice(0, 1), header)) return [UNREACHED]
  const vr = name.isPrivate ? (header.vr(name.path) ?? name.vr) : name.vr
  // Bytes and sequences have no text to compare; that they are there is all that can be asked.
  if (OPAQUE.has(vr)) return header.has(name.path) ? [SOMETHING] : []
  const values = header.values(name.path)?.filter((value) => isSaid(value, vr))
  if (values !== undefined) return values.map((value) => comparable(value, vr))
  return [name.isPrivate || header.vr(name.path) === 'UN' ? SOMETHING : UNSEEN]
}

/** Equal to no text of a rule: values are compared without NULs around them, and such a text is refused. */
const SOMETHING = '\0'
/** In place of a text that the header leaves out for its size: whether it is what a rule looks for, nobody knows. */
const UNSEEN = '\0\0'
/** In place of all that may stand in a sequence that the header leaves out for its size: whether there is any, nobody knows. */
const UNREACHED = '\0\0\0'
/** What stands for values that are not to be read. */
export const isSign = (value: string): boolean => value === SOMETHING || value === UNSEEN || value === UNREACHED
const OPAQUE: ReadonlySet<string> = new Set(['SQ', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW'])

/** A header leaves out whole elements of the data set, never an inner sequence alone. */
const isClosedSequence = (path: AttributePath, header: HeaderView): boolean =>
  header.items(path) === undefined && header.vr(path) === 'SQ'

/** Whether the match holds for these values. */
export function holds(condition: Condition, values: Values): boolean {
  switch (condition.kind) {
    case 'test':
      return values.judge(condition)
    case 'all':
      return condition.of.every((inner) => holds(inner, values))
    case 'any':
      return condition.of.some((inner) => holds(inner, values))
    case 'not':
      return !holds(condition.of, values)
    default:
      return condition satisfies never
  }
}

/** A plain comparison that must hold for a match to hold: some value is among these, or (`negated`) none is. */
export interface Required {
  readonly name: Name
  readonly among: ReadonlySet<string>
  readonly negated: boolean
}

/** The plain comparisons without which a match cannot hold. */
export function requiredOf(condition: Condition): readonly Required[] {
  switch (condition.kind) {
    case 'test': {
      const { name, predicate } = condition
      return predicate.among === undefined ? [] : [{ name, among: predicate.among, negated: false }]
    }
    case 'all':
      return condition.of.flatMap(requiredOf)
    case 'any':
      return []
    case 'not': {
      const inner = condition.of
      if (inner.kind !== 'test' || inner.predicate.among === undefined) return []
      return [{ name: inner.name, among: inner.predicate.among, negated: true }]
    }
    default:
      return condition satisfies never
  }
}

/** Why the match holds or does not, in the words of the rules: never a value of the instance. */
export function because(condition: Condition, values: Values): readonly string[] {
  switch (condition.kind) {
    case 'test': {
      const { name, predicate } = condition
      return [`${name.text} ${holds(condition, values) ? predicate.yes : predicate.no}`]
    }
    case 'all':
    case 'any': {
      const outcome = holds(condition, values)
      const decisive = condition.of.filter((inner) => holds(inner, values) === outcome)
      const enough = outcome === (condition.kind === 'any') ? decisive.slice(0, 1) : decisive
      return enough.flatMap((inner) => because(inner, values))
    }
    case 'not':
      return because(condition.of, values)
    default:
      return condition satisfies never
  }
}
