import { KurirError } from '../base/failure.ts'
import { amendedFacts } from './amendment.ts'
import { namesInArguments } from './arguments.ts'
import { type Condition, isSign, matchedValues, Values } from './condition.ts'
import type { Facts } from './facts.ts'
import { type AttributeName, type Name, ourValues, parseAttribute } from './name.ts'
import type { Rule } from './rule.ts'
import type { StudyFacts } from './study-decision.ts'

/** The names that the rules of the study moment look at over all instances: those of matches, and those they speak of. */
export interface StudyNames {
  readonly matched: readonly Name[]
  readonly spoken: readonly Name[]
}

/** Each name once, of rules at any depth. */
export function studyNamesOf(rules: readonly Rule[]): StudyNames {
  const matched = new Map<string, Name>()
  const spoken = new Map<string, Name>()
  const visit = (rule: Rule): void => {
    if (rule.match !== undefined) for (const name of namesOf(rule.match)) matched.set(name.text, name)
    for (const { with: templates } of [...rule.lookups, ...rule.notify])
      for (const name of namesInArguments(templates)) spoken.set(name.text, name)
    for (const inner of rule.rules) visit(inner)
  }
  for (const rule of rules) if (rule.on === 'study') visit(rule)
  return { matched: [...matched.values()], spoken: [...spoken.values()] }
}

function namesOf(condition: Condition): readonly Name[] {
  if (condition.kind === 'test') return [condition.name]
  return condition.kind === 'not' ? namesOf(condition.of) : condition.of.flatMap(namesOf)
}

type FactOfStudy = Name & { readonly kind: 'study' }

const SERIES = attribute('SeriesInstanceUID')
const MODALITY = attribute('Modality')

function attribute(keyword: string): AttributeName {
  const name = parseAttribute(keyword)
  if ('problem' in name) throw new KurirError('internal', 'permanent', name.problem)
  return name
}

/** The values of a study: gathered member by member, each looked at once. */
export class StudyValues {
  readonly #study: StudyFacts
  readonly #names: StudyNames
  readonly #matched = new Map<string, Set<string>>()
  readonly #spoken = new Map<string, Set<string>>()
  readonly #series = new Set<string>()
  readonly #modalities = new Set<string>()

  constructor(study: StudyFacts, names: StudyNames) {
    this.#study = study
    this.#names = names
  }

  add(received: Facts): void {
    const facts = amendedFacts(received)
    for (const name of this.#names.matched) addAll(setOf(this.#matched, name), matchedValues(name, facts))
    for (const name of this.#names.spoken) addAll(setOf(this.#spoken, name), spokenValues(name, facts))
    addAll(this.#series, matchedValues(SERIES, facts))
    addAll(this.#modalities, matchedValues(MODALITY, facts))
  }

  /** What matches look at. */
  values(): Values {
    return new Values((name) => (name.kind === 'study' ? this.#ofStudy(name) : this.#of(this.#matched, name)))
  }

  /** What templates speak of. */
  spoken(name: Name): readonly string[] {
    return name.kind === 'study' ? this.#ofStudy(name) : this.#of(this.#spoken, name)
  }

  #of(gathered: ReadonlyMap<string, ReadonlySet<string>>, name: Name): readonly string[] {
    return [...(gathered.get(name.text) ?? [])]
  }

  #ofStudy({ name }: FactOfStudy): readonly string[] {
    const { members, settledBy, instanceCount, seriesCount, modalities } = this.#study
    switch (name) {
      case 'settled_by':
        return [settledBy]
      case 'instance_count':
        return [String(instanceCount ?? members.length)]
      case 'series_count':
        return [String(seriesCount ?? this.#series.size)]
      case 'modalities':
        return modalities ?? [...this.#modalities].sort()
      default:
        return name satisfies never
    }
  }
}

/** Of a SOP class or transfer syntax the UID alone: a template puts in one text. */
const spokenValues = (name: Name, facts: Facts): readonly string[] =>
  name.kind === 'ours'
    ? ourValues(name.name, facts).slice(0, 1)
    : matchedValues(name, facts).filter((value) => !isSign(value))

function setOf(sets: Map<string, Set<string>>, name: Name): Set<string> {
  const known = sets.get(name.text)
  if (known !== undefined) return known
  const set = new Set<string>()
  sets.set(name.text, set)
  return set
}

function addAll(set: Set<string>, values: readonly string[]): void {
  for (const value of values) set.add(value)
}
