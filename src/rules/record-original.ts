import { type AttributePath, formatTag, type PathStep, type Tag, tagOf } from '../dicom/attribute-path.ts'
import { UTF_8 } from '../dicom/character-set.ts'
import { isPrivate } from '../dicom/dictionary.ts'
import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'
import { usesCharacterSet } from '../dicom/vr.ts'
import { sayItems } from './change.ts'
import { type Draft, type Drafted, keyOf, type Refused } from './draft.ts'
import { type Encoded, encodeValues } from './encode.ts'
import type { Facts, ViewedElement } from './facts.ts'
import { SPECIFIC_CHARACTER_SET } from './header-view.ts'
import { nameOfPath } from './path-text.ts'

const ORIGINAL_ATTRIBUTES = tagOf(0x0400, 0x0561)
const MODIFIED_ATTRIBUTES = tagOf(0x0400, 0x0550)
const NOTHING: Encoded = { edits: [], changes: [] }

/**
 * One more item of the Original Attributes Sequence (PS3.3 C.12.1), with every attribute of the data set that was
 * changed, as it was received: sequences whole, what was not there without a value. What it says of the when is when the
 * instance was received, so that sending it again gives the same bytes.
 *
 * @param isConverted whether the header changes to ISO_IR 192
 */
export function recordOriginal(changed: readonly Drafted[], draft: Draft, isConverted: boolean): Encoded | Refused {
  if (!draft.recordsOriginal || changed.length === 0) return NOTHING
  const sequence: AttributePath = [{ tag: ORIGINAL_ATTRIBUTES }]
  const number = draft.items(sequence)
  if (number === undefined) return { hold: `${nameOfPath(sequence)} cannot be looked into` }
  const item: PathStep = { tag: ORIGINAL_ATTRIBUTES, item: number }
  const tags = changed.flatMap(({ name }) => name.path[0]?.tag ?? []).filter((tag) => tag !== ORIGINAL_ATTRIBUTES)
  const meant = new Set([...tags, ...tags.flatMap(creatorOf), ...(isConverted ? [SPECIFIC_CHARACTER_SET] : [])])
  const modified: AttributePath = [item, { tag: MODIFIED_ATTRIBUTES, item: 0 }]
  const edits: ResolvedEdit[] = [set(modified, ''), ...aboutTheRecord(item, draft.facts)]
  const there = new Set<string>()
  for (const element of draft.facts.header.walk()) {
    const top = element.path[0]?.tag
    if (top === undefined || !meant.has(top)) continue
    there.add(keyOf(element.path))
    const recorded = record(element, modified, draft, isConverted)
    if ('hold' in recorded) return recorded
    edits.push(...recorded)
  }
  edits.push(...absent(changed, there, modified))
  return { edits, changes: [changeOf(number)] }
}

/** A private element means nothing without the creator that reserves its block (PS3.5 7.8.1). */
const creatorOf = (tag: Tag): readonly Tag[] =>
  isPrivate(tag) && (tag & 0xffff) >= 0x1000 ? [tagOf(tag >>> 16, (tag & 0xffff) >>> 8)] : []

/** An element as it was received, in its place within the record. */
function record(
  element: ViewedElement,
  modified: AttributePath,
  draft: Draft,
  isConverted: boolean,
): readonly ResolvedEdit[] | Refused {
  const { vr, bytes } = element
  const path = [...modified, ...element.path]
  if (element.isSequence && element.closed === undefined) {
    const count = draft.facts.header.items(element.path) ?? 0
    const items = Array.from({ length: count }, (_, item) => set(withItem(path, item), ''))
    return [{ verb: 'set', path, vr: 'SQ', value: new Uint8Array(0) }, ...items]
  }
  const value = isConverted && !declares(draft.facts) && !element.isAscii ? inUtf8(element) : (bytes ?? inUtf8(element))
  if (value === undefined)
    return { hold: `${nameOfPath(element.path)} is too large to be kept beside what replaces it` }
  return [{ verb: 'set', path, vr, value }]
}

/** Where a character set is declared, its declaration is recorded too, and the record is read by it. */
const declares = ({ header }: Facts): boolean => header.has([{ tag: SPECIFIC_CHARACTER_SET }])

function inUtf8({ vr, bytes, values }: ViewedElement): Uint8Array | undefined {
  if (bytes !== undefined && !usesCharacterSet(vr)) return bytes
  const known = values()
  const encoded = known === undefined ? undefined : encodeValues(known, vr, UTF_8, false)
  return encoded === 'too-long' ? undefined : encoded
}

/** Attributes that were not there before: empty, so that the record says so. */
function absent(
  changed: readonly Drafted[],
  there: ReadonlySet<string>,
  modified: AttributePath,
): readonly ResolvedEdit[] {
  const empty = new Map<string, ResolvedEdit>()
  for (const { name, vr } of changed) {
    const tag = name.path[0]?.tag
    if (tag === undefined || tag === ORIGINAL_ATTRIBUTES || there.has(formatTag(tag))) continue
    const own = name.path.length > 1 ? 'SQ' : vr
    empty.set(formatTag(tag), { verb: 'set', path: [...modified, { tag }], vr: own, value: new Uint8Array(0) })
  }
  return [...empty.values()]
}

/** PS3.3 table C.12-1: when, by whom, from where and why. */
function aboutTheRecord(item: PathStep, { receivedAt, callingAe }: Facts): readonly ResolvedEdit[] {
  const say = (tag: Tag, vr: string, text: string): ResolvedEdit => set([item, { tag }], text, vr)
  return [
    say(tagOf(0x0400, 0x0562), 'DT', dateTime(receivedAt)),
    say(tagOf(0x0400, 0x0563), 'LO', 'Kurir'),
    say(tagOf(0x0400, 0x0564), 'LO', callingAe),
    say(tagOf(0x0400, 0x0565), 'CS', 'COERCE'),
  ]
}

/** In UTC, and says so (PS3.5 6.2). */
const dateTime = (at: number): string => `${new Date(at).toISOString().replace(/[-:TZ]/g, '')}000+0000`

function set(path: AttributePath, text: string, vr = 'SQ'): ResolvedEdit {
  return { verb: 'set', path, vr, value: Buffer.from(text.length % 2 === 0 ? text : `${text} `, 'latin1') }
}

const withItem = (path: AttributePath, item: number): AttributePath =>
  path.map((step, index) => (index === path.length - 1 ? { tag: step.tag, item } : step))

const changeOf = (before: number): AttributeChange => ({
  tag: formatTag(ORIGINAL_ATTRIBUTES),
  keyword: 'OriginalAttributesSequence',
  verb: 'record_original',
  before: before === 0 ? null : sayItems(before),
  after: sayItems(before + 1),
})
