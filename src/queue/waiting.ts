import type { Clock, Milliseconds } from '../base/clock.ts'
import type { Wakes } from '../base/wake.ts'

/**
 * Waits for a wake of one topic or for a time, whichever is first, over and over. A wait that the time ended stays
 * outstanding and serves the next call: no wake is swallowed, and nothing is made and thrown away at every object.
 */
export class Waiting {
  readonly #wakes: Pick<Wakes, 'next'>
  readonly #topic: string
  readonly #clock: Pick<Clock, 'after'>
  #wake: Promise<void> | undefined
  /** A wake came while nobody was in `next`. */
  #woken = false

  constructor(wakes: Pick<Wakes, 'next'>, topic: string, clock: Pick<Clock, 'after'>) {
    this.#wakes = wakes
    this.#topic = topic
    this.#clock = clock
  }

  /** Resolves with whether it was woken. Use one signal for all calls: it ends every wait. */
  async next(wait: Milliseconds, signal: AbortSignal): Promise<boolean> {
    if (this.#woken) return this.#take()
    this.#wake ??= this.#wakes.next(this.#topic, signal).then(() => {
      this.#wake = undefined
      this.#woken = true
    })
    const timeUp = Promise.withResolvers<boolean>()
    const timer = this.#clock.after(wait, () => timeUp.resolve(false))
    const woken = await Promise.race([this.#wake.then(() => true), timeUp.promise])
    timer.cancel()
    return woken || this.#woken ? this.#take() : false
  }

  #take(): true {
    this.#woken = false
    return true
  }
}
