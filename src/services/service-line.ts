import { type Clock, elapsed, type Milliseconds, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { DeclaredCall } from '../http/declared-call.ts'
import type { HttpAnswer } from '../http/exchange.ts'
import { HttpPeer } from '../http/peer.ts'
import type { HttpReach } from '../http/reach.ts'
import type { CallOutcome, ServiceVerified } from './call.ts'
import { Circuit, type Rest } from './circuit.ts'
import { type FilledRequest, fillRequest } from './filled-request.ts'
import { again, judgeAsked, judgeFailure, judgeTold } from './judgement.ts'
import { Turns } from './turns.ts'

/** Of one answer, in bytes. */
const LARGEST_ANSWER = 1_048_576
const MOST_WAITING = 1_000
/** A service that asks for time without saying how much. */
const UNSAID = ms(5_000)

export interface ServiceLineDeps {
  readonly service: string
  readonly clock: Clock
  readonly random: () => number
  readonly log: Pick<Log, 'info' | 'warn'>
  /** It answers again after a rest. */
  readonly returned: () => void
}

export type Verb = 'ask' | 'tell'

/** The way to one service as it is reached now: its connections, its turns, its circuit. */
export class ServiceLine implements AsyncDisposable {
  readonly #reach: HttpReach
  readonly #deps: ServiceLineDeps
  readonly #peer: HttpPeer
  readonly #turns: Turns
  readonly #circuit: Circuit
  readonly #running = new Set<Promise<unknown>>()

  constructor(reach: HttpReach, deps: ServiceLineDeps) {
    this.#reach = reach
    this.#deps = deps
    this.#peer = new HttpPeer(reach, deps.clock)
    this.#turns = new Turns(reach.atOnce, reach.perSecond, deps.clock)
    this.#circuit = new Circuit(deps.clock, deps.random)
  }

  get rest(): Rest | undefined {
    return this.#circuit.rest
  }

  /** One call, judged. Rejects with the signal's reason. */
  async call(
    verb: Verb,
    call: DeclaredCall,
    values: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<CallOutcome> {
    const outcome = this.#call(verb, call, values, signal)
    this.#running.add(outcome)
    try {
      return await outcome
    } finally {
      this.#running.delete(outcome)
    }
  }

  async #call(
    verb: Verb,
    call: DeclaredCall,
    values: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<CallOutcome> {
    const request = fillRequest(call, this.#reach.url, values)
    if ('refused' in request) return { kind: 'refused', reason: request.refused, status: null }
    if (this.#turns.waiting >= MOST_WAITING) return again('service', 'too many calls wait for it', null, UNSAID)
    using _turn = await this.#turns.take(signal)
    // After the turn: what queued behind calls that all failed is not to fail one by one.
    const wait = this.#circuit.enter()
    if (wait > 0) return again('service', `it rests: ${this.#circuit.rest?.reason ?? 'no answer'}`, null, wait)
    try {
      const answer = await this.#send(request, call.timeout ?? this.#reach.timeout, signal)
      const judge = verb === 'ask' ? judgeAsked : judgeTold
      return this.#learn(judge(call, answer, this.#deps.clock.now()), answer.status)
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof KurirError)) {
        this.#circuit.left()
        throw signal.aborted ? signal.reason : thrown
      }
      return this.#learn(judgeFailure(thrown), thrown.code === 'answer-too-large' ? 200 : 599)
    }
  }

  /** Asks for nothing but an answer; one that comes ends a rest. */
  async verify(signal: AbortSignal): Promise<ServiceVerified> {
    const from = this.#deps.clock.monotonic()
    const took = (): Milliseconds => elapsed(from, this.#deps.clock.monotonic())
    try {
      const request = { method: 'HEAD', url: this.#reach.url, headers: {}, body: undefined } as const
      const { status } = await this.#send(request, this.#reach.timeout, signal)
      const reached = status < 500 && status !== 401 && status !== 407
      if (reached) this.#succeed()
      return { reached, took: took(), status, reason: reached ? null : `answered ${status}` }
    } catch (thrown) {
      signal.throwIfAborted()
      if (!(thrown instanceof KurirError)) throw thrown
      return { reached: false, took: took(), status: null, reason: thrown.message }
    }
  }

  /** Lets what is under way end (its time is limited) and closes. */
  async retire(): Promise<void> {
    await Promise.allSettled(this.#running)
    await this[Symbol.asyncDispose]()
  }

  /** Ends what is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#peer[Symbol.asyncDispose]()
  }

  #send(request: FilledRequest, limit: Milliseconds, signal: AbortSignal): Promise<HttpAnswer> {
    const { method, url, headers, body } = request
    const timeouts = { headers: limit, body: limit, total: limit }
    const rest = { timeouts, maxResponseBytes: LARGEST_ANSWER, ...(body === undefined ? {} : { body }) }
    return this.#peer.send({ method, url, headers, ...rest }, signal)
  }

  /** What the outcome says of the service. @param status 599 stands for no answer at all */
  #learn(outcome: CallOutcome, status: number): CallOutcome {
    const { service, log } = this.#deps
    if (outcome.kind !== 'again' || (outcome.scope === 'call' && status < 500)) {
      this.#succeed()
      return outcome
    }
    // What it asks for itself holds at once; what merely failed, after some of it in a row.
    const asked = status === 429 || outcome.retryAfter !== null
    const began = asked
      ? this.#circuit.restFor(outcome.retryAfter ?? UNSAID, outcome.reason)
      : this.#circuit.failed(outcome.reason)
    if (began) log.warn('service-rested', { service, reason: outcome.reason })
    const until = this.#circuit.rest?.until
    if (outcome.scope === 'call' || until === undefined) return outcome
    return { ...outcome, retryAfter: ms(Math.max(0, until - this.#deps.clock.now())) }
  }

  #succeed(): void {
    if (!this.#circuit.succeeded()) return
    this.#deps.log.info('service-returned', { service: this.#deps.service })
    this.#deps.returned()
  }
}
