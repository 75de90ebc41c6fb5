import type { DeliveryId } from '../ledger/ids.ts'
import type { ClaimedDelivery } from '../ledger/ledger.ts'

/** How many suspects are remembered; the oldest is forgotten first and merely loses its place behind the others. */
const MOST_SUSPECTS = 1_000
/** So many are taken before the first that waits, because they suit an open line and it does not. */
const MOST_BEFORE = 64

/**
 * Deliveries that are claimed and not yet on a line. Those whose refusal brought the whole destination down before go
 * last: if the others get through, the refusal was their own.
 */
export class Hopper {
  readonly #waiting: ClaimedDelivery[] = []
  readonly #suspects = new Map<DeliveryId, number>()
  #taken = 0
  /** How many were taken before the first since it is the first. */
  #before = 0

  get size(): number {
    return this.#waiting.length
  }

  get waiting(): readonly ClaimedDelivery[] {
    return this.#waiting
  }

  /** Urgent ones stand before the others, suspects behind all. */
  add(deliveries: readonly ClaimedDelivery[]): void {
    for (const delivery of deliveries) {
      const rank = this.#rankOf(delivery)
      const before = this.#waiting.findLastIndex((other) => this.#rankOf(other) <= rank)
      this.#waiting.splice(before + 1, 0, delivery)
    }
  }

  /**
   * The first that suits, or else the first at all; those suspected only when nobody else waits. The first is passed over so
   * often and no more, and an urgent one by urgent ones only: who needs another line does not wait for all that suit this one.
   */
  take(suits?: (delivery: ClaimedDelivery) => boolean): ClaimedDelivery | undefined {
    return this.#takeAt(suits === undefined ? 0 : Math.max(0, this.#find(suits)))
  }

  /** The first that suits, if one does and none has been passed over too often. */
  takeIf(suits: (delivery: ClaimedDelivery) => boolean): ClaimedDelivery | undefined {
    return this.#takeAt(this.#find(suits))
  }

  /** All of those for which it holds; they leave the hopper. */
  takeAll(which: (delivery: ClaimedDelivery) => boolean): readonly ClaimedDelivery[] {
    const out = this.#waiting.filter(which)
    const left = this.#waiting.filter((delivery) => !which(delivery))
    this.#waiting.splice(0, this.#waiting.length, ...left)
    return out
  }

  /** Some instance was taken by the destination: `delivery`, which is suspected no longer. */
  wasTaken(delivery: ClaimedDelivery): void {
    this.#taken += 1
    this.#suspects.delete(delivery.id)
  }

  /** This delivery was refused as if the destination could take nothing. */
  suspect(delivery: ClaimedDelivery): void {
    if (this.#suspects.has(delivery.id)) return
    this.#suspects.set(delivery.id, this.#taken)
    const oldest = this.#suspects.size > MOST_SUSPECTS ? this.#suspects.keys().next().value : undefined
    if (oldest !== undefined) this.#suspects.delete(oldest)
  }

  /** Whether it was refused as if the destination could take nothing, and not taken since. */
  isSuspect(delivery: ClaimedDelivery): boolean {
    return this.#suspects.has(delivery.id)
  }

  /** Whether others were taken since this one was first refused. */
  othersTakenSince(delivery: ClaimedDelivery): boolean {
    const then = this.#suspects.get(delivery.id)
    return then !== undefined && this.#taken > then
  }

  #rankOf({ id, urgent }: ClaimedDelivery): number {
    if (this.#suspects.has(id)) return 2
    return urgent ? 0 : 1
  }

  #find(suits: (delivery: ClaimedDelivery) => boolean): number {
    const at = this.#waiting.findIndex(suits)
    const [first, found] = [this.#waiting[0], this.#waiting[at]]
    if (first === undefined || found === undefined || at === 0) return at
    const isEnough = this.#before >= MOST_BEFORE || this.#rankOf(first) < this.#rankOf(found)
    return isEnough ? -1 : at
  }

  #takeAt(at: number): ClaimedDelivery | undefined {
    if (at < 0) return undefined
    this.#before = at === 0 ? 0 : this.#before + 1
    return this.#waiting.splice(at, 1)[0]
  }
}
