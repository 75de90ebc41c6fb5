import {
  type Clock,
  type Instant,
  instant,
  type Milliseconds,
  type Monotonic,
  ms,
  type Timer,
} from '../../src/base/clock.ts'

interface Waiting {
  readonly at: number
  readonly order: number
  readonly fire: () => void
}

/** A clock that stands still until a test advances it. */
export class TestClock implements Clock {
  #offset: number
  #elapsed = 0
  #order = 0
  readonly #waiting = new Set<Waiting>()
  readonly #watchers = new Set<() => void>()

  /** @param start what `now` says at first; 2026-11-21T00:00:00Z unless told otherwise */
  constructor(start: number = Date.UTC(2026, 10, 21)) {
    this.#offset = start
  }

  now(): Instant {
    return instant(this.#offset + this.#elapsed)
  }

  monotonic(): Monotonic {
    return this.#elapsed as Monotonic
  }

  sleep(wait: Milliseconds, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortError(signal))
      const abort = (): void => {
        timer.cancel()
        if (signal) reject(abortError(signal))
      }
      const timer = this.after(wait, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  after(wait: Milliseconds, fire: () => void): Timer {
    const entry: Waiting = { at: this.#elapsed + Math.max(0, wait), order: this.#order++, fire }
    this.#waiting.add(entry)
    for (const watcher of [...this.#watchers]) watcher()
    return { cancel: () => void this.#waiting.delete(entry) }
  }

  /**
   * Lets time pass. What falls due fires in the order of its time, then of its making; after each one the code it woke
   * has a turn of the event loop, and what that code schedules within the span fires as well.
   */
  async advance(wait: number): Promise<void> {
    const until = this.#elapsed + wait
    for (let due = this.#nextUntil(until); due !== undefined; due = this.#nextUntil(until)) {
      this.#waiting.delete(due)
      this.#elapsed = Math.max(this.#elapsed, due.at)
      due.fire()
      await turn()
    }
    this.#elapsed = until
    await turn()
  }

  /** Sets the wall clock forward or back, as an administrator or NTP does; intervals do not notice. */
  jump(by: number): void {
    this.#offset += by
  }

  /** How many timers and sleeps wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** How long until the next one falls due, undefined when none waits. */
  get nextWait(): Milliseconds | undefined {
    const next = this.#nextUntil(Number.POSITIVE_INFINITY)
    return next === undefined ? undefined : ms(next.at - this.#elapsed)
  }

  /** Resolves when at least `count` timers or sleeps wait: how a test knows that a loop has come to its rest. */
  async untilWaiting(count = 1): Promise<void> {
    while (this.#waiting.size < count) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#watchers.add(resolve)
      await promise
      this.#watchers.delete(resolve)
    }
  }

  #nextUntil(limit: number): Waiting | undefined {
    let next: Waiting | undefined
    for (const entry of this.#waiting) {
      if (entry.at > limit) continue
      if (next === undefined || entry.at < next.at || (entry.at === next.at && entry.order < next.order)) next = entry
    }
    return next
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}
