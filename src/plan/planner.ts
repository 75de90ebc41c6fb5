import { type Clock, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { Wakes } from '../base/wake.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { Ledger, PlanEntry, PlanOutcome, Unplanned } from '../ledger/ledger.ts'
import type { Queue } from '../queue/queue.ts'
import { isRefusedForEver } from '../queue/refused.ts'
import { Waiting } from '../queue/waiting.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { Spool } from '../spool/spool.ts'
import { decideAll } from './deciding.ts'
import { HELD_INTERNAL, heldInternal, planEntryOf } from './obligations.ts'
import type { OpenAssociations } from './open-associations.ts'

export interface PlannerDeps {
  readonly spool: Pick<Spool, 'unplanned'>
  readonly queue: Pick<Queue, 'enqueue'>
  readonly ledger: Pick<Ledger, 'answers' | 'now'>
  /** Is told which association brought which study. */
  readonly associations?: Pick<OpenAssociations, 'brought'>
  /** The ledger's; the topic is `plan`. */
  readonly wakes: Pick<Wakes, 'next' | 'wake'>
  /** The ruleset in force; undefined while none has ever loaded: then nothing is decided. */
  readonly ruleset: () => Ruleset | undefined
  readonly clock: Pick<Clock, 'sleep' | 'after'>
  readonly log: Log
}

/** Decided and written together. */
const BATCH = 64
/** A ledger that failed is asked again after this. */
const AFTER_FAILURE = ms(1_000)
/** Looks again without being woken, so that nothing that was missed waits for long. */
const LOOK_AGAIN = ms(60_000)
const TOPIC = 'plan'
/** After a pass, what comes within this is decided together: a stream of objects costs a verb for several, not for each. */
const GATHER = ms(40)

/**
 * Decides what is owed for each instance that has come in: takes a batch, asks the rules, puts the obligations on the
 * shelf; while one batch is being written the next is decided.
 */
export class Planner implements Service {
  readonly #deps: PlannerDeps
  readonly #stop = new AbortController()
  readonly #waiting: Waiting
  #signal: AbortSignal = this.#stop.signal
  #running: Promise<void> | undefined

  constructor(deps: PlannerDeps) {
    this.#deps = deps
    this.#waiting = new Waiting(deps.wakes, TOPIC, deps.clock)
  }

  start(signal: AbortSignal): Promise<void> {
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    this.#running = this.#run()
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        if (await this.#planAll()) await this.#deps.clock.sleep(GATHER, this.#signal)
        await this.#waiting.next(LOOK_AGAIN, this.#signal)
      } catch (error) {
        if (this.#signal.aborted) return
        this.#deps.log.error('planning-failed', { code: error instanceof KurirError ? error.code : 'internal' })
        await this.#deps.clock.sleep(AFTER_FAILURE, this.#signal).catch(() => {})
      }
    }
  }

  /** One pass over everything without a decision, oldest first, by one ruleset. Resolves with whether there was anything. */
  async #planAll(): Promise<boolean> {
    const ruleset = this.#deps.ruleset()
    if (ruleset === undefined) return false
    let writing: Promise<void> = Promise.resolve()
    let after: InstanceId | undefined
    try {
      while (!this.#signal.aborted && this.#deps.ruleset() === ruleset) {
        const batch = await this.#deps.spool.unplanned(BATCH, after)
        after = batch.at(-1)?.id
        if (after === undefined) break
        const entries = await this.#decide(batch, ruleset)
        await writing
        // New rules have asked for what is held by others: what is written after that nobody would ask for.
        if (this.#deps.ruleset() !== ruleset) break
        writing = this.#enqueue(entries)
        // It is awaited one batch later; until then its failure must not count as unheard.
        writing.catch(() => {})
        // What comes after this look wakes us.
        if (batch.length < BATCH) break
      }
    } finally {
      await writing
    }
    if (this.#deps.ruleset() !== ruleset) this.#deps.wakes.wake(TOPIC)
    return after !== undefined
  }

  async #decide(batch: readonly Unplanned[], ruleset: Ruleset): Promise<readonly PlanEntry[]> {
    const { ledger, log, associations } = this.#deps
    const decided = await decideAll(batch, ruleset, ledger)
    return decided.map((one) => {
      const { instance, kept } = one
      associations?.brought(instance.reception.associationId, instance.identity.studyInstanceUid)
      try {
        return planEntryOf(instance, ruleset, () => one.decide(), { kept, now: ledger.now() })
      } catch (error) {
        // A rule that throws is a mistake of ours: this instance waits for a person, the others go on.
        const code = error instanceof KurirError ? error.code : 'internal'
        log.error('instance-not-planned', { instance: instance.id, ruleset: ruleset.digest, code })
        return heldInternal(instance, ruleset)
      }
    })
  }

  async #enqueue(entries: readonly PlanEntry[]): Promise<void> {
    const outcomes = await this.#written(entries)
    const superseded = outcomes.filter(({ kind }) => kind === 'superseded').length
    this.#deps.log.debug('instances-planned', { count: outcomes.length - superseded })
    if (superseded === 0) return
    // Somebody asked for another decision meanwhile: the next pass finds the new version.
    this.#deps.log.info('plans-superseded', { count: superseded })
    this.#deps.wakes.wake(TOPIC)
  }

  /** What the ledger refuses is a mistake of ours as well. */
  async #written(entries: readonly PlanEntry[]): Promise<readonly PlanOutcome[]> {
    const { queue, log } = this.#deps
    try {
      return await queue.enqueue(entries)
    } catch (error) {
      const [refused, ...others] = entries
      if (refused === undefined || !isRefusedForEver(error)) throw error
      if (others.length === 0) {
        log.error('instance-not-planned', {
          instance: refused.instance,
          ruleset: refused.rulesetDigest,
          code: 'internal',
        })
        return await queue.enqueue([{ ...refused, obligations: HELD_INTERNAL }])
      }
      const outcomes: PlanOutcome[] = []
      for (const entry of entries) outcomes.push(...(await this.#written([entry])))
      return outcomes
    }
  }
}
