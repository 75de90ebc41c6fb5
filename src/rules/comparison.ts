import { isTimeVr, readMoment } from './moment.ts'
import { isCount, type Name } from './name.ts'
import type { Place } from './place.ts'
import type { ValueTest } from './value-test.ts'

const NUMBERS: ReadonlySet<string> = new Set(['IS', 'DS', 'US', 'SS', 'UL', 'SL', 'FL', 'FD', 'UV', 'SV'])
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
export type Comparison = 'gt' | 'gte' | 'lt' | 'lte'
const COMPARISONS = {
  gt: { says: 'more than', later: 'after', test: (a: number, b: number) => a > b },
  gte: { says: 'at least', later: 'not before', test: (a: number, b: number) => a >= b },
  lt: { says: 'less than', later: 'before', test: (a: number, b: number) => a < b },
  lte: { says: 'at most', later: 'not after', test: (a: number, b: number) => a <= b },
} as const

/** What compares by the order of a VR; undefined after reporting why nothing can be compared so. */
export function compared(key: Comparison, place: Place, literal: string, name: Name): ValueTest | undefined {
  const vr = comparedAs(name)
  const read = reader(vr)
  if (read === undefined) {
    const what = vr === '' ? `${name.text} is text` : `${name.text} is ${vr}`
    return place.reportKey(`${key} compares numbers, dates and times; ${what}.`)
  }
  const bound = read(literal)
  if (bound === undefined)
    return place.report(`${literal || 'Nothing'} is not a value of ${name.text} (${vr}) to compare with.`)
  const { says, later, test } = COMPARISONS[key]
  const words = `${isTimeVr(vr) ? later : says} ${literal}`
  const holds = (value: string): boolean => {
    const number = read(value)
    return number !== undefined && test(number, bound)
  }
  return { test: holds, yes: `is ${words}`, no: `is not ${words}` }
}

/** The VR by whose order two values are compared; empty for text of ours. */
function comparedAs(name: Name): string {
  if (name.kind === 'attribute') return name.vr
  return name.kind === 'study' && isCount(name.name) ? 'IS' : ''
}

function reader(vr: string): ((text: string) => number | undefined) | undefined {
  if (isTimeVr(vr)) return (text) => readMoment(text, vr)
  if (!NUMBERS.has(vr)) return undefined
  return (text) => (DECIMAL.test(text) ? Number(text) : undefined)
}
