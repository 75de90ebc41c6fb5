import { createHash } from 'node:crypto'
import { lookUpKeyword } from '../dicom/dictionary.ts'
import type { Header } from '../dicom/header.ts'
import { trimEnd } from '../dicom/padding.ts'

/** The longest value in a name, and the longest name, in bytes of UTF-8; longer ones are cut and told apart by a digest. */
const LONGEST_VALUE = 96
const LONGEST_NAME = 240
/** What separates folders, what file systems of other makers refuse, and everything that does not print. */
const UNSAFE = /[/\\:*?"<>|\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * A value as it may stand in a name of a file or a folder: no separator, no control character, no leading or trailing dot or
 * space, never empty. Two values that differ only in what was replaced get the same name; the file's own name tells.
 */
export function safeName(value: string): string {
  const safe = value
    .normalize('NFC')
    .replace(UNSAFE, '_')
    .replace(/^[. ]+/, (edge) => '_'.repeat(edge.length))
  const plain = trimEnd(safe, '. ').padEnd(safe.length, '_')
  if (plain === '') return '_'
  return cut(plain, LONGEST_VALUE, value, '')
}

/** The text when it fits, or as much of it as fits before a digest of all of `whole` and an ending that stays. */
function cut(text: string, longest: number, whole: string, ending: string): string {
  if (Buffer.byteLength(text) <= longest) return text
  const mark = `-${createHash('sha256').update(whole).digest('hex').slice(0, 12)}${ending}`
  const kept = Buffer.from(text)
    .subarray(0, longest - mark.length)
    .toString('utf8')
  // A character that was cut in two is left out.
  return `${kept.replace(/\uFFFD+$/, '')}${mark}`
}

/**
 * The steps of a path below the folder, filled from what leaves. `SOPInstanceUID` is the one under which it leaves.
 *
 * @param layout `{StudyInstanceUID}/{SOPInstanceUID}.dcm`, as the rules checked it
 */
export function fillLayout(layout: string, header: Header, outgoingUid: string): readonly string[] {
  return layout.split('/').map((step) => {
    const filled = step.replace(/\{([^{}]*)\}/g, (_, keyword: string) =>
      safeName(attributeOf(header, keyword, outgoingUid)),
    )
    // The fixed text is the site's own; only what values may have made of it is looked at again.
    if (filled === '.' || filled === '..') return '_'
    return cut(filled, LONGEST_NAME, filled, /\.[A-Za-z0-9]{1,5}$/.exec(filled)?.[0] ?? '')
  })
}

function attributeOf(header: Header, keyword: string, outgoingUid: string): string {
  if (keyword === 'SOPInstanceUID') return outgoingUid
  const entry = lookUpKeyword(keyword)
  return entry === undefined ? '' : (header.text(entry.tag) ?? '')
}
