import type { Socket } from 'node:net'
import type { Clock, Milliseconds, Timer } from '../base/clock.ts'
import { type AssociateAc, parseAssociateAc, parseAssociateRq } from './associate-pdu.ts'
import {
  ABORT,
  type AbortReason,
  encodeAbort,
  encodeRejection,
  encodeReleaseRp,
  encodeReleaseRq,
  PDU,
  type Rejection,
} from './pdu.ts'
import { ProtocolError } from './pdu-error.ts'
import { PduReader } from './pdu-reader.ts'
import { ReadingLimit, type Waiting } from './reading-limit.ts'
import { type Event, type Role, type State, transition } from './state-machine.ts'
import { Transport } from './transport.ts'
import type { AssociationEnd, UpperLayerOptions, UpperLayerTimeouts, UpperLayerUser } from './upper-layer-user.ts'

const PDU_EVENT: Readonly<Record<number, Event>> = {
  [PDU.associateRq]: 'associate-rq',
  [PDU.associateAc]: 'associate-ac',
  [PDU.associateRj]: 'associate-rj',
  [PDU.data]: 'data-pdu',
  [PDU.releaseRq]: 'release-rq',
  [PDU.releaseRp]: 'release-rp',
  [PDU.abort]: 'abort-pdu',
}

/** One connection and its state machine (PS3.8 9.2), for either role. */
export class UpperLayer {
  readonly #role: Role
  readonly #user: UpperLayerUser
  readonly #clock: Clock
  readonly #timeouts: UpperLayerTimeouts
  readonly #transport: Transport
  readonly #reader: PduReader
  readonly #reading: ReadingLimit
  #state: State
  #wait: Timer | undefined
  #ended = false

