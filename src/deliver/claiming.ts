import { type Clock, ms } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Wakes } from '../base/wake.ts'
import type { Queue } from '../queue/queue.ts'
import type { Hopper } from './hopper.ts'
import type { LanePool } from './lane-pool.ts'

/** As many as are claimed ahead; what a crash would send again is at most what is on a line. */
const CLAIM_AHEAD = 64
/** Below this the next claim is made, so that no line waits for the ledger. */
const LOW = 24
/** How many are claimed for a probe. */
const PROBE = 4
/** How often what is urgent is looked for while enough is claimed. */
const URGENT = ms(1_000)
const AFTER_LEDGER_FAILURE = ms(1_000)

/** What claiming needs of the dispatcher it works for. */
export interface ClaimingDeps {
  readonly destination: string
  readonly queue: Pick<Queue, 'claim' | 'nextWork'>
  readonly hopper: Hopper
  readonly lanes: Pick<LanePool, 'working' | 'work'>
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Log
  /** Only a few are tried, to see whether the destination is back. */
  readonly isProbing: () => boolean
  /** False: the destination rests or we are stopping. */
  readonly mayTake: () => boolean
  /** Returns what is in the hopper, uncounted. */
  readonly giveBackAll: () => void
  /** `low`: there is room in the hopper; `failed`: the destination did. */
  readonly events: Pick<Wakes, 'next'>
  readonly signal: () => AbortSignal
}

/** Keeps the hopper of one destination filled from the queue, as far ahead as a crash may cost. */
export class Claiming {
  readonly #deps: ClaimingDeps
  /** Whether the last claim found all there was. */
  #isDry = false
  #failed: Promise<void> | undefined

  constructor(deps: ClaimingDeps) {
    this.#deps = deps
  }

  /** Whether there is enough for the lines there are. */
  get isFull(): boolean {
    const { hopper, lanes, isProbing } = this.#deps
    return isProbing() ? hopper.size + lanes.working > 0 : hopper.size > LOW
  }

  /** Claims more, or waits until there is more to be claimed, the destination fails, or we stop. */
  async next(): Promise<void> {
    if (this.#isDry) await this.#untilWork()
    else if (this.isFull) await this.#untilLow()
    else await this.#claim()
  }

  async #claim(only?: 'urgent'): Promise<void> {
    const { queue, destination, hopper, lanes, clock, log, isProbing, mayTake, giveBackAll, signal } = this.#deps
    try {
      const limit = isProbing() ? PROBE : CLAIM_AHEAD
      const claimed = await queue.claim(destination, limit, only)
      // What becomes due after this look wakes us.
      if (only === undefined) this.#isDry = claimed.length < limit
      if (claimed.length === 0) return
      hopper.add(claimed)
      if (!mayTake()) return giveBackAll()
      lanes.work()
    } catch {
      log.error('claim-failed', { destination })
      await clock.sleep(AFTER_LEDGER_FAILURE, signal()).catch(() => {})
    }
  }

  /** What is urgent does not wait until more is to be claimed: it goes before what is. */
  async #untilLow(): Promise<void> {
    const { hopper, clock, events, isProbing, mayTake, signal } = this.#deps
    const over = new AbortController()
    const either = AbortSignal.any([signal(), over.signal])
    const isTime = clock.sleep(URGENT, either).then(
      () => true,
      () => false,
    )
    const looks = await Promise.race([isTime, events.next('low', either).then(() => false)])
    over.abort()
    const isNext = hopper.waiting[0]?.urgent === true
    if (looks && !isNext && !isProbing() && mayTake()) await this.#claim('urgent')
  }

  /** Not through a failure of the destination. */
  async #untilWork(): Promise<void> {
    const { destination, queue, events, signal } = this.#deps
    this.#isDry = false
    this.#failed ??= events.next('failed', signal()).then(() => {
      this.#failed = undefined
    })
    await Promise.race([queue.nextWork(destination, signal()), this.#failed])
  }
}
