import { type Clock, elapsed, type Monotonic } from '../base/clock.ts'

/** A sender that has not begun another object after this is not waited for. */
const LINGERS_MS = 12

/**
 * How many rows the ledger may be asked for at about the same time: those of objects on their way, and those of senders that
 * have just been recorded one and most likely go on. A group of senders that each wait for their answer falls into step with
 * its common flush, and is seen as the group that it is even while few of them are in mid-object.
 */
export class ExpectedAdmissions {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #tell: (count: number) => void
  readonly #lingering = new Map<string, Monotonic>()
  #begun = 0

  /** @param tell hears the number each time it may have changed */
  constructor(clock: Pick<Clock, 'monotonic'>, tell: (count: number) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  /** @param sender who sends one object after the other, an association; null for others */
  begun(sender: string | null): void {
    if (sender !== null) this.#lingering.delete(sender)
    this.#change(1)
  }

  /** The ledger has answered, or will not be asked. */
  recorded(sender: string | null): void {
    const now = this.#clock.monotonic()
    for (const [other, since] of this.#lingering) {
      if (elapsed(since, now) < LINGERS_MS) break
      this.#lingering.delete(other)
    }
    if (sender !== null) this.#lingering.set(sender, now)
    this.#change(-1)
  }

  #change(by: 1 | -1): void {
    this.#begun += by
    this.#tell(this.#begun + this.#lingering.size)
  }
}
