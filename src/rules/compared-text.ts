import { comparable, type Name } from './name.ts'

/** Where in a value a text is looked for. */
export type ComparedAs = 'equals' | 'starts_with' | 'ends_with' | 'contains'

/** What of the value may stand before and behind the text: a character that no other is combined with. */
const AROUND: Readonly<Record<ComparedAs, readonly [before: string, behind: string]>> = {
  equals: ['', ''],
  starts_with: ['', '|'],
  ends_with: ['|', ''],
  contains: ['|', '|'],
}
/** Text of several lines (PS3.5 6.2); no other has a line break. */
const OF_LINES: ReadonlySet<string> = new Set(['LT', 'ST', 'UT', 'UN'])

/**
 * Why no value of that name has this text, as values are compared; undefined when one can. A rule with such a text would load
 * and never match.
 *
 * @param text in NFC
 */
export function neverFound(text: string, name: Name, as: ComparedAs = 'equals'): string | undefined {
  const vr = vrOf(name)
  const [before, behind] = AROUND[as]
  const whole = `${before}${text}${behind}`
  if (comparable(whole, vr) !== whole) {
    return vr === 'PN' && text.includes('=')
      ? `Of ${name.text} the group before the first "=" is compared; leave out the "=" and what follows.`
      : `Values of ${name.text} are compared without the spaces around them; leave them out.`
  }
  if (behind === '' && text.endsWith('\n') && name.kind !== 'answer' && !OF_LINES.has(vr)) {
    return `No value of ${name.text} ends in a line break; a block text ends without one after "|-".`
  }
  return undefined
}

/** The VR by which values of the name are unpadded. What a private attribute is its header says: perhaps text of lines. */
const vrOf = (name: Name): string => {
  if (name.kind !== 'attribute') return 'LO'
  return name.isPrivate ? 'UN' : name.vr
}
