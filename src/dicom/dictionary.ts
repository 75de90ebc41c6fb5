import { dictionary as rows } from 'dcmjs/dictionary'
import { formatTag, parseTag, type Tag, tagOf } from './attribute-path.ts'
import { isVr, type Vr } from './vr.ts'

/** One row of the data dictionary (PS3.6 section 6). */
export interface DictionaryEntry {
  /** Of a repeating group the lowest tag: (6000,3000) for (60xx,3000). */
  readonly tag: Tag
  readonly keyword: string
  readonly vr: Vr
  readonly vm: string
  /** Where PS3.6 gives two VRs, which two; `vr` is then the usual one. */
  readonly either?: 'US or SS' | 'OB or OW' | 'US or OW'
}

const EITHER: Readonly<Record<string, Pick<DictionaryEntry, 'vr' | 'either'>>> = {
  xs: { vr: 'US', either: 'US or SS' },
  ox: { vr: 'OW', either: 'OB or OW' },
  lt: { vr: 'OW', either: 'US or OW' },
  up: { vr: 'UL' },
}

const SINGLE = /^\([0-9A-F]{4},[0-9A-F]{4}\)$/
const REPEATING = /^\(([0-9A-F]{4})-[0-9A-F]{4},([0-9A-F]{4})\)$/
const SOURCE_IMAGE_IDS = '(0020,3100-31FF)'

interface Tables {
  readonly byTag: ReadonlyMap<number, DictionaryEntry>
  readonly byKeyword: ReadonlyMap<string, DictionaryEntry>
}

let tables: Tables | undefined

// Made at first use: importing this file costs nothing but reading the rows.
function load(): Tables {
  if (tables !== undefined) return tables
  const byTag = new Map<number, DictionaryEntry>()
  const byKeyword = new Map<string, DictionaryEntry>()
  for (const [key, row] of Object.entries(rows)) {
    const tag = lowestTag(key)
    const vr = row.vr === undefined ? undefined : readVr(row.vr)
    if (tag === undefined || vr === undefined || row.name === undefined) continue
    const keyword = row.name.replace(/^RETIRED_/, '')
    const entry = { tag, keyword, vm: row.vm ?? '1', ...vr }
    byTag.set(tag, entry)
    if (keyword !== 'undefined') byKeyword.set(keyword, entry)
  }
  tables = { byTag, byKeyword }
  return tables
}

function readVr(vr: string): Pick<DictionaryEntry, 'vr' | 'either'> | undefined {
  return isVr(vr) ? { vr } : EITHER[vr]
}

function lowestTag(key: string): Tag | undefined {
  if (SINGLE.test(key)) return parseTag(key)
  if (key === SOURCE_IMAGE_IDS) return tagOf(0x0020, 0x3100)
  const match = REPEATING.exec(key)
  return match === null ? undefined : parseTag(`(${match[1]},${match[2]})`)
}

/** Undefined for private tags, group lengths and what PS3.6 does not list. 50xx, 60xx and 7Fxx repeat (PS3.5 7.6). */
export function lookUpTag(tag: Tag): DictionaryEntry | undefined {
  const { byTag } = load()
  return byTag.get(tag) ?? byTag.get(repeats(tag))
}

function repeats(tag: number): number {
  const group = tag >>> 16
  const high = group >>> 8
  if ((group & 1) === 0 && (high === 0x50 || high === 0x60 || high === 0x7f)) {
    return ((high << 24) >>> 0) + (tag & 0xffff)
  }
  return (tag & 0xffffff00) >>> 0 === 0x00203100 ? 0x00203100 : -1
}

/** The entry of a keyword as PS3.6 spells it (`PatientName`). */
export const lookUpKeyword = (keyword: string): DictionaryEntry | undefined => load().byKeyword.get(keyword)

/** The VR of a tag where the data set does not say it: private creators are LO, group lengths UL, else UN (PS3.5 6.2.2, 7.8). */
export function implicitVr(tag: Tag): Vr {
  const known = lookUpTag(tag)
  if (known !== undefined) return known.vr
  const element = tag & 0xffff
  if (element === 0) return 'UL'
  return isPrivate(tag) && element >= 0x10 && element <= 0xff ? 'LO' : 'UN'
}

/** Whether the tag's group is odd (PS3.5 7.8). */
export const isPrivate = (tag: Tag): boolean => ((tag >>> 16) & 1) === 1

/** The keyword, or `(gggg,eeee)` where there is none. */
export const nameOfTag = (tag: Tag): string => lookUpTag(tag)?.keyword ?? formatTag(tag)

/** The keyword nearest to a misspelt one, when it is near enough to be what was meant. */
export function suggestKeyword(keyword: string): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(keyword.length / 4)) + 1
  const wanted = keyword.toLowerCase()
  for (const candidate of load().byKeyword.keys()) {
    if (Math.abs(candidate.length - keyword.length) >= bestDistance) continue
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance)
    if (distance >= bestDistance) continue
    best = candidate
    bestDistance = distance
  }
  return best
}

/** Levenshtein distance, or `limit` once it cannot be below it. */
function editDistance(a: string, b: string, limit: number): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1)
      const cost = Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
      row.push(cost)
      least = Math.min(least, cost)
    }
    if (least >= limit) return limit
    previous = row
  }
  return previous[b.length] ?? limit
}
