import { type Clock, elapsed, type Monotonic } from '../base/clock.ts'
import type { ClaimedDelivery } from '../ledger/ledger.ts'
import type { Unreachable } from './failure-scope.ts'
import type { Hopper } from './hopper.ts'
import type { Outgoing } from './outgoing.ts'
import type { Batch, Line, Sender, Sent, SentOf } from './sender.ts'
import type { Tried } from './settlement.ts'

/** What a lane needs of the dispatcher it works for. */
export interface LaneOwner {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  readonly hopper: Hopper
  /** As the destination is configured at this moment; another object when that changed. */
  sender(): Sender
  open(delivery: ClaimedDelivery): Outgoing
  /** False: stop taking, the destination rests or we are stopping. */
  mayTake(): boolean
  isOurs(delivery: ClaimedDelivery): boolean
  /** Fires when what is still going on must end at once. */
  readonly deadline: AbortSignal
  /** Some were taken out of the hopper. */
  took(): void
  tried(delivery: ClaimedDelivery, sent: Sent, tried: Tried): void
  /** No line could be opened for it; `sharers` fail with it where the failure is not the destination's. */
  unreached(delivery: ClaimedDelivery, sharers: readonly ClaimedDelivery[], why: Unreachable, tried: Tried): void
  /** Taken, and not tried after all on any way that is in force. */
  untried(delivery: ClaimedDelivery, maybeTaken?: boolean): void
  /** The lane has failed over these: what became of them it cannot say. */
  lost(deliveries: readonly ClaimedDelivery[]): void
  /** Waits a little for more work; false when none came and the line should be let go. */
  linger(): Promise<boolean>
  /** It has a line now: another may open beside it. */
  connected(): void
  /** It takes no more; its line is only being released, and nobody should wait for that. */
  leaving(): void
}

/** What a lane that opens beside others needs: many archives take one association at a time, or few. */
export interface Beside {
  /** Fires when its line is not waited for any longer; a line that is open has the same grace as any. */
  readonly signal: AbortSignal
  /** Its line is open, or why there is none; then the lane ends. */
  reached(why: Unreachable | undefined): void
}

/**
 * Works off the hopper over one line at a time: while one instance waits for its answer, the first bytes of the next are
 * read. Ends when there is nothing to do for a while, when the destination rests, or when we stop.
 *
 * A lane beside others has its line before it takes anything: an archive that refuses it or lets it wait delays nothing,
 * and that is no failure of the destination.
 */
export class Lane {
  readonly #owner: LaneOwner
  readonly #beside: Beside | undefined
  readonly #abort = (): void => this.#line?.abort()
  #sender: Sender | undefined
  #line: Line | undefined
  #next: Outgoing | undefined
  /** Taken, and their owner has not been told what became of them. */
  readonly #inHand = new Set<ClaimedDelivery>()

  constructor(owner: LaneOwner, beside?: Beside) {
    this.#owner = owner
    this.#beside = beside
  }

  get hasLine(): boolean {
    return this.#line?.isOpen ?? false
  }

