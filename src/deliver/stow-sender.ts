import { ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { HttpAnswer, HttpSend } from '../http/exchange.ts'
import type { ClaimedDelivery } from '../ledger/ledger.ts'
import type { StowOptions } from '../rules/destination.ts'
import type { Unreachable } from './failure-scope.ts'
import type { Outgoing } from './outgoing.ts'
import type { Batch, Connected, Line, Sender, Sent, SentOf } from './sender.ts'
import { readStowReport, restAsked } from './stow-answer.ts'
import { type StowPart, StowRequest } from './stow-request.ts'
import { judgeStowAnswer } from './stow-status.ts'
import type { Verdict } from './verdict.ts'

/** What we ask of an HTTP peer (`http/peer.ts`). */
export interface StowPeer extends AsyncDisposable {
  send(request: HttpSend, signal: AbortSignal): Promise<HttpAnswer>
}

export interface StowSenderDeps {
  readonly peer: StowPeer
  readonly newBoundary: () => string
}

const PROBE_TIMEOUT = ms(10_000)

/** Sends by STOW-RS (PS3.18 10.5), many instances in one request. */
export class StowSender implements Sender {
  readonly lines: number
  readonly #options: StowOptions
  readonly #deps: StowSenderDeps
  #open = 0
  #retired = false

  constructor(options: StowOptions, deps: StowSenderDeps) {
    this.lines = options.reach.atOnce
    this.#options = options
    this.#deps = deps
  }

  /** There is nothing to open beforehand: each request finds a connection. */
  connect(_first: ClaimedDelivery, _others: readonly ClaimedDelivery[], signal: AbortSignal): Promise<Connected> {
    this.#open += 1
    const line = new StowLine(this.#options, this.#deps, signal, () => this.#closed())
    return Promise.resolve({ kind: 'line', line })
  }

  sharesLine(): boolean {
    return true
  }

  /** Any answer shows that somebody is there, but one that says that nobody would be let in or that it does not work. */
  async probe(signal: AbortSignal): Promise<Unreachable | undefined> {
    const timeouts = { headers: PROBE_TIMEOUT, body: PROBE_TIMEOUT, total: PROBE_TIMEOUT }
    try {
      const url = studiesOf(this.#options)
      const { status } = await this.#deps.peer.send({ method: 'HEAD', url, timeouts }, signal)
      if (status === 401 || status === 403) return { scope: 'destination', reason: 'not-authorized' }
      return status >= 500 ? { scope: 'destination', reason: 'server-error' } : undefined
    } catch (error) {
      return { scope: 'destination', reason: error instanceof KurirError ? error.code : 'internal' }
    }
  }

  async retire(): Promise<void> {
    this.#retired = true
    if (this.#open === 0) await this.#deps.peer[Symbol.asyncDispose]()
  }

  async #closed(): Promise<void> {
    this.#open -= 1
    if (this.#retired && this.#open === 0) await this.#deps.peer[Symbol.asyncDispose]()
  }
}

const studiesOf = ({ reach }: StowOptions): string => `${reach.url.replace(/\/+$/, '')}/studies`

/** One request after the other. */
class StowLine implements Line {
  readonly isOpen = true
  readonly #options: StowOptions
  readonly #deps: StowSenderDeps
  readonly #signal: AbortSignal
  readonly #aborting = new AbortController()
  readonly #closed: () => Promise<void>
  #request: StowRequest | undefined

  constructor(options: StowOptions, deps: StowSenderDeps, signal: AbortSignal, closed: () => Promise<void>) {
    this.#options = options
    this.#deps = deps
    this.#signal = AbortSignal.any([signal, this.#aborting.signal])
    this.#closed = closed
  }

  /** What has failed before goes by itself: one bad instance in a request is not told from the others. */
  suits(delivery: ClaimedDelivery): boolean {
    if (this.#request === undefined) return true
    return delivery.attempts === 0 && !delivery.ambiguousBefore && this.#request.hasRoomFor(delivery)
  }

  async send(outgoing: Outgoing, othersTaken: boolean): Promise<Sent> {
    const [sent] = await this.sendTogether({ first: outgoing, next: () => undefined, othersTaken: () => othersTaken })
    return (
      sent?.sent ?? { verdict: judgeLost(new KurirError('internal', 'transient', 'not sent'), false), sha256: null }
    )
  }

  async sendTogether({ first, next, othersTaken }: Batch): Promise<readonly SentOf[]> {
    let room = first.delivery.attempts > 0 || first.delivery.ambiguousBefore ? 0 : this.#options.batch - 1
    const request = new StowRequest(this.#deps.newBoundary(), first, () => (room-- > 0 ? next() : undefined))
    this.#request = request
    try {
      const judge = (await request.open()) ? await this.#exchange(request) : () => NOT_SENT
      const { parts } = request
      return parts.map((part) => ({
        delivery: part.delivery,
        sent: { verdict: part.fault ?? judge(part, othersTaken(part.delivery)), sha256: part.sha256 },
      }))
    } finally {
      request.close()
      this.#request = undefined
    }
  }

  abort(): void {
    this.#aborting.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closed()
  }

  /** What became of the request, as a judgement on each of its instances. */
  async #exchange(request: StowRequest): Promise<(part: StowPart, othersTaken: boolean) => Verdict> {
    const { timeout } = this.#options.reach
    try {
      const answer = await this.#deps.peer.send(
        {
          method: 'POST',
          url: studiesOf(this.#options),
          headers: { 'content-type': request.contentType, accept: 'application/dicom+json' },
          body: () => request.body(),
          timeouts: { headers: timeout, body: timeout, total: undefined },
        },
        this.#signal,
      )
      return judgeAnswer(request, answer)
    } catch (error) {
      return (part) =>
        request.wasAskedAgain ? ASKED_AGAIN : judgeLost(ourFault(request) ?? error, part.state === 'sent')
    }
  }
}

/** The token was renewed meanwhile, or the address in the rules should be the one redirected to: the next try tells. */
const ASKED_AGAIN: Verdict = {
  state: 'READY',
  scope: 'destination',
  retry: 'transient',
  reason: 'request-repeated',
  status: null,
}

/** Where our own bytes broke the request off, the others know only that it broke off. */
const ourFault = (request: StowRequest): KurirError | undefined =>
  request.parts.some(({ fault }) => fault !== undefined)
    ? new KurirError('connection-closed', 'ambiguous', 'the request broke off')
    : undefined

const NOT_SENT: Verdict = {
  state: 'READY',
  scope: 'object',
  retry: 'transient',
  reason: 'not-sent',
  status: null,
}

function judgeAnswer(request: StowRequest, answer: HttpAnswer): (part: StowPart, othersTaken: boolean) => Verdict {
  const { said, lists, isWebPage } = readStowReport(answer)
  const rest = restAsked(answer)
  const alone = request.parts.filter(({ fault }) => fault === undefined).length === 1
  return ({ delivery, maybeTaken, state }, othersTaken) => {
    // An answer that came before the end of the request says nothing good of what it had not seen.
    if (state === 'unsent' && answer.status < 300) return { ...NOT_SENT, scope: 'association' }
    // Nor of those before, unless it names them.
    const names = lists || !request.isWhole
    const { attempts } = delivery
    const hasLeft = state === 'sent'
    const context = { alone, lists: names, isWebPage, hasLeft, rest, othersTaken, maybeTaken, attempts }
    return judgeStowAnswer(answer.status, said.get(delivery.outgoingUid), context)
  }
}

/**
 * No answer. Where nothing can have been taken it is the destination's; else the conversation broke off: what had left whole
 * may have been taken, what had not cannot.
 */
function judgeLost(error: unknown, sent: boolean): Verdict {
  const known = error instanceof KurirError ? error : undefined
  const reason = known?.code ?? 'connection-closed'
  if (known !== undefined && NEVER_TAKEN.has(known.code)) {
    return { state: 'READY', scope: 'destination', retry: 'transient', reason, status: null }
  }
  if (known?.retry === 'transient' && known.code !== 'aborted') {
    return { state: 'READY', scope: 'destination', retry: 'transient', reason, status: null }
  }
  return { state: 'READY', scope: 'association', retry: sent ? 'ambiguous' : 'transient', reason, status: null }
}

/** Our own configuration, or the peer's certificate: nothing was sent. */
const NEVER_TAKEN: ReadonlySet<string> = new Set([
  'address-refused',
  'connection-refused',
  'not-configured',
  'refused',
  'untrusted',
])
