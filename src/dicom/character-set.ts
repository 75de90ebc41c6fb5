import { TextDecoder } from 'node:util'
import { decodeIso2022, readRomaji } from './iso-2022.ts'
import { decodeBytes } from './text-decoder.ts'

/**
 * How text of one data set or item is written: what Specific Character Set (0008,0005) says (PS3.3 C.12.1.1.2).
 */
export interface CharacterSet {
  /** The defined terms as received, unpadded; empty where there are none. */
  readonly terms: readonly string[]
  readonly kind: 'ascii' | 'utf-8' | 'single-byte' | 'multi-byte' | 'iso-2022'
  /** Of a single- or multi-byte set its WHATWG name; of ISO 2022 that of G1 before any escape. */
  readonly label?: string
  /** Whether 5CH and 7EH are the yen sign and the overline of JIS X 0201 (ISO-IR 14), unless they are delimiters. */
  readonly isRomaji?: true
  /** Set where a term means nothing to us: its text is read as Latin-1. */
  readonly unknownTerm?: string
}

// Terms without code extensions, and with, share their number. IR 14 comes with IR 13.
// biome-ignore format: a table is read by rows
const SINGLE_BYTE: Readonly<Record<string, string>> = {
  '100': 'latin1', '101': 'iso-8859-2', '109': 'iso-8859-3', '110': 'iso-8859-4', '144': 'iso-8859-5', '127':
  'iso-8859-6', '126': 'iso-8859-7', '138': 'iso-8859-8', '148': 'windows-1254', '203': 'iso-8859-15', '13':
  'shift_jis', '166': 'windows-874',
}
const EXTENSION_ONLY = new Set(['87', '159', '149', '58'])
const TERM = /^ISO[ _-]?(IR|2022[ _-]IR)[ _-]?(\d+)$/i
const LATIN = /^ISO[ _-]?8859-(\d+)$/i
// biome-ignore format: a table is read by rows
const LATIN_NUMBERS: Readonly<Record<string, string>> = {
  '1': '100', '2': '101', '3': '109', '4': '110', '5': '144', '6': '127', '7': '126', '8': '138', '9': '148', '15':
  '203', '11': '166',
}

export const ASCII: CharacterSet = { terms: [], kind: 'ascii' }
export const UTF_8: CharacterSet = { terms: ['ISO_IR 192'], kind: 'utf-8', label: 'utf-8' }

const known = new Map<string, CharacterSet>()

/** Reads the values of (0008,0005). Spellings seen in the field (`ISO-IR 100`, `UTF-8`, `ISO8859-1`) are understood. */
export function characterSetOf(terms: readonly string[]): CharacterSet {
  const trimmed = terms.map((term) => term.trim())
  if (trimmed.every((term) => term === '')) return ASCII
  const key = trimmed.join('\\')
  let set = known.get(key)
  if (set === undefined) {
    set = readTerms(trimmed)
    // Senders choose the key: what is remembered is bounded.
    if (known.size < 256) known.set(key, set)
  }
  return set
}

function readTerms(terms: readonly string[]): CharacterSet {
  const [first = '', ...others] = terms.map(readTerm)
  if (first === '192') return { ...UTF_8, terms }
  if (first === 'gb18030' || first === 'gbk') return { terms, kind: 'multi-byte', label: first }
  const extended = terms.length > 1 || /2022/.test(terms[0] ?? '') || EXTENSION_ONLY.has(first)
  const unknown = terms.find((term, i) => term !== '' && ![first, ...others][i])
  const strange = unknown === undefined ? {} : { unknownTerm: unknown }
  const label = SINGLE_BYTE[first] ?? G1_LABELS[first]
  const written = { ...(label === undefined ? {} : { label }), ...(first === '13' ? { isRomaji: true as const } : {}) }
  if (extended) return { terms, kind: 'iso-2022', ...written, ...strange }
  if (label !== undefined) return { terms, kind: 'single-byte', label, ...written, ...strange }
  return first === '6' ? { ...ASCII, terms } : { terms, kind: 'single-byte', label: 'latin1', ...strange }
}

const G1_LABELS: Readonly<Record<string, string>> = { '149': 'euc-kr', '58': 'gbk' }

/** The number of the registered set, `gb18030`, `gbk`, or empty when it means nothing. */
function readTerm(term: string): string {
  if (/^GB18030$/i.test(term)) return 'gb18030'
  if (/^GBK$/i.test(term)) return 'gbk'
  if (/^UTF[ _-]?8$/i.test(term)) return '192'
  const number = TERM.exec(term)?.[2] ?? LATIN_NUMBERS[LATIN.exec(term)?.[1] ?? '']
  if (number === undefined) return ''
  return number in SINGLE_BYTE || EXTENSION_ONLY.has(number) || number === '192' || number === '6' ? number : ''
}

/**
 * Text decoded as its character set says; never throws: what cannot be read becomes U+FFFD.
 *
 * @param delimiters the ASCII characters that separate values or components, and so are never anything else
 */
export function decodeText(bytes: Buffer, set: CharacterSet, delimiters: string): string {
  if (isPlain(bytes, set)) return bytes.toString('latin1')
  switch (set.kind) {
    case 'ascii':
      return decodeUndeclared(bytes)
    case 'utf-8':
    case 'multi-byte':
      return decodeBytes(bytes, set.label ?? 'latin1')
    case 'single-byte':
      return romajiOf(decodeBytes(bytes, set.label ?? 'latin1'), set, delimiters)
    case 'iso-2022':
      return decodeIso2022(bytes, set, delimiters)
    default:
      return set.kind satisfies never
  }
}

function romajiOf(text: string, { isRomaji }: CharacterSet, delimiters: string): string {
  return isRomaji === true ? readRomaji(text, delimiters) : text
}

/** Whether the bytes read the same in this set as in ASCII. */
export const isPlain = (bytes: Uint8Array, set: CharacterSet): boolean =>
  isAscii(bytes) && !(set.isRomaji === true && bytes.some((byte) => byte === 0x5c || byte === 0x7e))

/** Whether text reads as it was meant: not where it is not ASCII and no set is declared that we know, unless it is UTF-8. */
export function isCertain(bytes: Uint8Array, set: CharacterSet): boolean {
  if (isAscii(bytes)) return true
  if (set.kind === 'ascii') return isUtf8(bytes)
  return set.unknownTerm === undefined
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strictUtf8.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** Bytes that no declared set explains: UTF-8 when they are that, else Latin-1. */
function decodeUndeclared(bytes: Buffer): string {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Whether all bytes are ASCII and none begins an escape sequence. */
function isAscii(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0
    if (byte >= 0x80 || byte === 0x1b) return false
  }
  return true
}
