import { KurirError } from '../base/failure.ts'
import { isOneValue } from '../dicom/vr.ts'
import { Draft } from './draft.ts'
import type { Amendment, Facts, HeaderView } from './facts.ts'
import type { Keys } from './keys.ts'
import { type AttributeName, parseAttribute } from './name.ts'
import { shieldOf, WORDLESS } from './rewrite-target.ts'
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
  const shield = shieldOf(name)
  if (shield !== undefined) return shield
  if (value !== null && WORDLESS.has(name.vr))
    return `${text} is ${name.vr}; a correction writes text and numbers only.`
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
  return amend(new Draft({ ...NOBODY, header }, new Map()), amendments).view()
}

// A header alone has no reception; amendments speak of attributes only.
const NOBODY: Omit<Facts, 'header'> = {
  callingAe: '',
  calledAe: '',
  peer: '',
  door: '',
  sopClass: '',
  sopInstanceUid: '',
  transferSyntax: '',
  receivedAt: 0,
}

/**
 * The working copy before any rule: what was received with its amendments, which leave with every delivery.
 *
 * @throws KurirError `invalid-argument` for a name that `amendmentProblem` refuses
 */
export const receivedDraft = (facts: Facts, keys: Keys): Draft => amend(new Draft(facts, keys), facts.amendments ?? [])

function amend(draft: Draft, amendments: readonly Amendment[]): Draft {
  for (const { name, values } of readAmendments(amendments)) {
    const places = draft.places(name, values !== null)
    if ('hold' in places) {
      draft.refuse(`amendment: ${places.hold}`)
      continue
    }
    for (const place of places) {
      if (values === null) draft.remove(place, 'amend')
      else draft.set(place, values, 'amend')
    }
  }
  return draft
}

/** The same facts with the amendments put on top of the header: what `match` sees. */
export const amendedFacts = (facts: Facts): Facts =>
  facts.amendments === undefined || facts.amendments.length === 0
    ? facts
    : { ...facts, header: amendedView(facts.header, facts.amendments) }
