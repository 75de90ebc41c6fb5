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

export const systemClock: Clock = {
  now: () => instant(Date.now()),
  monotonic: () => performance.now() as Monotonic,
  sleep: (wait, signal) => delay(wait, undefined, signal === undefined ? {} : { signal }),
  after: (wait, fire) => {
    const handle = setTimeout(fire, wait)
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Milliseconds from one monotonic reading to a later one. */
export const elapsed = (from: Monotonic, to: Monotonic): Milliseconds => ms(Math.max(0, Math.round(to - from)))
