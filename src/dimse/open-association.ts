import type { Socket } from 'node:net'
import type { Milliseconds } from '../base/clock.ts'
import type { FailureCode } from '../base/failure.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import { parseUid, type SopClassUid, type TransferSyntaxUid, type Uid } from '../dicom/uid.ts'
import type { AssociateAc, OfferedContext } from './associate-pdu.ts'
import type {
  ConnectOutcome,
  PresentationContext,
  RequestedAssociation,
  StoreOutcome,
  StoreRequestToSend,
} from './association.ts'
import { COMMAND, type CommandSet, ELEMENT } from './command-set.ts'
import { tlsRefused } from './connect.ts'
import { MessageReader } from './message-reader.ts'
import { MessageWriter } from './message-writer.ts'
import { agreedContexts, answersOffer, VERIFICATION } from './negotiation.ts'
import { type Awaited, nextMessageId, Operation } from './operation.ts'
import { ABORT, type Rejection, sendLength } from './pdu.ts'
import { peerAddress } from './peer-address.ts'
import { echoRequest, storeRequest } from './requests.ts'
import { UpperLayer } from './upper-layer.ts'
import type { AssociationEnd, UpperLayerOptions } from './upper-layer-user.ts'

export interface OpenAssociationOptions {
  readonly id: string
  readonly callingAe: AeTitle
  readonly calledAe: AeTitle
  readonly offered: readonly OfferedContext[]
  /** The longest P-DATA-TF we send, in bytes after its header. */
  readonly maxPduLength: number
  readonly dimseLimit: Milliseconds
  readonly upper: UpperLayerOptions
}

const CODE_OF_END: Readonly<Record<AssociationEnd, FailureCode>> = {
  released: 'connection-closed',
  rejected: 'association-rejected',
  aborted: 'aborted',
  'aborted-by-peer': 'aborted',
  'protocol-error': 'bad-pdu',
  'connection-lost': 'connection-closed',
  timeout: 'timeout',
}

/** The requesting end of one connection (PS3.8 requestor, PS3.7 invoking user). */
export class OpenAssociation implements RequestedAssociation {
  readonly id: string
  readonly callingAe: AeTitle
  readonly calledAe: AeTitle
  readonly peer: string
  contexts: readonly PresentationContext[] = []
  peerMaxPduLength = 0
  implementationClassUid?: Uid
  implementationVersion?: string
  readonly #options: OpenAssociationOptions
  readonly #upper: UpperLayer
  readonly #messages: MessageReader
  readonly #connect = Promise.withResolvers<ConnectOutcome>()
  readonly #closed = Promise.withResolvers<void>()
  #writer: MessageWriter | undefined
  #sendLength = 0
  #operation: Operation | undefined
  /** Resolves when the operation before is settled: it writes nothing after that. */
  #turn: Promise<unknown> = Promise.resolve()
  #lastMessageId = 0
  #over: { readonly code: FailureCode; readonly reason: string } | undefined
  #tlsRefused: ReturnType<typeof tlsRefused>

