import { type CharacterSet, decodeText } from './character-set.ts'
import { extensionsOf, G1_ESCAPES } from './code-extension.ts'
import { highHalfOf, pairsOf } from './encoding-table.ts'

/**
 * Text as bytes of its character set. Undefined when the set cannot hold it, or not so that everyone reads it as it was
 * meant: the caller then changes the header to ISO_IR 192.
 *
 * @param delimiters the ASCII characters that separate values or components: `\`, in PN also `^` and `=`
 */
export function encodeText(text: string, set: CharacterSet, delimiters: string): Buffer | undefined {
  if (set.kind === 'utf-8') return Buffer.from(text, 'utf-8')
  if (isPlainAscii(text) && !(set.isRomaji === true && /[\\~]/.test(text))) return Buffer.from(text, 'latin1')
  if (set.unknownTerm !== undefined) return undefined
  const bytes = new Encoding(set, delimiters).bytesOf(text)
  // What is read back is what was to be written: a table that is not its own inverse never garbles.
  return bytes !== undefined && decodeText(bytes, set, delimiters) === text ? bytes : undefined
}

function isPlainAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80 || code === 0x1b) return false
  }
  return true
}

const LINE_ENDS = '\t\n\f\r'
const INITIAL = ''

/** Writes one text, bringing in the sets that hold its characters as they are needed (PS3.5 6.1.2.5). */
class Encoding {
  readonly #set: CharacterSet
  readonly #delimiters: string
  readonly #bytes: number[] = []
  /** The escape that brought in what low and high bytes mean; empty: as at the beginning. */
  #g0 = INITIAL
  #g1 = INITIAL

  constructor(set: CharacterSet, delimiters: string) {
    this.#set = set
    this.#delimiters = delimiters
  }

  bytesOf(text: string): Buffer | undefined {
    for (const character of text) {
      const isWritten = character < '\x80' ? this.#ascii(character) : this.#other(character)
      if (!isWritten) return undefined
    }
    this.#restoreG0()
    return Buffer.from(this.#bytes)
  }

  #ascii(character: string): boolean {
    const isDelimiter = this.#delimiters.includes(character)
    if (character === '\x1b') return false
    if (this.#set.isRomaji === true && !isDelimiter && (character === '\\' || character === '~')) return false
    this.#restoreG0()
    this.#bytes.push(character.charCodeAt(0))
    if (isDelimiter || LINE_ENDS.includes(character)) this.#g1 = INITIAL
    return true
  }

  #other(character: string): boolean {
    const { kind, label, isRomaji } = this.#set
    if (isRomaji === true && (character === '\u203e' || character === '\u00a5')) {
      this.#restoreG0()
      // Where 5CH delimits it cannot be the yen sign.
      if (character === '\u00a5' && this.#delimiters.includes('\\')) return false
      this.#bytes.push(character === '\u203e' ? 0x7e : 0x5c)
      return true
    }
    if (kind === 'multi-byte') return this.#put(pairsOf('gbk').get(character))
    const high = label === undefined || G1_ESCAPES[label] === undefined ? undefined : highHalfOf(label).get(character)
    if (high !== undefined && (kind === 'single-byte' || this.#bringIntoG1(G1_ESCAPES[label ?? ''] ?? '', true)))
      return this.#put(high)
    return kind === 'iso-2022' && this.#extension(character)
  }

  #extension(character: string): boolean {
    for (const { sequence, half, table } of extensionsOf(this.#set.terms)) {
      const code = table().get(character)
      if (code === undefined) continue
      if (half === 'G1') this.#bringIntoG1(sequence, false)
      else if (this.#g0 !== sequence) {
        this.#escape(sequence)
        this.#g0 = sequence
      }
      return this.#put(code)
    }
    return false
  }

  #bringIntoG1(sequence: string, isInitial: boolean): true {
    const wanted = isInitial ? INITIAL : sequence
    if (this.#g1 === wanted) return true
    this.#escape(sequence)
    this.#g1 = wanted
    return true
  }

  #restoreG0(): void {
    if (this.#g0 === INITIAL) return
    this.#escape(this.#set.isRomaji === true ? '(J' : '(B')
    this.#g0 = INITIAL
  }

  #escape(name: string): void {
    this.#bytes.push(0x1b, ...Buffer.from(name, 'latin1'))
  }

  /** One byte, or two with the first in the high ones. */
  #put(code: number | undefined): boolean {
    if (code === undefined) return false
    if (code > 0xff) this.#bytes.push(code >>> 8)
    this.#bytes.push(code & 0xff)
    return true
  }
}
