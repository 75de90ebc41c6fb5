import { highHalfOf, type PairSet, pairsOf, type Table } from './encoding-table.ts'

/** A set that a term with code extensions allows, and the escape that brings it in (PS3.3 tables C.12-3 and C.12-4). */
export interface Extension {
  /** The escape sequence without its ESC. */
  readonly sequence: string
  readonly half: 'G0' | 'G1'
  readonly table: () => Table
}

/** The escape that brings a set of single bytes into the high half, by its WHATWG name. */
// biome-ignore format: a table is read by rows
export const G1_ESCAPES: Readonly<Record<string, string>> = {
  latin1: '-A', 'iso-8859-2': '-B', 'iso-8859-3': '-C', 'iso-8859-4': '-D', 'iso-8859-5': '-L', 'iso-8859-6': '-G',
  'iso-8859-7': '-F', 'iso-8859-8': '-H', 'windows-1254': '-M', 'iso-8859-15': '-b', 'windows-874': '-T',
  shift_jis: ')I',
}

const single = (label: string): Extension => ({
  sequence: G1_ESCAPES[label] ?? '',
  half: 'G1',
  table: () => highHalfOf(label),
})
const double = (sequence: string, half: Extension['half'], set: PairSet): Extension => ({
  sequence,
  half,
  table: () => pairsOf(set),
})

// By the number of the registration in the term.
// biome-ignore format: a table is read by rows
const EXTENSIONS: Readonly<Record<string, Extension>> = {
  '100': single('latin1'), '101': single('iso-8859-2'), '109': single('iso-8859-3'), '110': single('iso-8859-4'),
  '144': single('iso-8859-5'), '127': single('iso-8859-6'), '126': single('iso-8859-7'), '138': single('iso-8859-8'),
  '148': single('windows-1254'), '203': single('iso-8859-15'), '166': single('windows-874'), '13': single('shift_jis'),
  '87': double('$B', 'G0', 'jisx0208'), '159': double('$(D', 'G0', 'jisx0212'),
  '149': double('$)C', 'G1', 'ksx1001'), '58': double('$)A', 'G1', 'gb2312'),
}

/** The sets that may be brought in where these terms are declared, in their order. */
export const extensionsOf = (terms: readonly string[]): readonly Extension[] =>
  terms.flatMap((term) => EXTENSIONS[/(\d+)$/.exec(term)?.[1] ?? ''] ?? [])
