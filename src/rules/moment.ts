/** VRs whose values are compared as points in time (PS3.5 6.2). */
export type TimeVr = 'DA' | 'TM' | 'DT'

export const isTimeVr = (vr: string): vr is TimeVr => vr === 'DA' || vr === 'TM' || vr === 'DT'

/**
 * A number that grows with time, so that two values of one VR can be compared; undefined when the text is none. What a
 * partial TM or DT leaves out counts as the beginning. A DT with an offset is compared in UTC, one without as written.
 */
export function readMoment(text: string, vr: TimeVr): number | undefined {
  switch (vr) {
    case 'DA':
      return readDate(text)
    case 'TM':
      return readTime(text)
    case 'DT':
      return readDateTime(text)
    default:
      return vr satisfies never
  }
}

// 20260131, 2026-01-31 as people write it, 2026.01.31 as ACR-NEMA did.
const DATE = /^(\d{4})([-.]?)(\d{2})\2(\d{2})$/

function readDate(text: string): number | undefined {
  const match = DATE.exec(text)
  return match === null ? undefined : dayNumber(Number(match[1]), Number(match[3]), Number(match[4]))
}

/** Milliseconds at the beginning of the day; undefined for the 31st of February. */
function dayNumber(year: number, month: number, day: number): number | undefined {
  const time = Date.UTC(year, month - 1, day)
  const date = new Date(time)
  if (year < 100 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  return time
}

const TIME = /^(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?$/

function readTime(text: string): number | undefined {
  const match = TIME.exec(text)
  if (match === null) return undefined
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)]
  // 60 is a leap second (PS3.5 6.2).
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined
  return ((hours * 60 + minutes) * 60 + seconds) * 1_000 + Number(`0.${match[4] ?? 0}`) * 1_000
}

const DATE_TIME =
  /^(\d{4})(?:-?(\d{2})(?:-?(\d{2})(?:[T ]?(\d{2}(?::?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?)?))?)?)?([+-]\d{4})?$/

function readDateTime(text: string): number | undefined {
  const match = DATE_TIME.exec(text)
  if (match === null) return undefined
  const day = dayNumber(Number(match[1]), Number(match[2] ?? 1), Number(match[3] ?? 1))
  const time = match[4] === undefined ? 0 : readTime(match[4])
  if (day === undefined || time === undefined) return undefined
  return day + time - offsetOf(match[5])
}

function offsetOf(offset: string | undefined): number {
  if (offset === undefined) return 0
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3, 5))
  return (offset.startsWith('-') ? -minutes : minutes) * 60_000
}
