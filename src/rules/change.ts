import type { AttributePath } from '../dicom/attribute-path.ts'
import { lookUpTag } from '../dicom/dictionary.ts'
import type { AttributeChange } from '../dicom/resolved-edit.ts'
import type { Draft, Drafted } from './draft.ts'
import { tagsOfPath } from './path-text.ts'

/** Longer values are shown by their beginning, in characters. */
const MAX_CHARACTERS = 1_024
/** Of one delivery; those beyond are counted, attribute by attribute. */
const MAX_CHANGES = 1_000

/** Before and after of one element, for a person. */
export function changeOf({ name, values, vr, verb }: Drafted, draft: Draft): AttributeChange {
  const { path } = name
  const tag = path.at(-1)?.tag
  const keyword = tag === undefined ? null : (lookUpTag(tag)?.keyword ?? null)
  const after = values === null ? null : vr === 'SQ' ? sayItems(draft.items(path) ?? 0) : clip(values.join('\\'))
  return { tag: tagsOfPath(path), keyword, verb, before: receivedAt(path, draft), after }
}

function receivedAt(path: AttributePath, draft: Draft): string | null {
  const { header } = draft.facts
  if (draft.isGone(path.slice(0, -1)) || !header.has(path)) return null
  // What is not text is said to be there, not shown.
  if (header.vr(path) === 'SQ') return sayItems(header.items(path) ?? 0)
  const values = header.values(path)
  return values === undefined ? '(not text)' : clip(values.join('\\'))
}

export const sayItems = (items: number): string => `(${items} item${items === 1 ? '' : 's'})`

function clip(text: string): string {
  if (text.length <= MAX_CHARACTERS) return text
  const shown = [...text.slice(0, 2 * MAX_CHARACTERS)].slice(0, MAX_CHARACTERS).join('')
  return shown.length === text.length ? text : `${shown}… (${text.length} characters)`
}

/** At most so many changes as a person and a ledger can bear: the first ones, then how many more of which attribute. */
export function boundedChanges(changes: readonly AttributeChange[]): readonly AttributeChange[] {
  if (changes.length <= MAX_CHANGES) return changes
  const rest = Map.groupBy(changes.slice(MAX_CHANGES), ({ tag, verb }) => `${tag.slice(-11)} ${verb}`)
  const counted = [...rest.values()].flatMap((group) => group.slice(0, 1).map((one) => count(one, group.length)))
  return [...changes.slice(0, MAX_CHANGES), ...counted]
}

const count = ({ tag, keyword, verb }: AttributeChange, more: number): AttributeChange => ({
  tag: tag.slice(-11),
  keyword,
  verb,
  before: `(${more} more)`,
  after: `(${more} more)`,
})
