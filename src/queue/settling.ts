import { backoff } from '../base/backoff.ts'
import { type Clock, ms, type Timer } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Ledger, Settlement, SettleOutcome } from '../ledger/ledger.ts'
import { isRefusedForEver } from './refused.ts'

export interface Settlements {
  /** Takes what became of one delivery; it is written with others soon, while the next instance is being sent. */
  add(settlement: Settlement): void
  /** Writes what is gathered now, and resolves when nothing is left to write. */
  drain(): Promise<void>
  /** How many are gathered or being written; without what the ledger has refused and is put aside. */
  readonly unwritten: number
}

export interface SettlingDeps {
  readonly ledger: Pick<Ledger, 'settle'>
  readonly clock: Pick<Clock, 'after' | 'sleep'>
  readonly log: Pick<Log, 'warn' | 'error'>
  readonly random: () => number
  /** Called once for each settlement that is on record or that somebody else overtook. */
  readonly onWritten: (settlement: Settlement, outcome: SettleOutcome) => void
}

/** At this many the batch is written at once; one savepoint each keeps the writer busy for a few milliseconds. */
const BATCH = 64
/** How long the first of a batch waits for company, in milliseconds. */
const GATHER = ms(20)
const RETRY = { first: ms(200), longest: ms(10_000) }

/**
 * Gathers settlements of all destinations and writes one batch at a time. A batch that the ledger could not write (a full
 * disk) is kept and written again: until then its leases are renewed, and the archive already has the instances. One that the
 * ledger refuses by itself, a mistake of ours, is put aside and tried again from time to time.
 */
export class Settling implements Settlements {
  readonly #deps: SettlingDeps
  #gathered: Settlement[] = []
  #writing: Promise<void> | undefined
  #inWrite = 0
  #timer: Timer | undefined
  readonly #closing = new AbortController()

  constructor(deps: SettlingDeps) {
    this.#deps = deps
  }

  get unwritten(): number {
    return this.#gathered.length + this.#inWrite
  }

  add(settlement: Settlement): void {
    this.#gathered.push(settlement)
    if (this.#gathered.length >= BATCH) void this.#write()
    else this.#timer ??= this.#deps.clock.after(GATHER, () => void this.#write())
  }

  async drain(): Promise<void> {
    while (this.unwritten > 0 && !this.#closing.signal.aborted) await this.#write()
  }

  /**
   * Tries no longer, and waits for no further try; what is unwritten is sent again after its lease, which repeats a step and
   * not an effect.
   */
  close(): void {
    this.#closing.abort()
    this.#timer?.cancel()
  }

  #write(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #writeAll(): Promise<void> {
    while (this.#gathered.length > 0) {
      const batch = this.#gathered.splice(0, BATCH)
      this.#inWrite = batch.length
      await this.#writeBatch(batch)
      this.#inWrite = 0
    }
  }

  async #writeBatch(batch: readonly Settlement[]): Promise<void> {
    for (let failures = 1; !this.#closing.signal.aborted; failures += 1) {
      try {
        const outcomes = await this.#deps.ledger.settle(batch)
        batch.forEach((settlement, index) => {
          this.#deps.onWritten(settlement, outcomes[index] ?? 'superseded')
        })
        return
      } catch (error) {
        const code = error instanceof KurirError ? error.code : 'internal'
        this.#deps.log.error('settlements-not-written', { count: batch.length, code })
        if (code === 'ledger-closed') this.close()
        else if (isRefusedForEver(error)) return await this.#writeEach(batch)
        else await this.#rest(failures)
      }
    }
  }

  async #writeEach(batch: readonly Settlement[]): Promise<void> {
    const [refused, ...others] = batch
    if (others.length > 0) for (const settlement of batch) await this.#writeBatch([settlement])
    else if (refused !== undefined) this.#deps.clock.after(RETRY.longest, () => this.add(refused))
  }

  async #rest(failures: number): Promise<void> {
    const wait = backoff(RETRY, failures, this.#deps.random())
    await this.#deps.clock.sleep(wait, this.#closing.signal).catch(() => {})
  }
}
