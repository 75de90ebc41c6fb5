import { backoff } from '../base/backoff.ts'
import { type Clock, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import { Wakes } from '../base/wake.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { Ledger, PlanEntry, Unplanned } from '../ledger/ledger.ts'
import type { Queue } from '../queue/queue.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { Spool } from '../spool/spool.ts'
import { heldInternal, planEntryOf } from './obligations.ts'

export interface PlannerDeps {
  readonly spool: Pick<Spool, 'unplanned'>
  readonly ledger: Pick<Ledger, 'wakes'>
  readonly queue: Pick<Queue, 'enqueue'>
  /** The ruleset in force; undefined while none has ever loaded: then nothing is decided. */
  readonly ruleset: () => Ruleset | undefined
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Log
  readonly random: () => number
}

/** Decided and written together. */
const BATCH = 64
const AFTER_FAILURE = { first: ms(200), longest: ms(10_000) }
/** Looks again without being woken, so that nothing that was missed waits for long. */
const LOOK_AGAIN = ms(60_000)
const WAKE = 'wake'

/**
 * Decides what is owed for each instance that has come in: takes a batch, asks the rules, puts the obligations on the
 * shelf; while one batch is being written the next is decided.
 */
export class Planner implements Service {
  readonly #deps: PlannerDeps
  readonly #stop = new AbortController()
  readonly #wakes = new Wakes()
  #signal: AbortSignal = this.#stop.signal
  #running: Promise<unknown> | undefined
  #failures = 0

  constructor(deps: PlannerDeps) {
    this.#deps = deps
  }

  start(signal: AbortSignal): Promise<void> {
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    this.#running = Promise.all([this.#run(), this.#passWakesOn()])
    return Promise.resolve()
  }

  /** Another ruleset came into force: look again. */
  rulesetChanged(): void {
    this.#wakes.wake(WAKE)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #passWakesOn(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#deps.ledger.wakes.next('plan', this.#signal)
      this.#wakes.wake(WAKE)
    }
  }

  async #run(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        await this.#planAll()
        this.#failures = 0
        await this.#untilWoken()
      } catch (error) {
        if (this.#signal.aborted) return
        this.#failures += 1
        this.#deps.log.error('planning-failed', { code: error instanceof KurirError ? error.code : 'internal' })
        const wait = backoff(AFTER_FAILURE, this.#failures, this.#deps.random())
        await this.#deps.clock.sleep(wait, this.#signal).catch(() => {})
      }
    }
  }

  /** One pass over everything without a decision, oldest first, by one ruleset. */
  async #planAll(): Promise<void> {
    const ruleset = this.#deps.ruleset()
    if (ruleset === undefined) return
    let writing: Promise<void> = Promise.resolve()
    let after: InstanceId | undefined
    try {
      while (!this.#signal.aborted && this.#deps.ruleset() === ruleset) {
        const batch = await this.#deps.spool.unplanned(BATCH, after)
        after = batch.at(-1)?.id
        if (after === undefined) break
        const entries = this.#decide(batch, ruleset)
        await writing
        writing = this.#enqueue(entries)
        // It is awaited one batch later; until then its failure must not count as unheard.
        writing.catch(() => {})
      }
    } finally {
      await writing
    }
    if (this.#deps.ruleset() !== ruleset) this.#wakes.wake(WAKE)
  }

  #decide(batch: readonly Unplanned[], ruleset: Ruleset): readonly PlanEntry[] {
    return batch.map((instance) => {
      try {
        return planEntryOf(instance, ruleset)
      } catch (error) {
        // A rule that throws is a mistake of ours: this instance waits for a person, the others go on.
        const code = error instanceof KurirError ? error.code : 'internal'
        this.#deps.log.error('instance-not-planned', { instance: instance.id, ruleset: ruleset.digest, code })
        return heldInternal(instance, ruleset)
      }
    })
  }

  async #enqueue(entries: readonly PlanEntry[]): Promise<void> {
    const outcomes = await this.#deps.queue.enqueue(entries)
    const superseded = outcomes.filter(({ kind }) => kind === 'superseded').length
    this.#deps.log.debug('instances-planned', { count: outcomes.length - superseded })
    if (superseded === 0) return
    // Somebody asked for another decision meanwhile: the next pass finds the new version.
    this.#deps.log.info('plans-superseded', { count: superseded })
    this.#wakes.wake(WAKE)
  }

  async #untilWoken(): Promise<void> {
    const over = new AbortController()
    const either = AbortSignal.any([this.#signal, over.signal])
    const slept = this.#deps.clock.sleep(LOOK_AGAIN, either).catch(() => {})
    await Promise.race([slept, this.#wakes.next(WAKE, either)])
    over.abort()
  }
}
