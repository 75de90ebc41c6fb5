import { setTimeout as delay } from 'node:timers/promises'
import type { Brand } from './brand.ts'

/** A length of time in whole milliseconds. */
export type Milliseconds = Brand<number, 'Milliseconds'>

/** A point in time: milliseconds since 1970-01-01T00:00:00Z. For people and for the ledger. */
export type Instant = Brand<number, 'Instant'>

/** A reading of a clock that only goes forward. For intervals; means nothing outside this process. */
export type Monotonic = Brand<number, 'Monotonic'>

export const ms = (n: number): Milliseconds => n as Milliseconds
export const instant = (n: number): Instant => n as Instant

/** The only source of time, so that tests can own it. Nothing outside `base/` reads the real one. */
export interface Clock {
  now(): Instant
  monotonic(): Monotonic
  /** Resolves after `wait`, or rejects with an AbortError when the signal fires first. */
  sleep(wait: Milliseconds, signal?: AbortSignal): Promise<void>
  /** Calls `fire` once after `wait`, unless cancelled. Never keeps the process alive by itself. */
  after(wait: Milliseconds, fire: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** The longest that Node's timers wait, about 25 days; anything longer they take for 1 ms. */
const LONGEST_WAIT = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => instant(Date.now()),
  monotonic: () => performance.now() as Monotonic,
  async sleep(wait, signal) {
    const options = signal === undefined ? {} : { signal }
    let left: number = wait
    for (; left > LONGEST_WAIT; left -= LONGEST_WAIT) await delay(LONGEST_WAIT, undefined, options)
    await delay(left, undefined, options)
  },
  after(wait, fire) {
    let handle: NodeJS.Timeout
    const waitFor = (left: number): void => {
      const next = left > LONGEST_WAIT ? () => waitFor(left - LONGEST_WAIT) : fire
      handle = setTimeout(next, Math.min(left, LONGEST_WAIT)).unref()
    }
    waitFor(wait)
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Milliseconds from one monotonic reading to a later one. */
export const elapsed = (from: Monotonic, to: Monotonic): Milliseconds => ms(Math.max(0, Math.round(to - from)))
