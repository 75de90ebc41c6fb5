import { isDeepStrictEqual } from 'node:util'
import { type Clock, elapsed, type Milliseconds } from '../base/clock.ts'
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

/** One dispatcher for each destination of the rules, and one for each that only the ledger still knows. */
export class Dispatchers implements Service {
  readonly #deps: DispatchersDeps
  readonly #running = new Map<string, Running>()
  #signal: AbortSignal | undefined
  #changing: Promise<void> = Promise.resolve()

  constructor(deps: DispatchersDeps) {
    this.#deps = deps
  }

  start(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    return this.reconfigure()
  }

  /** Takes up the destinations of the ruleset in force: new ones get a dispatcher, changed ones a new sender. */
  reconfigure(): Promise<void> {
    this.#changing = this.#changing.then(() => this.#reconfigure())
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
    this.#signal = AbortSignal.abort()
    await this.#changing
    const ends = [...this.#running.values()].map(async ({ dispatcher, retire }) => {
      await dispatcher[Symbol.asyncDispose]()
      await retire()
    })
    await Promise.all(ends)
    this.#running.clear()
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
    this.#running.set(name, { dispatcher, reconsider: routing.reconsider, retire: routing.retire })
    await dispatcher.start(this.#signal)
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
