// A queue in memory, for what would take days by a real one: honest about claims, due times and what is given back.
import { type Clock, ms } from '../../src/base/clock.ts'
import { Wakes } from '../../src/base/wake.ts'
import type { ClaimToken } from '../../src/ledger/ids.ts'
import type { ClaimedDelivery, Settlement } from '../../src/ledger/ledger.ts'
import type { Queue } from '../../src/queue/queue.ts'

interface Owed {
  delivery: ClaimedDelivery
  dueAt: number
  claimed: boolean
}

const LEASE_MS = 60_000

export class MemoryQueue implements Queue {
  readonly settled: Settlement[] = []
  readonly wakes = new Wakes()
  givenBack = 0
  readonly #clock: Clock
  readonly #owed: Owed[] = []
  #tokens = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  owe(deliveries: readonly ClaimedDelivery[]): void {
    for (const delivery of deliveries) this.#owed.push({ delivery, dueAt: this.#clock.monotonic(), claimed: false })
    this.wakes.wake('work')
  }

  /** How many are neither claimed nor settled. */
  get ready(): number {
    return this.#owed.filter(({ claimed }) => !claimed).length
  }

  get left(): number {
    return this.#owed.length
  }

  enqueue(): Promise<never> {
    throw new Error('nothing is planned here')
  }

  async claim(_destination: string, limit: number, only?: 'urgent'): Promise<readonly ClaimedDelivery[]> {
    const due = this.#owed.filter(({ claimed, dueAt }) => !claimed && dueAt <= this.#clock.monotonic())
    const meant = due.filter(({ delivery }) => only === undefined || delivery.urgent).slice(0, limit)
    return meant.map((owed) => {
      this.#tokens += 1
      owed.claimed = true
      owed.delivery = { ...owed.delivery, token: `t${this.#tokens}` as ClaimToken }
      return owed.delivery
    })
  }

  isOurs({ token }: Pick<ClaimedDelivery, 'token'>): boolean {
    return this.#owed.some(({ delivery, claimed }) => claimed && delivery.token === token)
  }

  async giveBack(deliveries: readonly Pick<ClaimedDelivery, 'id' | 'token'>[]): Promise<void> {
    this.givenBack += deliveries.length
    for (const { token } of deliveries) {
      const owed = this.#owed.find(({ delivery }) => delivery.token === token)
      if (owed !== undefined) owed.claimed = false
    }
    // As the ledger does after the commit.
    this.wakes.wake('work')
  }

  letGo(deliveries: readonly Pick<ClaimedDelivery, 'token'>[]): void {
    for (const { token } of deliveries) {
      const owed = this.#owed.find(({ delivery }) => delivery.token === token)
      if (owed === undefined) continue
      owed.claimed = false
      owed.dueAt = this.#clock.monotonic() + LEASE_MS
      owed.delivery = { ...owed.delivery, attempts: owed.delivery.attempts + 1, ambiguousBefore: true }
    }
  }

  readonly settlements = {
    unwritten: 0,
    add: (settlement: Settlement): void => {
      this.settled.push(settlement)
      const at = this.#owed.findIndex(({ delivery }) => delivery.token === settlement.token)
      const owed = this.#owed[at]
      if (owed === undefined) return
      if (settlement.state !== 'READY') this.#owed.splice(at, 1)
      else {
        const { delivery } = owed
        owed.claimed = false
        owed.dueAt = this.#clock.monotonic() + (settlement.nextAttemptAt ?? 0) - this.#clock.now()
        owed.delivery = { ...delivery, attempts: delivery.attempts + 1, sentSha256: settlement.sentSha256 }
        this.wakes.wake('work')
      }
    },
    drain: async (): Promise<void> => {},
  }

  async nextWork(_destination: string, signal: AbortSignal): Promise<void> {
    const dueAt = Math.min(...this.#owed.filter(({ claimed }) => !claimed).map((owed) => owed.dueAt))
    const wait = Number.isFinite(dueAt) ? dueAt - this.#clock.monotonic() : 60_000
    const over = new AbortController()
    const either = AbortSignal.any([signal, over.signal])
    const slept = this.#clock.sleep(ms(Math.min(60_000, Math.max(50, wait))), either).catch(() => {})
    await Promise.race([this.wakes.next('work', either), slept])
    over.abort()
  }
}
