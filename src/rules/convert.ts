import { type AttributePath, formatTag } from '../dicom/attribute-path.ts'
import { UTF_8 } from '../dicom/character-set.ts'
import { isPrivate } from '../dicom/dictionary.ts'
import type { AttributeChange, ResolvedEdit } from '../dicom/resolved-edit.ts'
import { usesCharacterSet } from '../dicom/vr.ts'
import { type Draft, type Drafted, keyOf, type Refused } from './draft.ts'
import { type Encoded, encodeValues, inOrder } from './encode.ts'
import type { ViewedElement } from './facts.ts'
import { SPECIFIC_CHARACTER_SET } from './header-view.ts'
import { nameOfPath } from './path-text.ts'
import { sayClosed } from './unseen.ts'

/**
 * The whole header in ISO_IR 192: besides what a rewrite changed, all text that would read differently, and every
 * declaration of a character set. Or why some text cannot be carried over.
 *
 * @param own the changes themselves, encoded in UTF-8
 */
export function convertHeader(
  changed: readonly Drafted[],
  draft: Draft,
  own: Encoded | Refused | 'other-set',
): Encoded | Refused {
  if (own === 'other-set') return { hold: 'its text cannot be encoded' }
  if ('hold' in own) return own
  const rewritten = new Set(changed.map(({ name }) => keyOf(name.path)))
  const edits: ResolvedEdit[] = [...own.edits, declare([{ tag: SPECIFIC_CHARACTER_SET }])]
  for (const element of draft.facts.header.walk()) {
    if (draft.isGone(element.path)) continue
    const converted = convert(element, rewritten, draft)
    if (converted === undefined) continue
    if ('hold' in converted) return converted
    edits.push(converted)
  }
  return { edits: inOrder(edits), changes: [declaration(draft)] }
}

/** Undefined where nothing is to be done. */
function convert(
  element: ViewedElement,
  rewritten: ReadonlySet<string>,
  draft: Draft,
): ResolvedEdit | Refused | undefined {
  const { path, vr } = element
  if (path.at(-1)?.tag === SPECIFIC_CHARACTER_SET) return path.length > 1 ? declare(path) : undefined
  if (element.closed !== undefined && mayHoldText(element)) return { hold: sayClosed(element, 'text') }
  if (element.isGuess && readsAsText(element))
    return {
      hold: `${nameOfPath(path)} has text of no character set that is known; default_charset of its caller may say which`,
    }
  if (rewritten.has(keyOf(path)) || element.isAscii || element.isSequence || !readsAsText(element)) return undefined
  const values = element.values()
  const isLegible = values?.every((text) => !text.includes('\ufffd')) === true
  // What is UN to us another may know as text, but nobody could tell in which VR to write it.
  const value =
    isLegible && usesCharacterSet(vr) ? encodeValues(values, vr, UTF_8, draft.writing(path).bigEndian) : undefined
  if (value === undefined || value === 'too-long')
    return { hold: `${nameOfPath(path)} cannot be converted to ISO_IR 192` }
  return { verb: 'set', path, vr, value }
}

const readsAsText = (element: ViewedElement): boolean =>
  usesCharacterSet(element.vr) || (element.vr === 'UN' && element.values() !== undefined)

/** Large private values of implicit data sets are pictures and tables, not text. */
function mayHoldText(element: ViewedElement): boolean {
  const tag = element.path.at(-1)?.tag
  if (element.closed === 'too large' || tag === undefined) return true
  if (element.bytes === undefined) return !isPrivate(tag)
  const inside = element.inside()
  return (
    inside === undefined ||
    [...inside].some((inner) => !inner.isAscii && (readsAsText(inner) || inner.closed !== undefined))
  )
}

const declare = (path: AttributePath): ResolvedEdit => ({
  verb: 'set',
  path,
  vr: 'CS',
  value: Buffer.from('ISO_IR 192', 'latin1'),
})

function declaration({ facts }: Draft): AttributeChange {
  const before = facts.header.values([{ tag: SPECIFIC_CHARACTER_SET }])?.join('\\') ?? ''
  return {
    tag: formatTag(SPECIFIC_CHARACTER_SET),
    keyword: 'SpecificCharacterSet',
    verb: 'convert',
    before: before === '' ? null : before,
    after: 'ISO_IR 192',
  }
}
