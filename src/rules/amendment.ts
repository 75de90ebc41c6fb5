import { KurirError } from '../base/failure.ts'
import type { AttributePath } from '../dicom/attribute-path.ts'
import { isOneValue } from '../dicom/vr.ts'
import { Draft, keyOf } from './draft.ts'
import type { Amendment, Facts, HeaderView } from './facts.ts'
import { type AttributeName, parseAttribute } from './name.ts'
import { unfit } from './vr-limit.ts'

/** An amendment whose name is read; `values` null: the element is taken out. */
interface ReadAmendment {
  readonly name: AttributeName
  readonly values: readonly string[] | null
}

/** Why this cannot be an amendment, in a sentence without its value; undefined when it can. For those who record one. */
export function amendmentProblem({ name: text, value }: Amendment): string | undefined {
  const name = parseAttribute(text)
  if ('problem' in name) return name.problem
  const faults = valuesOf(name, value)?.map((part) => unfit(part, name.vr)) ?? []
  const fault = faults.find((some) => some !== undefined)
  return fault === undefined ? undefined : `The value for ${text} ${fault}.`
}

/** @throws KurirError `invalid-argument` for a name that `amendmentProblem` refuses */
function readAmendments(amendments: readonly Amendment[]): readonly ReadAmendment[] {
  return amendments.map((amendment) => {
    const name = parseAttribute(amendment.name)
    if ('problem' in name) throw new KurirError('invalid-argument', 'permanent', 'an amendment of no attribute')
    return { name, values: valuesOf(name, amendment.value) }
  })
}

const valuesOf = (name: AttributeName, value: string | null): readonly string[] | null =>
  value === null || value === '' ? (value === null ? null : []) : isOneValue(name.vr) ? [value] : value.split('\\')

/**
 * The header as it stands once the amendments are put on top of it: what `match` sees.
 *
 * @throws KurirError `invalid-argument` for a name that `amendmentProblem` refuses
 */
export function amendedView(header: HeaderView, amendments: readonly Amendment[]): HeaderView {
  if (amendments.length === 0) return header
  const amended = new Map(readAmendments(amendments).map((read) => [keyOf(read.name.path), read]))
  const of = (path: AttributePath): ReadAmendment | undefined => amended.get(keyOf(path))
  return {
    declared: header.declared,
    texts: () => header.texts(),
    tags() {
      const own = [...amended.values()].flatMap(({ name }) => (name.path.length === 1 ? (name.path[0]?.tag ?? []) : []))
      const there = new Set([...header.tags(), ...own])
      return [...there].filter((tag) => this.has([{ tag }])).sort((a, b) => a - b)
    },
    values: (path) => {
      const read = of(path)
      return read === undefined ? header.values(path) : (read.values ?? [])
    },
    has: (path) => {
      const read = of(path)
      return read === undefined ? header.has(path) : read.values !== null
    },
    vr: (path) => header.vr(path) ?? of(path)?.name.vr,
  }
}

/**
 * The working copy before any rule: what was received with its amendments, which leave with every delivery.
 *
 * @throws KurirError `invalid-argument` for a name that `amendmentProblem` refuses
 */
export function receivedDraft(facts: Facts): Draft {
  const draft = new Draft(facts)
  for (const { name, values } of readAmendments(facts.amendments ?? [])) {
    if (values === null) draft.remove(name, 'amend')
    else draft.set(name, values, 'amend')
  }
  return draft
}

/** The same facts with the amendments put on top of the header: what `match` sees. */
export const amendedFacts = (facts: Facts): Facts =>
  facts.amendments === undefined || facts.amendments.length === 0
    ? facts
    : { ...facts, header: amendedView(facts.header, facts.amendments) }
