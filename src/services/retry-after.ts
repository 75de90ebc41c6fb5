import { type Instant, type Milliseconds, ms } from '../base/clock.ts'

/** How long a peer asks us to wait (RFC 9110 10.2.3): seconds or an HTTP date. Null when it does not say, or not sensibly. */
export function retryAfter(header: string | undefined, now: Instant, most: Milliseconds): Milliseconds | null {
  if (header === undefined) return null
  const text = header.trim()
  if (/^\d{1,9}$/.test(text)) return ms(Math.min(Number(text) * 1_000, most))
  const at = /^[A-Z][a-z]{2,8}[, ]/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? null : ms(Math.min(Math.max(0, at - now), most))
}
