import { createHash } from 'node:crypto'
import { lookUpKeyword } from '../dicom/dictionary.ts'
import type { Header } from '../dicom/header.ts'

/** The longest value in a name, in characters; longer ones are cut and told apart by a digest. */
const LONGEST_VALUE = 80
/** What separates folders, what file systems of other makers refuse, and everything that does not print. */
const UNSAFE = /[/\\:*?"<>|\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/**
 * A value as it may stand in a name of a file or a folder: no separator, no control character, no leading or trailing dot or
 * space, never empty. Two values that differ only in what was replaced get the same name; the file's own name tells.
 */
export function safeName(value: string): string {
  const plain = value
    .normalize('NFC')
    .replace(UNSAFE, '_')
    .replace(/^[. ]+|[. ]+$/g, (edge) => '_'.repeat(edge.length))
  if (plain === '') return '_'
  if (plain.length <= LONGEST_VALUE) return plain
  const digest = createHash('sha256').update(value).digest('hex').slice(0, 12)
  return `${Array.from(plain)
    .slice(0, LONGEST_VALUE - 13)
    .join('')}-${digest}`
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
    return filled === '.' || filled === '..' ? '_' : filled
  })
}

function attributeOf(header: Header, keyword: string, outgoingUid: string): string {
  if (keyword === 'SOPInstanceUID') return outgoingUid
  const entry = lookUpKeyword(keyword)
  return entry === undefined ? '' : (header.text(entry.tag) ?? '')
}
