import { usesCharacterSet } from '../dicom/vr.ts'
import { isTimeVr, readMoment } from './moment.ts'

// Characters of one value (PS3.5 6.2, table 6.2-1); of PN each component group.
const LONGEST: Readonly<Record<string, number>> = {
  AE: 16,
  AS: 4,
  CS: 16,
  DA: 8,
  DS: 16,
  DT: 26,
  IS: 12,
  LO: 64,
  LT: 10_240,
  PN: 64,
  SH: 16,
  ST: 1_024,
  TM: 14,
  UI: 64,
} // prettier-ignore

const SHAPES: Readonly<Record<string, readonly [RegExp, string]>> = {
  AE: [/^[\x20-\x5b\x5d-\x7e]*$/, 'printable ASCII'],
  AS: [/^\d{3}[DWMY]$/, 'three digits and one of D, W, M, Y'],
  CS: [/^[A-Z0-9 _]*$/, 'capital letters, digits, space and underscore'],
  DA: [/^\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/, 'a date as YYYYMMDD'],
  DS: [/^ *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *$/, 'a decimal number'],
  DT: [/^\d{4}(\d{2}){0,5}(\.\d{1,6})?([+-]\d{4})?$/, 'a time as YYYYMMDDHHMMSS'],
  IS: [/^ *[+-]?\d+ *$/, 'a whole number'],
  TM: [/^\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?$/, 'a time as HHMMSS'],
  UI: [/^(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))*$/, 'a UID'],
  FL: [/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/, 'a number'],
  FD: [/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/, 'a number'],
}

const INTEGERS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  US: [0n, 0xffffn],
  IS: [-0x8000_0000n, 0x7fff_ffffn],
  SS: [-0x8000n, 0x7fffn],
  UL: [0n, 0xffff_ffffn],
  SL: [-0x8000_0000n, 0x7fff_ffffn],
  UV: [0n, 0xffff_ffff_ffff_ffffn],
  SV: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
}

// Alphabetic, ideographic, phonetic (PS3.5 6.2.1.1).
const PN_GROUPS = 3

const WHOLE = /^[+-]?\d{1,20}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\x00-\x1f\x7f-\x9f]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: tab, line feed, form feed and return may stand in long text
const CONTROL_IN_TEXT = /[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
const ASCII = /^[\x00-\x7f]*$/
const LONG_TEXT: ReadonlySet<string> = new Set(['LT', 'ST', 'UT'])

/** The most characters a value of the VR may have; undefined when there is no such limit. */
export const longestOf = (vr: string): number | undefined => LONGEST[vr]

/** How long a value counts: characters, of a PN those of its longest component group. */
function countedLength(value: string, vr: string): number {
  if (vr === 'PN') return Math.max(...value.split('=').map((group) => [...group].length))
  return [...value].length
}

/** Why the VR cannot hold the value, as the end of a sentence; undefined when it can. Never repeats the value. */
export function unfit(value: string, vr: string): string | undefined {
  if (value === '') return undefined
  const longest = LONGEST[vr]
  const length = countedLength(value, vr)
  if (longest !== undefined && length > longest) return `is ${length} characters; ${vr} holds ${longest}`
  const shape = SHAPES[vr]
  if (shape !== undefined && !shape[0].test(value)) return `does not fit ${vr}, which is ${shape[1]}`
  if (isTimeVr(vr) && readMoment(value, vr) === undefined)
    return `does not fit ${vr}: there is no such ${vr === 'TM' ? 'time' : 'day'}`
  if (vr === 'PN' && value.split('=').length > PN_GROUPS) return `has more than ${PN_GROUPS} component groups`
  const range = INTEGERS[vr]
  if (range !== undefined && !isWholeWithin(value, range))
    return `does not fit ${vr}, a whole number from ${range[0]} to ${range[1]}`
  if (!usesCharacterSet(vr) && !ASCII.test(value)) return `is not ASCII, which ${vr} is`
  if ((LONG_TEXT.has(vr) ? CONTROL_IN_TEXT : CONTROL).test(value)) return 'has a control character'
  return undefined
}

function isWholeWithin(value: string, [least, most]: readonly [bigint, bigint]): boolean {
  const digits = value.trim()
  if (!WHOLE.test(digits)) return false
  const number = BigInt(digits.replace(/^\+/, ''))
  return number >= least && number <= most
}
