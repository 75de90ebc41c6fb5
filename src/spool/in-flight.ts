import type { InstanceId } from '../ledger/ids.ts'

/**
 * The instances that have been begun and are not both durable and on record yet; and, of those whose row has been asked
 * for, up to where all are. The ledger writes rows in the order in which it is asked.
 */
export class InFlight {
  readonly #open = new Set<InstanceId>()
  /** In the order of their rows; true when over, but behind one that is not. */
  readonly #rows = new Map<InstanceId, boolean>()
  #verified: InstanceId | undefined

  begin(id: InstanceId): void {
    this.#open.add(id)
  }

  /** Its row is being asked for now. */
  recording(id: InstanceId): void {
    this.#rows.set(id, false)
  }

  /** It is durable and on record, or gone. */
  end(id: InstanceId): void {
    this.#open.delete(id)
    if (this.#rows.has(id)) this.#rows.set(id, true)
    for (const [oldest, isOver] of this.#rows) {
      if (!isOver) break
      this.#rows.delete(oldest)
      this.#verified = oldest
    }
  }

  has(id: InstanceId): boolean {
    return this.#open.has(id)
  }

  get count(): number {
    return this.#open.size
  }

  /** The last row up to which nothing is in flight any more. */
  get verified(): InstanceId | undefined {
    return this.#verified
  }
}
