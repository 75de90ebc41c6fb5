import { decodeBytes } from './text-decoder.ts'

/** Characters and the bytes that stand for them, of two the first in the high eight bits. */
export type Table = ReadonlyMap<string, number>

/** Sets of two bytes a character. */
export type PairSet = 'jisx0208' | 'jisx0212' | 'ksx1001' | 'gb2312' | 'gbk'

const tables = new Map<string, Table>()

// Made at first use: Node decodes these sets but does not encode them.
function known(name: string, make: () => Iterable<readonly [string, number]>): Table {
  let table = tables.get(name)
  if (table === undefined) {
    const made = new Map<string, number>()
    // Of two codes for one character the lower one is the usual one.
    for (const [character, code] of make()) {
      if (!character.includes('\ufffd') && [...character].length === 1 && !made.has(character))
        made.set(character, code)
    }
    table = made
    tables.set(name, table)
  }
  return table
}

/** The characters of a set of single bytes above ASCII, by its WHATWG name. */
export const highHalfOf = (label: string): Table =>
  known(label, () =>
    Array.from({ length: 0x60 }, (_, i) => [decodeBytes(Buffer.of(0xa0 + i), label), 0xa0 + i] as const),
  )

interface Range {
  readonly label: string
  readonly before: readonly number[]
  readonly isRow: (row: number) => boolean
  /** What is taken off both bytes of EUC: 8080H for those that are brought into the low half. */
  readonly mask: number
}

// Rows of the registered sets; the decoders know later additions, which others may not read.
const RANGES: Readonly<Record<Exclude<PairSet, 'gbk'>, Range>> = {
  jisx0208: { label: 'euc-jp', before: [], isRow: (row) => row <= 8 || (row >= 16 && row <= 84), mask: 0x7f7f },
  jisx0212: { label: 'euc-jp', before: [0x8f], isRow: (row) => row <= 11 || (row >= 16 && row <= 77), mask: 0x7f7f },
  ksx1001: { label: 'euc-kr', before: [], isRow: (row) => row <= 12 || (row >= 16 && row <= 93), mask: 0xffff },
  gb2312: {
    label: 'gbk',
    before: [],
    isRow: (row) => row === 1 || row === 3 || (row >= 16 && row <= 87),
    mask: 0xffff,
  },
}

/** The characters of a set of two bytes. */
export const pairsOf = (set: PairSet): Table => known(set, () => (set === 'gbk' ? gbk() : eucPairs(RANGES[set])))

function* eucPairs({ label, before, isRow, mask }: Range): Generator<readonly [string, number]> {
  for (let row = 1; row <= 94; row++) {
    for (let cell = 1; isRow(row) && cell <= 94; cell++) {
      const pair = [0xa0 + row, 0xa0 + cell] as const
      yield [decodeBytes(Buffer.from([...before, ...pair]), label), ((pair[0] << 8) | pair[1]) & mask]
    }
  }
}

/** Without those whose second byte would pass for a delimiter where a reader splits before it decodes (PS3.5 6.1.2.4). */
function* gbk(): Generator<readonly [string, number]> {
  for (let lead = 0x81; lead <= 0xfe; lead++) {
    for (let trail = 0x40; trail <= 0xfe; trail++) {
      if (trail === 0x5c || trail === 0x5e || trail === 0x7f) continue
      yield [decodeBytes(Buffer.of(lead, trail), 'gbk'), (lead << 8) | trail]
    }
  }
}
