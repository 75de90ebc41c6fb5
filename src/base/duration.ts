import { type Milliseconds, ms } from './clock.ts'

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** Reads `250ms`, `10s`, `15m`, `4h` or `7d`. Undefined when the text is none of these. */
export function parseDuration(text: string): Milliseconds | undefined {
  const match = DURATION.exec(text.trim())
  if (match?.[1] === undefined || match[2] === undefined) return undefined
  return ms(Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]))
}

/** The shortest exact spelling: 90000 is `90s`, 3600000 is `1h`. */
export function formatDuration(duration: Milliseconds): string {
  if (duration === 0) return '0s'
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (duration % UNITS[unit] === 0) return `${duration / UNITS[unit]}${unit}`
  }
  return `${duration}ms`
}
