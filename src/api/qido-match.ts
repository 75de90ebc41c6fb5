import { trimEnd } from '../dicom/padding.ts'
import type { QidoKey } from './qido-query.ts'

const WILD = /[*?]/
/** VRs in which `*` and `?` are wild cards (PS3.4 C.2.2.2.4). */
const WITH_WILDCARDS: ReadonlySet<string> = new Set(['AE', 'LO', 'LT', 'PN', 'SH', 'ST', 'UC', 'UR', 'UT'])
const MOMENTS: ReadonlySet<string> = new Set(['DA', 'DT', 'TM'])
const NUMBERS: ReadonlySet<string> = new Set(['DS', 'FD', 'FL', 'IS', 'SL', 'SS', 'UL', 'US'])

/**
 * Whether one of the values is like what the key asks for (PS3.4 C.2.2.2): single value, list of UIDs or codes, wild card,
 * range of dates and times. Names are compared without regard to case, all else with (PS3.18 8.3.4.1).
 */
export function isMatch({ vr, value }: QidoKey, values: readonly string[]): boolean {
  if (vr === 'UI') return listed(value).some((uid) => values.includes(uid))
  // Neither of what separates them can stand in a code (PS3.5 6.2), so a list is all that it can mean.
  if (vr === 'CS') return listed(value).some((code) => values.some((one) => isLike(code, one)))
  if (MOMENTS.has(vr)) return values.some((one) => isWithin(value, one))
  if (NUMBERS.has(vr)) return values.some((one) => Number(one) === Number(value) && value.trim() !== '')
  const wanted = vr === 'PN' ? nameOf(value) : value.trim()
  const given = vr === 'PN' ? values.flatMap((one) => [nameOf(one), ...one.split('=').map(nameOf)]) : values
  if (WITH_WILDCARDS.has(vr) && WILD.test(wanted)) return given.some((one) => isLike(wanted, one))
  return given.includes(wanted)
}

const listed = (value: string): readonly string[] => value.split(/[\\,]/).map((uid) => uid.trim())

/** Empty components at the end mean nothing (PS3.5 6.2.1.1). */
const nameOf = (value: string): string => trimEnd(value.trim(), '^').toLocaleLowerCase('en')

/** `*` is any run of characters, `?` one. Goes back to the last star only, so that no pattern takes long. */
export function isLike(pattern: string, text: string): boolean {
  let at = 0
  let p = 0
  let star = -1
  let from = 0
  while (at < text.length) {
    if (pattern[p] === '*') {
      star = p++
      from = at
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[at])) {
      p += 1
      at += 1
    } else if (star >= 0) {
      p = star + 1
      from += 1
      at = from
    } else return false
  }
  while (pattern[p] === '*') p += 1
  return p === pattern.length
}

/** A range `from-to`, open at either end, or one value; a shorter one stands for all that begin with it (PS3.4 C.2.2.2.5). */
function isWithin(wanted: string, value: string): boolean {
  const one = digits(value)
  if (one === '') return false
  const dash = wanted.indexOf('-')
  if (dash < 0) return one.startsWith(digits(wanted)) && digits(wanted) !== ''
  const [first, last] = [digits(wanted.slice(0, dash)), digits(wanted.slice(dash + 1))]
  return one.slice(0, Math.max(first.length, 1)) >= first && (last === '' || one.slice(0, last.length) <= last)
}

const digits = (text: string): string => text.replace(/[^0-9.]/g, '')
