import type { InstanceId } from '../ledger/ids.ts'

/**
 * The instances that have been begun and are not both durable and on record yet. Ids rise in the order in which instances
 * begin, so everything before the oldest of these has been seen to its end.
 */
export class InFlight {
  /** In the order of their beginning; true when over but behind one that is not. */
  readonly #over = new Map<InstanceId, boolean>()
  #open = 0
  #verified: InstanceId | undefined

  /** Call with rising ids. */
  begin(id: InstanceId): void {
    this.#over.set(id, false)
    this.#open += 1
  }

  end(id: InstanceId): void {
    if (this.#over.get(id) !== false) return
    this.#over.set(id, true)
    this.#open -= 1
    for (const [oldest, isOver] of this.#over) {
      if (!isOver) break
      this.#over.delete(oldest)
      this.#verified = oldest
    }
  }

  has(id: InstanceId): boolean {
    return this.#over.get(id) === false
  }

  get count(): number {
    return this.#open
  }

  /** The newest id up to which none is in flight any more. */
  get verified(): InstanceId | undefined {
    return this.#verified
  }
}
