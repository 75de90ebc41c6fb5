import { KurirError } from '../base/failure.ts'
import { trimEnd } from '../dicom/padding.ts'

/** A part's headers by their names in lower case; of a repeated one the first. */
export type PartHeaders = ReadonlyMap<string, string>

// What stands around the value is taken off behind it: a pattern that does so too tries every way to divide a row of spaces.
const LINE = /^([!#$%&'*+.^_`|~\w-]+)[ \t]*:(.*)$/

/**
 * Reads the header block of a part (RFC 2045, RFC 5322 2.2): lines of CRLF, folded ones joined.
 *
 * @param block from the line end before the first header to the one behind the last
 * @throws KurirError `invalid-argument` for a line that is no header
 */
export function parsePartHeaders(block: string): PartHeaders {
  const headers = new Map<string, string>()
  for (const line of block.replace(/\r\n[ \t]+/g, ' ').split('\r\n')) {
    if (line === '') continue
    const match = LINE.exec(line)
    if (match?.[1] === undefined || match[2] === undefined) {
      throw new KurirError('invalid-argument', 'permanent', 'a part has a line among its headers that is none')
    }
    const name = match[1].toLowerCase()
    if (!headers.has(name)) headers.set(name, trimEnd(match[2], ' \t').replace(/^[ \t]+/, ''))
  }
  return headers
}
