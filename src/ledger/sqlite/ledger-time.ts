import { type Clock, type Instant, instant } from '../../base/clock.ts'

/** How much faster or slower than real time the ledger may go to meet the wall clock again. */
const LARGEST_SLEW = 0.05

/**
 * The ledger's time: the wall clock at opening, carried forward by the monotonic one, so that a clock that is set while we
 * run moves no due time. A difference to the wall clock (drift, a suspended machine, a correction) is made up by going up
 * to 5 % faster or slower: intervals stay true within that, and it never goes backwards.
 */
export function ledgerTime(clock: Pick<Clock, 'now' | 'monotonic'>): () => Instant {
  let told: number = clock.now()
  let read: number = clock.monotonic()
  return () => {
    const reading: number = clock.monotonic()
    const passed = Math.max(0, reading - read)
    const offset = clock.now() - (told + passed)
    const slew = Math.max(-LARGEST_SLEW * passed, Math.min(LARGEST_SLEW * passed, offset))
    told += passed + slew
    read = reading
    return instant(Math.floor(told))
  }
}