  /** The socket is connected: the acceptor waits for an A-ASSOCIATE-RQ, the requestor is about to send one. */
  constructor(role: Role, socket: Socket, user: UpperLayerUser, options: UpperLayerOptions) {
    this.#role = role
    this.#user = user
    this.#clock = options.clock
    this.#timeouts = options.timeouts
    this.#state = role === 'acceptor' ? 'Sta1' : 'Sta4'
    this.#reading = new ReadingLimit(options.clock, options.timeouts, () =>
      this.#timedOut('peer stopped in the middle, or was idle too long'),
    )
    this.#reader = new PduReader(
      {
        header: (type) => this.#header(type),
        control: (type, body) => this.#control(type, body),
        fragment: (contextId, control, slice, complete) => user.fragment(contextId, control, slice, complete),
      },
      options.limits,
      options.budget,
    )
    this.#transport = new Transport(
      socket,
      {
        feed: (chunk) => {
          this.#reading.received(chunk.length)
          return this.#reader.feed(chunk)
        },
        rested: () => this.#watchReading(),
        failed: (error) => this.#failed(error),
        finished: () => this.#finished(),
        stalled: () => this.#stalled(),
        gone: () => this.#gone(),
      },
      options.clock,
      options.timeouts.network,
    )
    if (role === 'acceptor' && this.#apply('transport-indication')) this.#startWait(this.#timeouts.artim)
  }

  get isOpen(): boolean {
    return this.#state === 'Sta6'
  }

  /** A-ASSOCIATE request, with the connection already made. */
  request(associateRq: Buffer): void {
    if (!this.#apply('transport-confirm')) return
    this.#transport.write(associateRq)
    this.#startWait(this.#timeouts.acse)
  }

  accept(associateAc: Buffer): void {
    if (!this.#apply('accept')) return
    this.#transport.write(associateAc)
    this.#watchReading()
  }

  reject(rejection: Rejection): void {
    if (!this.#apply('reject')) return
    this.#transport.write(encodeRejection(rejection))
    this.#awaitClose('rejected', 'association rejected')
    this.#transport.end()
  }

  /** P-DATA request: whole PDUs. `done` comes once the kernel has them, or never will. */
  write(pdus: Uint8Array, done?: () => void): void {
    if (this.#apply('data-request')) this.#transport.write(pdus, done)
    else if (done !== undefined) queueMicrotask(done)
  }

  /** Resolves when there is room for more; undefined when there is now. */
  drained(): Promise<void> | undefined {
    return this.#transport.drained()
  }

  /** A-RELEASE request. */
  release(): void {
    if (!this.#apply('release-request')) return
    this.#transport.write(encodeReleaseRq())
    this.#startWait(this.#timeouts.release)
  }

  /** A-RELEASE response. In a collision the requestor answers first and then waits for its own answer. */
  respondRelease(): void {
    if (!this.#apply('release-response')) return
    this.#transport.write(encodeReleaseRp())
    if (this.#state === 'Sta13') this.#awaitClose('released', 'released by the peer')
  }

  /** A-ABORT, by us as service user unless another reason is given. */
  abort(end: AssociationEnd, detail: string, reason: AbortReason = ABORT.user): void {
    if (!this.#apply('abort-request')) return
    this.#sendAbort(reason, end, detail)
  }

  /** Closes without a word. */
  destroy(end: AssociationEnd, detail: string): void {
    this.#end(end, detail)
    this.#transport.destroy()
  }

  #apply(event: Event): boolean {
    const step = transition(this.#state, event, this.#role)
    if (step !== undefined) this.#state = step.next
    return step !== undefined
  }

  #header(type: number): void {
    const event = PDU_EVENT[type]
    const step = event === undefined ? undefined : transition(this.#state, event, this.#role)
    if (step === undefined || step.action === 'AA-1' || step.action === 'AA-8') {
      throw new ProtocolError(ABORT.unexpectedPdu, `PDU of type ${type} is not expected in ${this.#state}`)
    }
  }

  #control(type: number, body: Buffer): void | Promise<void> {
    switch (type) {
      case PDU.associateRq: {
        const request = parseAssociateRq(body)
        this.#apply('associate-rq')
        this.#stopWait()
        return this.#user.associateIndication(request)
      }
      case PDU.associateAc:
        return this.#confirmed(parseAssociateAc(body))
      case PDU.associateRj:
        this.#apply('associate-rj')
        this.#user.associateRejected({ result: body[1] ?? 0, source: body[2] ?? 0, reason: body[3] ?? 0 })
        return this.#close('rejected', 'association rejected by the peer')
      case PDU.releaseRq:
        this.#apply('release-rq')
        return this.#user.releaseIndication()
      case PDU.releaseRp:
        return this.#releaseAnswered()
      case PDU.abort:
        this.#apply('abort-pdu')
        return this.#close('aborted-by-peer', `aborted by the peer: source ${body[2]}, reason ${body[3]}`)
    }
  }

  #confirmed(answer: AssociateAc): void {
    this.#apply('associate-ac')
    this.#stopWait()
    this.#user.associateConfirmed(answer)
  }

  // Sta10 is the acceptor's half of a collision: its own A-RELEASE is answered, now it answers the peer's.
  #releaseAnswered(): void {
    this.#apply('release-rp')
    if (this.#state === 'Sta12') this.respondRelease()
    else this.#close('released', 'released')
  }

  #failed(error: unknown): void {
    if (error instanceof ProtocolError) {
      if (this.#apply('invalid-pdu')) this.#sendAbort(error.abort, 'protocol-error', error.message)
      return
    }
    const bad = Error.isError(error) ? error.message : 'internal error'
    this.abort('protocol-error', bad)
  }

  #sendAbort(reason: AbortReason, end: AssociationEnd, detail: string): void {
    this.#transport.write(encodeAbort(reason))
    this.#awaitClose(end, detail)
    this.#transport.end()
  }

  /** Sta13: nothing is read any more but the end, and ARTIM runs. */
  #awaitClose(end: AssociationEnd, detail: string): void {
    this.#startWait(this.#timeouts.artim)
    this.#end(end, detail)
    this.#transport.discard()
  }

  #close(end: AssociationEnd, detail: string): void {
    this.#end(end, detail)
    this.#transport.closeWithin(this.#timeouts.close)
  }

  #end(end: AssociationEnd, detail: string): void {
    this.#reader.stop()
    this.#reading.stop()
    if (this.#state !== 'Sta13') this.#stopWait()
    if (this.#ended) return
    this.#ended = true
    this.#user.ended(end, detail)
  }

  #finished(): void {
    const inAssociation = this.#state !== 'Sta13' && this.#state !== 'Sta1'
    this.#apply('transport-closed')
    this.#stopWait()
    if (inAssociation) this.#end('connection-lost', 'closed by the peer')
    this.#transport.closeWithin(this.#timeouts.close)
  }

  #gone(): void {
    this.#apply('transport-closed')
    this.#stopWait()
    this.#end('connection-lost', 'connection lost')
    this.#user.closed()
  }

  #stalled(): void {
    this.destroy('timeout', 'peer does not take what is sent')
  }

  #timedOut(detail: string): void {
    this.abort('timeout', detail, ABORT.notSpecified)
  }

  #startWait(limit: Milliseconds): void {
    this.#stopWait()
    this.#wait = this.#clock.after(limit, () => this.#waited())
  }

  #stopWait(): void {
    this.#wait?.cancel()
    this.#wait = undefined
  }

  #waited(): void {
    this.#wait = undefined
    if (this.#apply('artim-expired')) this.destroy('timeout', 'ARTIM expired')
    else this.#timedOut('no answer to an association or release request')
  }

  #watchReading(): void {
    if (this.#state !== 'Sta13' && this.#state !== 'Sta1') this.#reading.waitFor(this.#waitingFor())
  }

  #waitingFor(): Waiting {
    if (this.#state !== 'Sta6') return 'nothing'
    if (this.#transport.isBusy) return 'ours'
    return this.#reader.isMidPdu || this.#user.isMidMessage() ? 'rest-of-message' : 'next-message'
  }
}
