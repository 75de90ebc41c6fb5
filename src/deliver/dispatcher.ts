import { type Clock, type Milliseconds, ms } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import { Wakes } from '../base/wake.ts'
import type { ClaimedDelivery, Ledger } from '../ledger/ledger.ts'
import type { DestinationCondition } from '../ledger/records.ts'
import type { AttemptOutcome } from '../ledger/states.ts'
import type { Queue } from '../queue/queue.ts'
import type { RetryPolicy } from '../queue/retry-policy.ts'
import { Circuit } from './circuit.ts'
import { Claiming } from './claiming.ts'
import type { Unreachable } from './failure-scope.ts'
import { Hopper } from './hopper.ts'
import type { LaneOwner } from './lane.ts'
import { LanePool } from './lane-pool.ts'
import type { Outgoing } from './outgoing.ts'
import type { Sender, Sent } from './sender.ts'
import { settlementOf, type Tried } from './settlement.ts'

/** Counts tries that are on record. */
export interface AttemptMeter {
  /** @param bytes of the object, as it was received; 0 when the destination did not take it */
  attemptEnded(destination: string, outcome: AttemptOutcome, bytes: number, took: Milliseconds): void
}

/** A destination as it is configured at this moment. */
export interface Route {
  readonly sender: Sender
  readonly retry: RetryPolicy
  /** Whether a C-ECHO goes before the first delivery after a failure. */
  readonly verifies: boolean
}

export interface DispatcherDeps {
  readonly destination: string
  readonly queue: Queue
  readonly ledger: Pick<Ledger, 'destinationDown' | 'destinationUp' | 'now' | 'wakes'>
  /** What the ledger knows of the destination; null when nothing. */
  readonly condition: () => Promise<DestinationCondition | null>
  /** Read at every use, so that a corrected host reaches the backlog. The sender is the same object until it changes. */
  readonly route: () => Route
  readonly open: (delivery: ClaimedDelivery) => Outgoing
  readonly clock: Clock
  readonly log: Log
  readonly meter?: AttemptMeter
  readonly random: () => number
  /** How long an idle association is kept, in milliseconds; 2 s unless told otherwise. */
  readonly linger?: Milliseconds
  /** How long an instance on its way may still take when we stop, in milliseconds; 3 s unless told otherwise. */
  readonly grace?: Milliseconds
}

/** So many associations lost one after the other are the destination's failure. */
const LOST_IN_A_ROW = 3
const GRACE = ms(3_000)

const isWordOfDestination = (sent: Sent): boolean => sent.verdict.status !== null || sent.verdict.state === 'DELIVERED'

/**
 * Sends what one destination is owed: claims, hands out to lanes, settles behind them, rests while the destination is down.
 * What one destination does delays no other: each has its own.
 */
export class Dispatcher implements Service {
  readonly #deps: DispatcherDeps
  readonly #circuit: Circuit
  readonly #hopper = new Hopper()
  readonly #lanes: LanePool
  readonly #claiming: Claiming
  readonly #events = new Wakes()
  readonly #stop = new AbortController()
  readonly #deadline = new AbortController()
  #signal: AbortSignal
  #running: Promise<unknown> | undefined
  #lostInARow = 0
  #returning: Promise<void> = Promise.resolve()

