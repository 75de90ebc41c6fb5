import { type Clock, type Milliseconds, ms, type Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { ClaimedDelivery, Ledger, PlanEntry, PlanOutcome } from '../ledger/ledger.ts'
import { Claims } from './claims.ts'
import { type Settlements, Settling } from './settling.ts'
import { Waiting } from './waiting.ts'

/**
 * The second shelf: what we owe. Over the ledger's verbs it adds that a claim is kept alive for as long as it is in work,
 * and that settlements of all destinations are written together.
 */
export interface Queue {
  /** Puts what decisions owe on the shelf, all of them in one transaction. */
  enqueue(entries: readonly PlanEntry[]): Promise<readonly PlanOutcome[]>
  /** Takes up to `limit` due deliveries of the destination, urgent ones first or alone; none while it is paused. */
  claim(destination: string, limit: number, only?: 'urgent'): Promise<readonly ClaimedDelivery[]>
  /** Whether the claim is still ours, as far as we know. */
  isOurs(delivery: Pick<ClaimedDelivery, 'token'>): boolean
  /** Returns deliveries uncounted: the destination failed, or we are stopping. */
  giveBack(deliveries: readonly Pick<ClaimedDelivery, 'id' | 'token'>[], maybeTaken?: boolean): Promise<void>
  /** Keeps claims no longer: nobody knows what became of them. Each is made anew after its lease, marked as perhaps taken. */
  letGo(deliveries: readonly Pick<ClaimedDelivery, 'token'>[]): void
  readonly settlements: Settlements
  /**
   * Resolves when something of the destination may be due: new work, the next try, an operator's word, the end of a pause.
   * May be early, never late by more than a minute, and returns quietly when the signal fires, the same at every call.
   */
  nextWork(destination: string, signal: AbortSignal): Promise<void>
}

export type QueueLedger = Pick<
  Ledger,
  'plan' | 'claim' | 'renew' | 'settle' | 'giveBack' | 'rescue' | 'nextDueAt' | 'now' | 'wakes'
>

export interface QueueDeps {
  readonly ledger: QueueLedger
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  /** Who claims: this process, by a name that no other live one has. */
  readonly claimant: string
  /** How long a claim lasts without renewal, in milliseconds; 60 s unless told otherwise. */
  readonly lease?: Milliseconds
}

const LEASE = ms(60_000)
/** No wait is longer, so that a wall clock that jumps delays nothing for long. */
const LONGEST_WAIT = 60_000
/** Work that comes within this needs no look at what falls due later; and what is due but cannot be claimed does not spin. */
const SHORTEST_WAIT = ms(50)
/** How long a stop tries to write settlements; what is not written is sent again. */
const LONGEST_DRAIN = ms(5_000)

/** The queue over one ledger. `start` takes back what a dead process had claimed. */
export class LedgerQueue implements Queue, Service {
  readonly #deps: QueueDeps
  readonly #lease: Milliseconds
  readonly #claims: Claims
  readonly #settling: Settling
  readonly #waiting = new Map<string, Waiting>()
  #rescueTimer: Timer | undefined
  #closed = false

  constructor(deps: QueueDeps) {
    this.#deps = deps
    this.#lease = deps.lease ?? LEASE
    this.#claims = new Claims({ ...deps, lease: this.#lease })
    this.#settling = new Settling({
      ...deps,
      onWritten: (settlement, outcome) => {
        this.#claims.drop(settlement.token)
        if (outcome === 'superseded') deps.log.warn('settlement-superseded', { delivery: settlement.delivery })
      },
    })
  }

  get settlements(): Settlements {
    return this.#settling
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#rescue()
    signal.addEventListener('abort', () => this.#stopRescuing(), { once: true })
  }

  enqueue(entries: readonly PlanEntry[]): Promise<readonly PlanOutcome[]> {
    return this.#deps.ledger.plan(entries)
  }

  async claim(destination: string, limit: number, only?: 'urgent'): Promise<readonly ClaimedDelivery[]> {
    const claimed = await this.#deps.ledger.claim(destination, limit, this.#deps.claimant, this.#lease, only)
    if (claimed.length > 0) this.#claims.add(claimed.map((delivery) => delivery.token))
    return claimed
  }

  isOurs(delivery: Pick<ClaimedDelivery, 'token'>): boolean {
    return this.#claims.has(delivery.token)
  }

  async giveBack(deliveries: readonly Pick<ClaimedDelivery, 'id' | 'token'>[], maybeTaken = false): Promise<void> {
    if (deliveries.length === 0) return
    for (const { token } of deliveries) this.#claims.drop(token)
    try {
      await this.#deps.ledger.giveBack(deliveries.map(({ id, token }) => ({ delivery: id, token, maybeTaken })))
    } catch {
      // Their leases end by themselves, and the rescue returns them then.
      this.#deps.log.warn('deliveries-not-given-back', { count: deliveries.length })
    }
  }

  letGo(deliveries: readonly Pick<ClaimedDelivery, 'token'>[]): void {
    for (const { token } of deliveries) this.#claims.drop(token)
  }

  async nextWork(destination: string, signal: AbortSignal): Promise<void> {
    const { ledger, clock } = this.#deps
    const waiting = this.#waiting.get(destination) ?? new Waiting(ledger.wakes, `deliver:${destination}`, clock)
    this.#waiting.set(destination, waiting)
    if ((await waiting.next(SHORTEST_WAIT, signal)) || signal.aborted) return
    const dueAt = await ledger.nextDueAt(destination)
    const wait = dueAt === undefined ? LONGEST_WAIT : dueAt - ledger.now()
    if (wait > 0) await waiting.next(ms(Math.min(LONGEST_WAIT, wait)), signal)
  }

  /** Writes what is gathered, but waits for no ledger that cannot. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopRescuing()
    const limit = this.#deps.clock.after(LONGEST_DRAIN, () => this.#settling.close())
    await this.#settling.drain()
    limit.cancel()
    this.#settling.close()
    this.#claims.close()
  }

  async #rescue(): Promise<void> {
    try {
      const count = await this.#deps.ledger.rescue(this.#deps.claimant)
      if (count > 0) this.#deps.log.info('deliveries-rescued', { count })
    } catch {
      this.#deps.log.warn('rescue-failed')
    }
    if (!this.#closed) this.#rescueTimer = this.#deps.clock.after(this.#lease, () => void this.#rescue())
  }

  #stopRescuing(): void {
    this.#closed = true
    this.#rescueTimer?.cancel()
  }
}