  constructor(socket: Socket, options: OpenAssociationOptions) {
    this.#options = options
    this.id = options.id
    this.callingAe = options.callingAe
    this.calledAe = options.calledAe
    this.peer = peerAddress(socket.remoteAddress)
    // In TLS 1.3 a peer says what it thinks of our certificate only when the handshake is over for us (RFC 8446 4.4.2.4).
    socket.once('error', (error) => {
      this.#tlsRefused = tlsRefused(error)
    })
    this.#messages = new MessageReader({
      hasContext: (id) => this.contexts.some((context) => context.id === id),
      command: (_id, command) => this.#answered(command),
      dataSet: () => {},
      dataSetEnd: () => {},
    })
    this.#upper = new UpperLayer(
      'requestor',
      socket,
      {
        associateIndication: () => {},
        associateConfirmed: (answer) => this.#confirmed(answer),
        associateRejected: (rejection) => this.#rejected(rejection),
        fragment: (id, control, slice, complete) => this.#messages.fragment(id, control, slice, complete),
        releaseIndication: () => this.#upper.respondRelease(),
        isMidMessage: () => this.#messages.isMidMessage,
        ended: (end, detail) => this.#ended(end, detail),
        closed: () => this.#closed.resolve(),
      },
      options.upper,
    )
  }

  /** Sends the A-ASSOCIATE-RQ. Never rejects. */
  request(associateRq: Buffer): Promise<ConnectOutcome> {
    this.#upper.request(associateRq)
    return this.#connect.promise
  }

  get isOpen(): boolean {
    return this.#upper.isOpen
  }

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  contextFor(sopClass: SopClassUid, transferSyntax: TransferSyntaxUid): PresentationContext | undefined {
    return this.contexts.find(
      (context) => context.abstractSyntax === sopClass && context.transferSyntax === transferSyntax,
    )
  }

  store(request: StoreRequestToSend): Promise<StoreOutcome> {
    const { sopInstanceUid } = request
    return this.#inTurn({ commandField: COMMAND.storeRsp, sopInstanceUid }, (operation) =>
      this.#sendStore(operation, request),
    )
  }

  echo(): Promise<StoreOutcome> {
    return this.#inTurn({ commandField: COMMAND.echoRsp }, async (operation) => {
      const context = this.contexts.find((each) => each.abstractSyntax === VERIFICATION)
      if (context === undefined) {
        operation.lose('no-presentation-context', 'verification was not accepted')
        return
      }
      await new Promise<void>((resolve) => {
        this.#upper.write(echoRequest(context.id, operation.messageId, this.#sendLength), resolve)
      })
      this.#sent(operation)
    })
  }

  async release(): Promise<void> {
    await this.#turn
    this.#upper.release()
    await this.closed
  }

  abort(): void {
    this.#upper.abort('aborted', 'aborted by us')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  #confirmed(answer: AssociateAc): void {
    const { offered, maxPduLength } = this.#options
    const length = sendLength(answer.user.maxPduLength, maxPduLength)
    if (!answersOffer(offered, answer.contexts) || length === undefined) {
      this.#upper.abort('protocol-error', 'the answer does not fit what was offered', ABORT.invalidParameterValue)
      return
    }
    this.#sendLength = length
    this.contexts = agreedContexts(offered, answer.contexts)
    this.peerMaxPduLength = answer.user.maxPduLength
    const implementationClassUid = parseUid<Uid>(answer.user.implementationClassUid ?? '')
    if (implementationClassUid !== undefined) this.implementationClassUid = implementationClassUid
    const { implementationVersion } = answer.user
    if (implementationVersion !== undefined) this.implementationVersion = implementationVersion
    this.#connect.resolve({ kind: 'established', association: this })
  }

  #rejected(rejection: Rejection): void {
    this.#connect.resolve({ kind: 'rejected', ...rejection })
  }

  #ended(end: AssociationEnd, detail: string): void {
    const code = CODE_OF_END[end]
    this.#over = { code, reason: detail }
    this.#connect.resolve(this.#tlsRefused ?? { kind: 'unreachable', code, reason: detail })
    this.#operation?.lose(code, detail)
  }

  /** One operation after the other; message ids 1 to 65535, none in use twice. */
  #inTurn(awaited: Awaited, send: (operation: Operation) => Promise<void>): Promise<StoreOutcome> {
    const outcome = this.#turn.then(() => this.#begin(awaited, send))
    this.#turn = outcome
    return outcome
  }

  #begin(awaited: Awaited, send: (operation: Operation) => Promise<void>): Promise<StoreOutcome> {
    this.#lastMessageId = nextMessageId(this.#lastMessageId)
    const operation = new Operation(this.#lastMessageId, awaited)
    if (this.isOpen) {
      this.#operation = operation
      void send(operation)
    } else operation.lose(this.#over?.code ?? 'connection-closed', this.#over?.reason ?? 'the association is not open')
    return operation.outcome
  }

  async #sendStore(operation: Operation, request: StoreRequestToSend): Promise<void> {
    this.#writer ??= new MessageWriter(this.#sendLength, (pdus, done) => this.#upper.write(pdus, done))
    const writer = this.#writer
    try {
      await writer.begin(request.context.id, storeRequest(request, operation.messageId, this.#sendLength))
      for await (const slice of request.dataSet) {
        const waiting = writer.append(slice)
        if (waiting !== undefined) await waiting
        if (operation.isSettled) return
      }
    } catch (error) {
      operation.settle({ kind: 'source-failed', error })
      this.#upper.abort('aborted', 'what was to be sent could not be read')
      return
    }
    if (operation.isSettled) return
    operation.markTaken()
    await writer.finish()
    this.#sent(operation)
  }

  #sent(operation: Operation): void {
    operation.markSent(this.#options.upper.clock, this.#options.dimseLimit, () =>
      this.#upper.abort('timeout', 'no answer in time', ABORT.notSpecified),
    )
  }

  /** Anything but the one answer that is awaited says that the peer speaks of something else: nothing it says counts. */
  #answered(command: CommandSet): void {
    const operation = this.#operation
    if (operation === undefined || operation.isAnswered || command.commandField !== operation.awaited.commandField) {
      this.#upper.abort('protocol-error', 'a message came that is not an answer to a request of ours')
      return
    }
    if (command.messageIdBeingRespondedTo !== operation.messageId) {
      this.#upper.abort('protocol-error', 'an answer to a message that was not sent')
      return
    }
    const named = command.text(ELEMENT.affectedSopInstanceUid)?.trim() ?? ''
    const { sopInstanceUid } = operation.awaited
    if (named !== '' && sopInstanceUid !== undefined && named !== sopInstanceUid) {
      this.#upper.abort('protocol-error', 'an answer that names another instance')
      return
    }
    const errorComment = command.text(ELEMENT.errorComment)
    operation.answer({
      kind: 'answered',
      status: command.status,
      ...(errorComment === undefined ? {} : { errorComment }),
    })
  }
}
