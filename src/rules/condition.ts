import type { Answer, Facts } from './facts.ts'
import { type AnswerName, comparable, type Name, ourValues } from './name.ts'
import type { Predicate } from './predicate.ts'

/** A compiled match. */
export type Condition =
  | { readonly kind: 'test'; readonly name: Name; readonly slot: number; readonly predicate: Predicate }
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }

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
  readonly #slots: (readonly string[] | undefined)[]
  readonly #answers: Bound

  constructor(
    read: (name: Name) => readonly string[],
    answers: Bound = NO_ANSWERS,
    slots: (readonly string[] | undefined)[] = [],
  ) {
    this.#read = read
    this.#answers = answers
    this.#slots = slots
  }

  /** The same values, for a branch of the rules that knows these answers. */
  within(answers: Bound): Values {
    return answers === this.#answers ? this : new Values(this.#read, answers, this.#slots)
  }

  of(name: Name, slot: number): readonly string[] {
    // Another branch may mean another answer by the same name.
    if (name.kind === 'answer') return answerValues(name, this.#answers)
    const known = this.#slots[slot]
    if (known !== undefined) return known
    const values = this.#read(name)
    this.#slots[slot] = values
    return values
  }
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

/** The values of one instance under a name, as they are compared. */
export function matchedValues(name: Name, facts: Facts): readonly string[] {
  if (name.kind === 'ours') return ourValues(name.name, facts)
  if (name.kind !== 'attribute') return []
  const { header } = facts
  const vr = name.isPrivate ? (header.vr(name.path) ?? name.vr) : name.vr
  // Bytes and sequences have no text to compare; that they are there is all that can be asked.
  if (OPAQUE.has(vr)) return header.has(name.path) ? [SOMETHING] : []
  return header.values(name.path)?.map((value) => comparable(value, vr)) ?? [SOMETHING]
}

// Equal to no text that can be written in a rule, as control characters are refused there.
const SOMETHING = '\0'
const OPAQUE: ReadonlySet<string> = new Set(['SQ', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW'])

/** Whether the match holds for these values. */
export function holds(condition: Condition, values: Values): boolean {
  switch (condition.kind) {
    case 'test':
      return condition.predicate.holds(values.of(condition.name, condition.slot))
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