  /** Resolves when the lane has ended and its line is closed. */
  async run(): Promise<void> {
    this.#owner.deadline.addEventListener('abort', this.#abort)
    try {
      if (this.#beside !== undefined && !(await this.#reach(this.#beside))) return
      while (this.#owner.mayTake()) {
        const outgoing = this.#next ?? this.#take()
        this.#next = undefined
        if (outgoing !== undefined) await this.#work(outgoing)
        else if (!(await this.#owner.linger())) break
      }
    } finally {
      if (this.#next !== undefined) this.#leave(this.#next)
      this.#next = undefined
      this.#owner.lost([...this.#inHand])
      this.#owner.leaving()
      await this.#close()
      this.#owner.deadline.removeEventListener('abort', this.#abort)
    }
  }

  async #reach({ signal, reached }: Beside): Promise<boolean> {
    const sender = this.#owner.sender()
    const [first, ...others] = this.#owner.hopper.waiting
    let why: Unreachable | undefined = { scope: 'destination', reason: 'internal' }
    const waiting = new AbortController()
    const giveUp = (): void => waiting.abort()
    signal.addEventListener('abort', giveUp)
    try {
      const until = AbortSignal.any([waiting.signal, this.#owner.deadline])
      const connected = first && (await sender.connect(first, others, until))
      why = connected?.kind === 'unreachable' ? connected : undefined
      if (connected?.kind !== 'line') return false
      this.#sender = sender
      this.#line = connected.line
      return true
    } finally {
      signal.removeEventListener('abort', giveUp)
      reached(why)
    }
  }

  async #work(outgoing: Outgoing): Promise<void> {
    const { delivery } = outgoing
    const line = await this.#lineFor(outgoing)
    if (line === undefined) return
    if (!this.#owner.mayTake()) return this.#leave(outgoing)
    if (line.sendTogether !== undefined)
      return this.#workTogether(outgoing, line, (batch) => line.sendTogether?.(batch))
    const { startedAt, from } = this.#begin()
    const sending = line.send(outgoing, this.#owner.hopper.othersTakenSince(delivery))
    this.#next = this.#takeNext(line)
    const sent = await sending
    this.#tried(delivery, sent, { startedAt, took: elapsed(from, this.#owner.clock.monotonic()) })
    if (!line.isOpen) await this.#close()
  }

  /** What brought the destination down before goes by itself, or it would do so to others. */
  async #workTogether(
    first: Outgoing,
    line: Line,
    send: (batch: Batch) => Promise<readonly SentOf[]> | undefined,
  ): Promise<void> {
    const { hopper } = this.#owner
    const { startedAt, from } = this.#begin()
    const isAlone = hopper.isSuspect(first.delivery)
    const next = (): Outgoing | undefined => (isAlone ? undefined : this.#takeNext(line))
    const othersTaken = (delivery: ClaimedDelivery): boolean => hopper.othersTakenSince(delivery)
    const sent = await send({ first, next, othersTaken })
    const tried = { startedAt, took: elapsed(from, this.#owner.clock.monotonic()) }
    for (const each of sent ?? []) this.#tried(each.delivery, each.sent, tried)
  }

  /** What a destination that is in force no more says of itself is no word on the one that is. */
  #tried(delivery: ClaimedDelivery, sent: Sent, tried: Tried): void {
    const { scope, retry } = sent.verdict
    if (scope === 'destination' && this.#sender !== this.#owner.sender())
      this.#owner.untried(delivery, retry === 'ambiguous')
    else this.#owner.tried(delivery, sent, tried)
    this.#inHand.delete(delivery)
  }

  /** The open line when it fits, or a new one; undefined when none could be had, and then the owner knows. */
  async #lineFor(outgoing: Outgoing): Promise<Line | undefined> {
    const { delivery } = outgoing
    const sender = this.#owner.sender()
    const current = this.#line
    if (current?.isOpen && sender === this.#sender && current.suits(delivery)) return current
    await this.#close()
    const { startedAt, from } = this.#begin()
    const connected = await sender.connect(delivery, this.#owner.hopper.waiting, this.#owner.deadline)
    if (connected.kind === 'line') {
      this.#sender = sender
      this.#line = connected.line
      this.#owner.connected()
      return connected.line
    }
    // That it could not be reached is no word on the way that is in force now.
    if (sender !== this.#owner.sender()) return this.#lineFor(outgoing)
    outgoing.discard()
    const sharers =
      connected.scope === 'destination' ? [] : this.#owner.hopper.takeAll((other) => sender.sharesLine(delivery, other))
    const tried = { startedAt, took: elapsed(from, this.#owner.clock.monotonic()) }
    this.#owner.unreached(delivery, sharers, connected, tried)
    this.#inHand.delete(delivery)
    return undefined
  }

  #begin(): { readonly startedAt: Tried['startedAt']; readonly from: Monotonic } {
    return { startedAt: this.#owner.clock.now(), from: this.#owner.clock.monotonic() }
  }

  #take(): Outgoing | undefined {
    const line = this.#line
    return this.#openOurs(() => this.#owner.hopper.take(line && ((delivery) => line.suits(delivery))))
  }

  // Read ahead only what can follow on the same line.
  #takeNext(line: Line): Outgoing | undefined {
    if (!this.#owner.mayTake()) return undefined
    const { hopper } = this.#owner
    const together = line.sendTogether !== undefined
    return this.#openOurs(() =>
      hopper.takeIf((delivery) => line.suits(delivery) && !(together && hopper.isSuspect(delivery))),
    )
  }

  #openOurs(take: () => ClaimedDelivery | undefined): Outgoing | undefined {
    for (let delivery = take(); delivery !== undefined; delivery = take()) {
      this.#owner.took()
      // A claim that was lost while it waited is somebody else's by now.
      if (!this.#owner.isOurs(delivery)) continue
      this.#inHand.add(delivery)
      return this.#owner.open(delivery)
    }
    return undefined
  }

  #leave(outgoing: Outgoing): void {
    outgoing.discard()
    this.#owner.untried(outgoing.delivery)
    this.#inHand.delete(outgoing.delivery)
  }

  async #close(): Promise<void> {
    const line = this.#line
    this.#line = undefined
    await line?.[Symbol.asyncDispose]()
  }
}
