import { type Clock, elapsed, type Milliseconds, type Monotonic, ms } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Unreachable } from './failure-scope.ts'
import { type Beside, Lane, type LaneOwner } from './lane.ts'

export interface LanePoolDeps {
  readonly destination: string
  readonly owner: Omit<LaneOwner, 'linger' | 'leaving' | 'connected'>
  /** At most this many at once, at this moment. */
  readonly most: () => number
  /** Whether only a probe may go out. */
  readonly isProbing: () => boolean
  /** Fires when we stop. */
  readonly signal: () => AbortSignal
  readonly ended: () => void
  readonly clock: Pick<Clock, 'after' | 'monotonic'>
  readonly log: Pick<Log, 'error' | 'info'>
  /** How long an idle line is kept, in milliseconds; 2 s unless told otherwise. */
  readonly linger?: Milliseconds | undefined
}

/** A further line is opened when this many wait for it. */
const WORTH_A_LINE = 8
const LINGER = ms(2_000)
/** A destination that would not open one more line is not asked for one again for so long. */
const ENOUGH_FOR = ms(30_000)

/** As many lanes as the work in the hopper is worth. */
export class LanePool {
  readonly #deps: LanePoolDeps
  readonly #lanes = new Map<Lane, Promise<void>>()
  readonly #idle = new Set<() => void>()
  /** Lanes that take no more and only wait for the answer to their release. */
  #leaving = 0
  /** Lanes beside others that have no line yet. */
  #reaching = 0
  #enoughSince: Monotonic | undefined

  constructor(deps: LanePoolDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#lanes.size
  }

  /** Lanes that take work. */
  get working(): number {
    return this.#lanes.size - this.#leaving - this.#reaching
  }

  /** There is something in the hopper: idle lanes take it, and new ones open where that is worth it. */
  work(): void {
    for (const wake of [...this.#idle].slice(0, this.#deps.owner.hopper.size)) wake()
    while (this.#wantsLane()) this.#open()
  }

  /** Resolves when every lane has ended and its line is closed. */
  async ended(): Promise<void> {
    await Promise.all(this.#lanes.values())
  }

  #wantsLane(): boolean {
    const { owner, isProbing } = this.#deps
    if (owner.hopper.size === 0 || !owner.mayTake()) return false
    if (this.#lanes.size >= this.#most) return false
    if (this.working === 0) return true
    if (isProbing() || this.#idle.size > 0 || this.#reaching > 0 || this.#hasEnough()) return false
    if (![...this.#lanes.keys()].some((lane) => lane.hasLine)) return false
    return owner.hopper.size >= WORTH_A_LINE
  }

  get #most(): number {
    return Math.max(1, this.#deps.most())
  }

  #hasEnough(): boolean {
    return this.#enoughSince !== undefined && elapsed(this.#enoughSince, this.#deps.clock.monotonic()) < ENOUGH_FOR
  }

  #open(): void {
    const { owner, destination, log } = this.#deps
    const beside = this.working > 0 ? this.#beside() : undefined
    const ours = {
      linger: () => this.#linger(),
      leaving: () => this.#leave(),
      connected: () => this.work(),
      // New rules may allow fewer than there are.
      mayTake: () => owner.mayTake() && this.working <= this.#most,
    }
    const lane = new Lane({ ...owner, ...ours }, beside)
    const running = lane.run().catch(() => {
      // A lane judges whatever happens; what comes here is a mistake of ours, and leases return what it held.
      log.error('lane-failed', { destination, code: 'internal' })
    })
    this.#lanes.set(
      lane,
      running.then(() => {
        this.#lanes.delete(lane)
        this.#leaving -= 1
        this.#deps.ended()
        while (this.#wantsLane()) this.#open()
      }),
    )
  }

  #beside(): Beside {
    const { signal, destination, clock, log } = this.#deps
    this.#reaching += 1
    const reached = (why: Unreachable | undefined): void => {
      this.#reaching -= 1
      if (why === undefined) {
        this.work()
        return
      }
      this.#enoughSince = clock.monotonic()
      log.info('further-line-refused', { destination, count: this.working - 1, reason: why.reason })
    }
    return { signal: signal(), reached }
  }

  /** A peer may take its time to answer a release, or never do it: the next lane does not wait for that. */
  #leave(): void {
    this.#leaving += 1
    this.#deps.ended()
    this.work()
  }

  async #linger(): Promise<boolean> {
    const { owner, isProbing, signal, clock, linger } = this.#deps
    if (isProbing() || signal().aborted) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const wake = (): void => resolve(true)
    const stop = (): void => resolve(false)
    const timer = clock.after(linger ?? LINGER, stop)
    const stopping = signal()
    stopping.addEventListener('abort', stop)
    this.#idle.add(wake)
    const woken = await promise
    this.#idle.delete(wake)
    stopping.removeEventListener('abort', stop)
    timer.cancel()
    return woken || owner.hopper.size > 0
  }
}
