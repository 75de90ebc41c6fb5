/**
 * Tells waiting loops that there is work on a topic. A wake that comes while nobody waits is remembered once, so
 * that work committed between a loop's look and its wait is never slept through.
 */
export class Wakes {
  readonly #pending = new Set<string>()
  readonly #waiting = new Map<string, Set<() => void>>()

  wake(topic: string): void {
    const waiting = this.#waiting.get(topic)
    if (waiting === undefined) {
      this.#pending.add(topic)
      return
    }
    this.#waiting.delete(topic)
    for (const resolve of waiting) resolve()
  }

  /** Resolves at the next wake of the topic, at once when one is remembered, and quietly when the signal fires. */
  next(topic: string, signal: AbortSignal): Promise<void> {
    if (this.#pending.delete(topic) || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(topic) ?? new Set()
      this.#waiting.set(topic, waiting)
      const done = (): void => {
        signal.removeEventListener('abort', done)
        waiting.delete(done)
        if (waiting.size === 0 && this.#waiting.get(topic) === waiting) this.#waiting.delete(topic)
        resolve()
      }
      waiting.add(done)
      signal.addEventListener('abort', done, { once: true })
    })
  }
}
