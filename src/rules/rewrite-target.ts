import { lookUpKeyword } from '../dicom/dictionary.ts'
import { type AttributeName, parseName } from './name.ts'
import type { Place } from './place.ts'
import type { Group } from './verb.ts'

/** VRs without text that could be written or copied. */
export const WORDLESS: ReadonlySet<string> = new Set(['SQ', 'AT', 'OB', 'OD', 'OF', 'OL', 'OV', 'OW'])

/** The attribute a verb writes; `atKey` says whether its name is the key of the place. */
export function readTarget(place: Place, text: string, atKey: boolean): AttributeName | undefined {
  const report = (message: string): undefined => (atKey ? place.reportKey(message) : place.report(message))
  const name = parseAttributeOnly(text)
  if ('problem' in name) return report(name.problem)
  const shield = shieldOf(name)
  if (shield !== undefined) return report(shield)
  if (WORDLESS.has(name.vr) || (name.vr === 'UN' && !name.isPrivate))
    return report(`${name.text} is ${name.vr}; a rewrite writes text and numbers only.`)
  return name
}

/** The attribute a text names; names of ours are none. */
export function parseAttributeOnly(text: string): AttributeName | { readonly problem: string } {
  const name = parseName(text)
  if ('problem' in name || name.kind === 'attribute') return name
  return { problem: `${text} is a fact about the reception; only attributes can be rewritten.` }
}

const IDENTITY: ReadonlySet<string> = new Set(['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID'])

/** Why a rewrite may not touch the attribute (RULES.md 3.6). */
export function shieldOf(name: AttributeName): string | undefined {
  const tag = name.path.at(-1)?.tag ?? 0
  const is = (keyword: string): boolean => lookUpKeyword(keyword)?.tag === tag
  if (is('SOPClassUID')) return 'SOPClassUID cannot be rewritten: it says what the instance is.'
  if ([...IDENTITY].some(is))
    return `${name.text} can be rewritten by the verb uid only, which keeps the references to it right.`
  if (is('SpecificCharacterSet'))
    return 'SpecificCharacterSet cannot be rewritten: it follows from the text that is written.'
  if (tag >>> 16 <= 0x0002) return `${name.text} is not part of the data set and cannot be rewritten.`
  if (tag >>> 16 >= 0x7fe0) return `${name.text} is pixel data or stands behind it, and cannot be rewritten.`
  if ((tag & 0xffff) === 0) return `${name.text} is a group length and cannot be rewritten.`
  return undefined
}

const WHOLE_GROUP = /^\(([0-9a-fA-F]{4}),[xX]{4}\)$/

/** What `remove` and `empty` name: an attribute, a private group, or `private`. */
export function readWhat(place: Place, verb: 'remove' | 'empty'): AttributeName | Group | undefined {
  const text = place.text() ?? ''
  if (text === 'private') return { group: 'private', text }
  const group = WHOLE_GROUP.exec(text)?.[1]
  if (group !== undefined) {
    const number = Number.parseInt(group, 16)
    if (number % 2 === 1) return { group: number, text }
    return place.report(
      `${text} is not a private group; only private groups are ${verb === 'remove' ? 'removed' : 'emptied'} whole.`,
    )
  }
  const name = parseAttributeOnly(text)
  if ('problem' in name) return place.report(name.problem)
  const shield = shieldOf(name)
  return shield === undefined ? name : place.report(shield)
}
