import { type Clock, type Instant, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { ShadowReport } from '../report/shadow-report.ts'
import type { ShadowSource, ShadowWish } from './sources.ts'

/** Held equal to the GraphQL enum by a test. */
export const SHADOW_STATES = ['RUNNING', 'DONE', 'FAILED'] as const
export type ShadowState = (typeof SHADOW_STATES)[number]

/** A replay of the past through other rules, under way or ended. */
export interface ShadowRun {
  readonly state: ShadowState
  readonly startedAt: Instant
  readonly startedBy: string
  /** Digest of the rules that are tried. */
  readonly candidate: string
  /** Looked at so far. */
  readonly instances: number
  readonly reason: string | null
  readonly report: ShadowReport | null
}

export interface ShadowRunsDeps {
  readonly shadows: ShadowSource
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly log: Log
}

/** Measured: 100,000 instances take well under a minute. */
const LONGEST = ms(300_000)
const MOST_INSTANCES = 2_000_000

/** One replay at a time, in memory only: the last one is told of until the next begins. */
export class ShadowRuns implements AsyncDisposable {
  readonly #deps: ShadowRunsDeps
  readonly #stop = new AbortController()
  #last: ShadowRun | undefined
  #running: Promise<void> | undefined

  constructor(deps: ShadowRunsDeps) {
    this.#deps = deps
  }

  get last(): ShadowRun | undefined {
    return this.#last
  }

  /** Undefined while another one runs. */
  start(wish: ShadowWish, candidate: string, startedBy: string): ShadowRun | undefined {
    if (this.#running !== undefined) return undefined
    const startedAt = this.#deps.clock.now()
    const run: ShadowRun = {
      state: 'RUNNING',
      startedAt,
      startedBy,
      candidate,
      instances: 0,
      reason: null,
      report: null,
    }
    this.#last = run
    this.#running = this.#run(wish).finally(() => {
      this.#running = undefined
    })
    return run
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(wish: ShadowWish): Promise<void> {
    const over = new AbortController()
    let why: 'timeout' | 'too-large' | undefined
    const end = (reason: 'timeout' | 'too-large'): void => {
      why ??= reason
      over.abort()
    }
    const timer = this.#deps.clock.after(LONGEST, () => end('timeout'))
    const progress = (instances: number): void => {
      this.#change({ instances })
      if (instances > MOST_INSTANCES) end('too-large')
    }
    try {
      const report = await this.#deps.shadows.run(wish, AbortSignal.any([over.signal, this.#stop.signal]), progress)
      this.#change({ state: 'DONE', report, instances: report.instances })
    } catch (error) {
      const code = error instanceof KurirError ? error.code : 'internal'
      this.#change({ state: 'FAILED', reason: why ?? code })
      this.#deps.log.warn('shadow-failed', { code: why ?? code })
    } finally {
      timer.cancel()
    }
  }

  #change(change: Partial<ShadowRun>): void {
    if (this.#last !== undefined) this.#last = { ...this.#last, ...change }
  }
}
