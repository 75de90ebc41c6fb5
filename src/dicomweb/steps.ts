import { type Clock, elapsed, ms } from '../base/clock.ts'

/** Work in steps of a few milliseconds at most, of which others may get their turn in between; what it comes to is its return value. */
export type Steps<Result> = Generator<void, Result, void>

const TURN = ms(10)

/** Lets others have their turn as soon as ours has taken long enough. */
export class Turns {
  readonly #clock: Pick<Clock, 'monotonic'>
  #since

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  /** Whether it is time to wait for `next`. */
  get isOver(): boolean {
    return elapsed(this.#since, this.#clock.monotonic()) >= TURN
  }

  /** Resolves when everything else that was ready has run. */
  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#since = this.#clock.monotonic()
  }

  /** Does all of the work. Rejects with what a step throws. */
  async run<Result>(steps: Steps<Result>): Promise<Result> {
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
      if (this.isOver) await this.next()
    }
  }
}
