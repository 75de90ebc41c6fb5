import { type Clock, ms } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { Wakes } from '../base/wake.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { PlanEntry, Unplanned } from '../ledger/ledger.ts'
import type { Queue } from '../queue/queue.ts'
import { judgeCaller } from '../rules/caller.ts'
import { decide } from '../rules/decide.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { Spool } from '../spool/spool.ts'
import { factsOf } from './facts.ts'
import { obligationsOf } from './obligations.ts'

export interface PlannerDeps {
  readonly spool: Pick<Spool, 'unplanned'>
  readonly queue: Pick<Queue, 'enqueue'>
  readonly wakes: Wakes
  /** The ruleset in force, asked anew for each batch: one batch is never decided by a mixture. */
  readonly ruleset: () => Ruleset
  readonly clock: Clock
  readonly log: Log
}

const BATCH = 64
/** A ledger that failed is asked again after this. */
const AFTER_FAILURE = ms(1_000)

/** Looks at what is in the spool without a decision, asks the rules, and puts what they owe on the queue. */
export class Planner implements Service {
  readonly #deps: PlannerDeps
  readonly #stop = new AbortController()
  #signal: AbortSignal = this.#stop.signal
  #running: Promise<void> | undefined

  constructor(deps: PlannerDeps) {
    this.#deps = deps
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    this.#running = this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { spool, wakes, clock, log } = this.#deps
    while (!this.#signal.aborted) {
      try {
        const batch = await spool.unplanned(BATCH)
        if (batch.length > 0) await this.#plan(batch)
        else await wakes.next('plan', this.#signal)
      } catch {
        log.error('planning-failed', { code: 'internal' })
        await clock.sleep(AFTER_FAILURE, this.#signal).catch(() => {})
      }
    }
  }

  async #plan(batch: readonly Unplanned[]): Promise<void> {
    const ruleset = this.#deps.ruleset()
    const outcomes = await this.#deps.queue.enqueue(batch.map((instance) => this.#entryFor(instance, ruleset)))
    for (const [index, outcome] of outcomes.entries()) {
      const instance = batch[index]
      if (instance === undefined) continue
      const count = outcome.kind === 'planned' ? { count: outcome.deliveries.length } : {}
      this.#deps.log.debug('instance-planned', { instance: instance.id, state: outcome.kind, ...count })
    }
  }

  #entryFor(instance: Unplanned, ruleset: Ruleset): PlanEntry {
    const entry = { instance: instance.id, expectedVersion: instance.version, rulesetDigest: ruleset.digest }
    try {
      const decision = decide(ruleset, factsOf(instance, defaultCharset(ruleset, instance)))
      const obligations = obligationsOf(decision, (name) => ruleset.destinations.has(name))
      return { ...entry, obligations }
    } catch {
      // A rule that throws is a mistake of ours: this instance waits for a person, the others go on.
      this.#deps.log.error('decision-failed', { instance: instance.id satisfies InstanceId, code: 'internal' })
      return { ...entry, obligations: [{ kind: 'HOLD', rule: null, reason: 'internal' }] }
    }
  }
}

/** What the rules say of the caller that brought it. */
function defaultCharset(ruleset: Ruleset, { reception }: Unplanned): string | undefined {
  if (ruleset.callers === undefined || reception.callingAe === null || reception.peer === null) return undefined
  const facts = { callingAe: reception.callingAe, calledAe: reception.calledAe ?? '', peer: reception.peer }
  const verdict = judgeCaller(ruleset.callers, facts)
  return verdict.admitted ? verdict.caller?.defaultCharset : undefined
}
