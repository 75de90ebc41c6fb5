import { isDeepStrictEqual } from 'node:util'
import { type Clock, elapsed, type Milliseconds, ms } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import type { ClaimedDelivery, Ledger } from '../ledger/ledger.ts'
import type { DestinationCondition } from '../ledger/records.ts'
import type { Queue } from '../queue/queue.ts'
import { DEFAULT_RETRY, type Destination } from '../rules/destination.ts'
import { DestinationNotes } from './destination-notes.ts'
import { type AttemptMeter, Dispatcher, type DispatcherDeps, type Route } from './dispatcher.ts'
import { Outgoing, type OutgoingDeps } from './outgoing.ts'
import { createSender, type SendersDeps } from './senders.ts'

export interface DispatchersDeps extends SendersDeps, OutgoingDeps {
  readonly queue: Queue
  readonly ledger: Pick<Ledger, 'destinationDown' | 'destinationUp' | 'destinationNotes' | 'now' | 'wakes' | 'views'>
  /** The destinations of the ruleset in force, at this moment. */
  readonly destinations: () => ReadonlyMap<string, Destination>
  readonly clock: Clock
  readonly log: Log
  readonly meter?: AttemptMeter
  readonly random: () => number
  readonly linger?: Milliseconds
  readonly grace?: Milliseconds
}

/** What became of looking whether a destination is there. */
export interface Verified {
  readonly reached: boolean
  readonly took: Milliseconds
  /** Low cardinality; null when it was reached. */
  readonly reason: string | null
}

interface Running {
  readonly dispatcher: Dispatcher
  readonly reconsider: () => boolean
  readonly retire: () => Promise<void>
}

/** A ledger that could not say what it knows of the destinations is asked again after this. */
const AFTER_FAILURE = ms(1_000)

/** One dispatcher for each destination of the rules, and one for each that only the ledger still knows. */
export class Dispatchers implements Service {
  readonly #deps: DispatchersDeps
  readonly #running = new Map<string, Running>()
  readonly #stop = new AbortController()
  #signal: AbortSignal | undefined
  #changing: Promise<void> = Promise.resolve()

  constructor(deps: DispatchersDeps) {
    this.#deps = deps
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    const begun = this.#reconfigure()
    // Rules that change meanwhile wait for it: two at once would give a destination two dispatchers.
    this.#changing = begun.catch(() => {})
    await begun
  }

  /**
   * Takes up the destinations of the ruleset in force: new ones get a dispatcher, changed ones a new sender. Resolves when that
   * is done or somebody stops it. A failure of the ledger is logged, and tried again.
   */
  reconfigure(): Promise<void> {
    this.#changing = this.#changing.then(() => this.#reconfigureAtLast())
    return this.#changing
  }

  /** Undefined when no ruleset and no delivery names the destination. */
  async verify(name: string): Promise<Verified | undefined> {
    const running = this.#running.get(name)
    if (running === undefined) return undefined
    const from = this.#deps.clock.monotonic()
    const why = await running.dispatcher.verify()
    const took = elapsed(from, this.#deps.clock.monotonic())
    return { reached: why === undefined, took, reason: why?.reason ?? null }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#changing
    const ends = [...this.#running.values()].map(async ({ dispatcher, retire }) => {
      await dispatcher[Symbol.asyncDispose]()
      await retire()
    })
    await Promise.all(ends)
    this.#running.clear()
  }

  async #reconfigureAtLast(): Promise<void> {
    const { clock, log } = this.#deps
    while (!this.#stop.signal.aborted) {
      try {
        return await this.#reconfigure()
      } catch {
        log.error('destinations-not-changed', { code: 'internal' })
        await clock.sleep(AFTER_FAILURE, this.#stop.signal).catch(() => {})
      }
    }
  }

  async #reconfigure(): Promise<void> {
    const conditions = new Map((await this.#deps.ledger.views.conditions()).map((row) => [row.name, row]))
    for (const name of new Set([...this.#deps.destinations().keys(), ...conditions.keys()])) {
      const running = this.#running.get(name)
      if (running === undefined) await this.#begin(name, conditions.get(name) ?? null)
      else if (running.reconsider()) running.dispatcher.reconfigured()
    }
  }

  async #begin(name: string, condition: DestinationCondition | null): Promise<void> {
    if (this.#signal === undefined || this.#signal.aborted) return
    const notes = new DestinationNotes(condition?.notes ?? null)
    const routing = this.#routing(name, notes)
    const dispatcher = new Dispatcher({ ...this.#dispatcherDeps(name), route: routing.route })
    await dispatcher.start(this.#signal)
    this.#running.set(name, { dispatcher, reconsider: routing.reconsider, retire: routing.retire })
  }

  #dispatcherDeps(name: string): Omit<DispatcherDeps, 'route'> {
    const { ledger, blobs, edit } = this.#deps
    const condition = async (): Promise<DestinationCondition | null> =>
      (await ledger.views.conditions()).find((row) => row.name === name) ?? null
    const open = (delivery: ClaimedDelivery): Outgoing => new Outgoing(delivery, { blobs, edit })
    return { ...this.#deps, destination: name, condition, open }
  }

  /** The route in force, made anew only when what it is made of has changed. */
  #routing(name: string, notes: DestinationNotes): Omit<Running, 'dispatcher'> & { readonly route: () => Route } {
    const noted = (): void => this.#writeNotes(name, notes)
    let destination = this.#deps.destinations().get(name)
    let sender = createSender(destination?.reach, notes, noted, this.#deps)
    const reconsider = (): boolean => {
      const now = this.#deps.destinations().get(name)
      const isSame = isDeepStrictEqual(now?.reach, destination?.reach)
      destination = now
      if (isSame) return false
      // Lines that are still open keep what they need until they end.
      void sender.retire?.()
      sender = createSender(now?.reach, notes, noted, this.#deps)
      return true
    }
    const route = (): Route => ({
      sender,
      retry: destination?.retry ?? DEFAULT_RETRY,
      verifies: destination?.verify === 'c_echo',
    })
    return { route, reconsider, retire: async () => sender.retire?.() }
  }

  #writeNotes(name: string, notes: DestinationNotes): void {
    const text = notes.takeChanges()
    if (text === undefined) return
    // Notes save a negotiation; losing them costs nothing else.
    this.#deps.ledger.destinationNotes(name, text).catch(() => {
      this.#deps.log.warn('condition-not-written', { destination: name })
    })
  }
}