  constructor(deps: DispatcherDeps) {
    this.#deps = deps
    this.#signal = this.#stop.signal
    this.#circuit = new Circuit({ ...deps, policy: () => deps.route().retry })
    const { destination, clock, log, linger } = deps
    this.#lanes = new LanePool({
      destination,
      clock,
      log,
      linger,
      owner: this.#laneOwner,
      most: () => deps.route().sender.lines,
      isProbing: () => this.#circuit.isHalfOpen,
      signal: () => this.#signal,
      ended: () => this.#events.wake('low'),
    })
    this.#claiming = new Claiming({
      destination,
      queue: deps.queue,
      hopper: this.#hopper,
      lanes: this.#lanes,
      clock,
      log,
      isProbing: () => this.#circuit.isHalfOpen,
      mayTake: () => this.#mayTake(),
      giveBackAll: () => this.#giveBackAll(),
      events: this.#events,
      signal: () => this.#signal,
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#signal = AbortSignal.any([signal, this.#stop.signal])
    const condition = await this.#deps.condition()
    this.#circuit.restore(condition?.down ?? null)
    this.#running = Promise.all([this.#run(), this.#watchPause()])
  }

  /** Claims and lines held now; for tests and metrics. */
  get inWork(): { readonly waiting: number; readonly lanes: number } {
    return { waiting: this.#hopper.size, lanes: this.#lanes.size }
  }

  /** Asks at an operator's word whether somebody is there; if so, a resting destination is tried at once. */
  async verify(): Promise<Unreachable | undefined> {
    const why = await this.#deps.route().sender.probe(this.#deadline.signal)
    if (why === undefined) this.#echoed()
    return why
  }

  /** The configuration changed: a destination that rests is tried at once. */
  reconfigured(): void {
    this.#tryAgain()
  }

  /** Stops claiming, lets what is on its way finish within the grace, and returns the rest uncounted. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    const timer = this.#deps.clock.after(this.#deps.grace ?? GRACE, () => this.#deadline.abort())
    await this.#running
    await this.#lanes.ended()
    timer.cancel()
    this.#giveBackAll()
    await this.#returning
    await this.#circuit.written()
  }

  async #run(): Promise<void> {
    while (!this.#signal.aborted) {
      if (this.#circuit.isOpen) await this.#rest()
      else await this.#claiming.next()
    }
  }

  /** Waits until a probe is due, an operator asks for one, or we stop. */
  async #rest(): Promise<void> {
    const over = new AbortController()
    const either = AbortSignal.any([this.#signal, over.signal])
    const rested = this.#deps.clock.sleep(this.#circuit.rest, either).catch(() => {})
    await Promise.race([rested, this.#events.next('try-again', either)])
    over.abort()
    if (this.#signal.aborted || !this.#circuit.isOpen) return
    this.#circuit.tryAgain()
    await this.#probe()
  }

  /** What became of asking a way that is in force no more is no word on the one that is. */
  async #probe(): Promise<void> {
    const { sender, verifies } = this.#deps.route()
    if (!verifies) return
    const why = await sender.probe(this.#deadline.signal)
    if (sender !== this.#deps.route().sender) return this.#probe()
    if (why !== undefined) this.#circuit.fail(why.reason)
    else this.#echoed()
  }

  /** Whoever rests is woken. A wake for nobody would be remembered, and end the next rest before it began. */
  #echoed(): void {
    this.#tryAgain()
    this.#circuit.succeed('echo')
  }

  #tryAgain(): void {
    if (this.#circuit.isOpen) this.#events.wake('try-again')
  }

  /** A pause holds back what is claimed and not yet on a line, too. */
  async #watchPause(): Promise<void> {
    const { destination, ledger } = this.#deps
    while (!this.#signal.aborted) {
      await ledger.wakes.next(`destination:${destination}`, this.#signal)
      if (this.#signal.aborted) return
      const condition = await this.#deps.condition().catch(() => null)
      if (condition?.paused) this.#giveBackAll()
    }
  }

  #mayTake(): boolean {
    return !this.#signal.aborted && !this.#circuit.isOpen
  }

  readonly #laneOwner: Omit<LaneOwner, 'linger' | 'leaving' | 'connected'> = {
    clock: { now: () => this.#deps.ledger.now(), monotonic: () => this.#deps.clock.monotonic() },
    hopper: this.#hopper,
    sender: () => this.#deps.route().sender,
    open: (delivery) => this.#deps.open(delivery),
    deadline: this.#deadline.signal,
    mayTake: () => this.#mayTake(),
    isOurs: (delivery) => this.#deps.queue.isOurs(delivery),
    took: () => {
      if (!this.#claiming.isFull) this.#events.wake('low')
    },
    tried: (delivery, sent, tried) => this.#tried(delivery, sent, tried),
    unreached: (delivery, sharers, why, tried) => this.#unreached(delivery, sharers, why, tried),
    untried: (delivery, maybeTaken) => this.#giveBack([delivery], maybeTaken),
    lost: (deliveries) => this.#deps.queue.letGo(deliveries),
  }

  #tried(delivery: ClaimedDelivery, sent: Sent, tried: Tried): void {
    const { verdict } = sent
    if (verdict.scope === 'destination') {
      this.#hopper.suspect(delivery)
      this.#giveBack([delivery], verdict.retry === 'ambiguous')
      this.#destinationFailed(verdict.reason ?? 'refused', verdict.rest)
      return
    }
    // Stopped in the middle: nothing was taken, so nothing is counted. What may have been taken is put on record.
    if (this.#signal.aborted && verdict.scope === 'association' && verdict.retry === 'transient') {
      this.#giveBack([delivery])
      return
    }
    if (verdict.state === 'DELIVERED') this.#hopper.wasTaken(delivery)
    this.#settle(delivery, sent, tried)
    if (verdict.scope === 'association') this.#associationLost(verdict.reason ?? 'connection-closed')
    else if (isWordOfDestination(sent)) this.#answered()
    else if (sent.isThere && this.#circuit.isHalfOpen) {
      this.#circuit.succeed('echo')
      this.#events.wake('low')
    }
  }

  #unreached(first: ClaimedDelivery, sharers: readonly ClaimedDelivery[], why: Unreachable, tried: Tried): void {
    if (why.scope === 'destination') {
      this.#giveBack([first])
      if (!this.#signal.aborted) this.#destinationFailed(why.reason)
      return
    }
    const verdict = {
      state: 'READY',
      scope: 'association',
      retry: 'transient',
      reason: why.reason,
      status: null,
    } as const
    for (const delivery of [first, ...sharers]) this.#settle(delivery, { verdict, sha256: null }, tried)
    this.#answered()
  }

  #settle(delivery: ClaimedDelivery, sent: Sent, tried: Tried): void {
    const { queue, log, random, route } = this.#deps
    const settlement = settlementOf(delivery, sent, tried, route().retry, random())
    queue.settlements.add(settlement)
    const { state, attempt } = settlement
    const bytes = state === 'DELIVERED' ? delivery.blob.length : 0
    this.#deps.meter?.attemptEnded(delivery.destination, attempt.outcome, bytes, attempt.took)
    const fields = {
      delivery: delivery.id,
      instance: delivery.instance,
      destination: delivery.destination,
      took: tried.took,
      state,
      ...(attempt.status === null ? {} : { status: attempt.status }),
      ...(attempt.reason === null ? {} : { reason: attempt.reason }),
    }
    if (state === 'DELIVERED') log.debug('delivery-settled', fields)
    else log.warn('delivery-settled', fields)
  }

  #associationLost(reason: string): void {
    this.#lostInARow += 1
    if (this.#circuit.isHalfOpen || this.#lostInARow >= LOST_IN_A_ROW) this.#destinationFailed(reason)
  }

  #answered(): void {
    this.#lostInARow = 0
    const wasHalfOpen = this.#circuit.isHalfOpen
    if (!this.#circuit.isOpen) this.#circuit.succeed('delivery')
    if (wasHalfOpen) this.#events.wake('low')
  }

  #destinationFailed(reason: string, rest?: Milliseconds): void {
    this.#circuit.fail(reason, rest)
    this.#events.wake('low')
    this.#events.wake('failed')
    this.#giveBackAll()
  }

  #giveBackAll(): void {
    this.#giveBack(this.#hopper.takeAll(() => true))
  }

  #giveBack(deliveries: readonly ClaimedDelivery[], maybeTaken = false): void {
    if (deliveries.length === 0) return
    this.#returning = this.#returning.then(() => this.#deps.queue.giveBack(deliveries, maybeTaken))
  }
}
