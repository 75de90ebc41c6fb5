import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { DueWork } from '../plan/due-work.ts'
import { ErrandRunner } from '../plan/errand-runner.ts'
import { NewRules } from '../plan/new-rules.ts'
import { OpenAssociations } from '../plan/open-associations.ts'
import { Questioner } from '../plan/questioner.ts'
import { StudyMoments } from '../plan/study-moments.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { Services } from '../services/call.ts'

export interface MomentsDeps {
  readonly ledger: Ledger
  readonly services: Services
  readonly ruleset: () => Ruleset
  readonly kept: (digest: string) => Promise<Ruleset | undefined>
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}

/** What the planner leaves for later: study moments, questions, telling services, and what new rules decide again. */
export class Moments implements Service {
  readonly associations: OpenAssociations
  readonly #ledger: Ledger
  readonly #running: readonly Service[]
  readonly #newRules: NewRules

  constructor(deps: MomentsDeps) {
    const { ledger, services, ruleset, clock, log } = deps
    this.#ledger = ledger
    this.associations = new OpenAssociations((studies) => {
      const stirred = ledger.studiesStirred(studies, ruleset().study.options)
      stirred.catch(() => log.warn('studies-not-stirred', { count: studies.length }))
    })
    const due = { wakes: ledger.wakes, now: () => ledger.now(), clock, log }
    const sweepAgain = (): void => this.rulesChanged()
    this.#running = [
      new DueWork(due, new StudyMoments({ ...deps, associations: this.associations, sweepAgain })),
      new DueWork(due, new Questioner(deps)),
      new DueWork(due, new ErrandRunner(deps)),
    ]
    this.#newRules = new NewRules({ ledger, digest: () => ruleset().digest, clock, log })
    services.onReturn((service) => {
      const woken = Promise.all([ledger.questionsDue(service), ledger.errandsDue(service)])
      woken.catch(() => log.warn('service-return-missed', { service }))
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    await this.#ledger.callsRescued()
    for (const service of this.#running) await service.start(signal)
    this.rulesChanged()
  }

  /** What waits or is held is decided again. */
  rulesChanged(): void {
    void this.#newRules.sweep()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#newRules, ...this.#running].map((each) => each[Symbol.asyncDispose]()))
  }
}
