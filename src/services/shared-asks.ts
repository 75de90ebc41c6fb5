/** One request for all who ask the same at the same moment. It is given up only when all of them have gone. */
export class SharedAsks<T> {
  readonly #asking = new Map<string, Shared<T>>()

  ask(key: string, begin: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason)
    const known = this.#asking.get(key)
    const shared = known ?? this.#begin(key, begin)
    return this.#join(key, shared, signal)
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<T>): Shared<T> {
    const stop = new AbortController()
    const shared: Shared<T> = { stop, answer: begin(stop.signal), waiting: 0 }
    this.#asking.set(key, shared)
    const end = (): void => this.#forget(key, shared)
    shared.answer.then(end, end)
    return shared
  }

  async #join(key: string, shared: Shared<T>, signal: AbortSignal): Promise<T> {
    const { promise: gone, reject } = Promise.withResolvers<never>()
    const leave = (): void => reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    shared.waiting++
    try {
      return await Promise.race([shared.answer, gone])
    } finally {
      signal.removeEventListener('abort', leave)
      if (--shared.waiting === 0) {
        // Who comes now would join a request that is being given up.
        this.#forget(key, shared)
        shared.stop.abort(signal.reason)
      }
    }
  }

  #forget(key: string, shared: Shared<T>): void {
    if (this.#asking.get(key) === shared) this.#asking.delete(key)
  }
}

interface Shared<T> {
  readonly stop: AbortController
  readonly answer: Promise<T>
  waiting: number
}
