import { type Clock, elapsed, type Milliseconds, ms } from '../base/clock.ts'

/** The longest a person waits for an answer to a click; a peer that hangs has its own limits below it. */
const VERIFY_LIMIT_MS = 15_000

export interface VerifyingDeps {
  readonly clock: Pick<Clock, 'after' | 'monotonic'>
  /** Fires when the admin stops. */
  readonly stopping: AbortSignal
}

/** How it was given up. */
export interface GivenUp {
  readonly reached: false
  readonly took: Milliseconds
  readonly reason: 'aborted' | 'timeout'
}

/** What `verify` resolves with, or that it was given up: after 15 s, also when it looks at the signal late, or when we stop. */
export async function verifyWithin<Verified>(
  { clock, stopping }: VerifyingDeps,
  verify: (signal: AbortSignal) => Promise<Verified>,
): Promise<Verified | GivenUp> {
  const limit = new AbortController()
  const from = clock.monotonic()
  const timer = clock.after(ms(VERIFY_LIMIT_MS), () => limit.abort())
  const signal = AbortSignal.any([limit.signal, stopping])
  const over = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => over.reject(signal.reason), { once: true })
  try {
    signal.throwIfAborted()
    return await Promise.race([verify(signal), over.promise])
  } catch (error) {
    if (!limit.signal.aborted && !stopping.aborted) throw error
    const reason = stopping.aborted ? 'aborted' : 'timeout'
    return { reached: false, took: elapsed(from, clock.monotonic()), reason }
  } finally {
    timer.cancel()
  }
}
