import { type Clock, type Instant, type Milliseconds, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { Wakes } from '../base/wake.ts'
import { Waiting } from '../queue/waiting.ts'

export interface DueWorkDeps {
  /** The ledger's. */
  readonly wakes: Pick<Wakes, 'next'>
  readonly now: () => Instant
  readonly clock: Pick<Clock, 'sleep' | 'after'>
  readonly log: Log
}

/** What is due from time to time, as the ledger knows it. */
export interface DueWorkOf {
  readonly topic: string
  /** When there is something next; undefined: when woken. */
  nextAt(): Promise<Instant | undefined>
  /** Does what is due now. Resolves with whether there was anything. */
  work(signal: AbortSignal): Promise<boolean>
}

/** No wait is longer, so that a clock that jumps or a wake that is lost delays nothing for long. */
const LONGEST_WAIT = 60_000
/** What is due but cannot be done yet does not spin. */
const SHORTEST_WAIT = 50
const AFTER_FAILURE: Milliseconds = ms(1_000)

/** Works when something is due or somebody wakes it, until it is disposed. A failure is logged, and tried again. */
export class DueWork implements Service {
  readonly #deps: DueWorkDeps
  readonly #of: DueWorkOf
  readonly #stop = new AbortController()
  readonly #waiting: Waiting
  #running: Promise<void> | undefined

  constructor(deps: DueWorkDeps, of: DueWorkOf) {
    this.#deps = deps
    this.#of = of
    this.#waiting = new Waiting(deps.wakes, of.topic, deps.clock)
  }

  start(signal: AbortSignal): Promise<void> {
    this.#running = this.#run(AbortSignal.any([signal, this.#stop.signal]))
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (!(await this.#of.work(signal))) await this.#rest(signal)
      } catch (error) {
        if (signal.aborted) return
        const code = error instanceof KurirError ? error.code : 'internal'
        this.#deps.log.error('due-work-failed', { reason: this.#of.topic, code })
        await this.#deps.clock.sleep(AFTER_FAILURE, signal).catch(() => {})
      }
    }
  }

  async #rest(signal: AbortSignal): Promise<void> {
    const dueAt = await this.#of.nextAt()
    const wait = dueAt === undefined ? LONGEST_WAIT : dueAt - this.#deps.now()
    await this.#waiting.next(ms(Math.min(LONGEST_WAIT, Math.max(SHORTEST_WAIT, wait))), signal)
  }
}
