import { parseAeTitle } from '../dicom/ae-title.ts'
import { parseUid, type SopInstanceUid } from '../dicom/uid.ts'
import type { AssociationFacts, PresentationContext } from './association.ts'
import {
  COMMAND,
  type CommandElement,
  type CommandSet,
  ELEMENT,
  encodeCommandSet,
  NO_DATA_SET,
  RESPONSE,
} from './command-set.ts'
import type { StoreHandler, StoreReply, StoreRequest } from './handler.ts'
import { IncomingStore } from './incoming-store.ts'
import { MessageReader } from './message-reader.ts'
import { encodeCommandPdus, sendLength } from './pdu.ts'
import { STATUS } from './status.ts'
import type { UpperLayer } from './upper-layer.ts'

/** An answer that waits until the data set it is about has been read. */
interface OwedAnswer {
  readonly contextId: number
  readonly command: CommandSet
  readonly store?: IncomingStore
}

/** Performs the operations of one association, one after the other: C-ECHO and C-STORE (PS3.7 9.1.1, 9.1.5). */
export class ServiceProvider {
  readonly #upper: UpperLayer
  readonly #facts: AssociationFacts
  readonly #sendLength: number
  readonly #handler: (sopClass: string) => StoreHandler | undefined
  readonly #contexts: ReadonlyMap<number, PresentationContext>
  readonly #messages: MessageReader
  #owed: OwedAnswer | undefined

  constructor(
    upper: UpperLayer,
    facts: AssociationFacts,
    ownSendLength: number,
    handler: (sopClass: string) => StoreHandler | undefined,
  ) {
    this.#upper = upper
    this.#facts = facts
    this.#sendLength = sendLength(facts.peerMaxPduLength, ownSendLength) ?? 128
    this.#handler = handler
    this.#contexts = new Map(facts.contexts.map((context) => [context.id, context]))
    this.#messages = new MessageReader({
      hasContext: (id) => this.#contexts.has(id),
      command: (id, command) => this.#command(id, command),
      dataSet: (slice) => this.#owed?.store?.write(slice),
      dataSetEnd: () => this.#dataSetEnd(),
    })
  }

  get isMidMessage(): boolean {
    return this.#messages.isMidMessage
  }

  /** As PduConsumer.fragment. */
  fragment(contextId: number, control: number, slice: Buffer, complete: boolean): void | Promise<void> {
    return this.#messages.fragment(contextId, control, slice, complete)
  }

  /** The association is over: what was being received is given up, once. */
  abort(): void {
    this.#owed?.store?.abort()
    this.#owed = undefined
  }

  #command(contextId: number, command: CommandSet): void | Promise<void> {
    const field = command.commandField
    // A cancel of what has long been answered is no error (PS3.7 9.3.2.3).
    if (field === COMMAND.cancelRq && !command.hasDataSet) return
    if ((field & RESPONSE) !== 0 || field === COMMAND.cancelRq) {
      return this.#upper.abort('protocol-error', 'an answer came to what was not asked')
    }
    // What is malformed has to show before anything is done.
    void command.messageId
    if (field === COMMAND.storeRq && command.hasDataSet) return this.#openStore(contextId, command)
    if (command.hasDataSet) this.#owed = { contextId, command }
    else return this.#answer(contextId, command, { status: statusWithoutDataSet(field) })
  }

  #openStore(contextId: number, command: CommandSet): Promise<void> | void {
    const context = this.#contexts.get(contextId)
    const handler = context && this.#handler(context.abstractSyntax)
    if (context === undefined || handler === undefined) {
      this.#owed = { contextId, command }
      return
    }
    const request = this.#storeRequest(context, command)
    if (request === undefined) {
      this.#owed = { contextId, command }
      return
    }
    const store = new IncomingStore(request)
    this.#owed = { contextId, command, store }
    return store.open(handler)
  }

  #storeRequest(context: PresentationContext, command: CommandSet): StoreRequest | undefined {
    const affectedSopInstanceUid = parseUid<SopInstanceUid>(command.text(ELEMENT.affectedSopInstanceUid) ?? '')
    if (affectedSopInstanceUid === undefined) return undefined
    const moveOriginatorAe = parseAeTitle(command.text(ELEMENT.moveOriginatorAe) ?? '')
    return {
      association: this.#facts,
      context,
      messageId: command.messageId,
      affectedSopClassUid: command.text(ELEMENT.affectedSopClassUid) ?? '',
      affectedSopInstanceUid,
      priority: command.us(ELEMENT.priority) ?? 0,
      ...(moveOriginatorAe === undefined ? {} : { moveOriginatorAe }),
    }
  }

  async #dataSetEnd(): Promise<void> {
    const owed = this.#owed
    if (owed === undefined) return
    if (owed.store === undefined) {
      this.#owed = undefined
      return this.#answer(owed.contextId, owed.command, { status: this.#refusal(owed) })
    }
    const reply = await owed.store.end()
    this.#owed = undefined
    if (reply !== undefined) await this.#answer(owed.contextId, owed.command, reply)
  }

  #refusal({ contextId, command }: OwedAnswer): number {
    const context = this.#contexts.get(contextId)
    const isStore = command.commandField === COMMAND.storeRq
    if (command.commandField === COMMAND.echoRq) return STATUS.mistypedArgument
    const served = isStore && context !== undefined && this.#handler(context.abstractSyntax) !== undefined
    return served ? STATUS.invalidInstance : STATUS.unrecognisedOperation
  }

  async #answer(contextId: number, command: CommandSet, reply: StoreReply): Promise<void> {
    const uid = (element: number): readonly CommandElement[] => {
      const text = command.text(element)
      return text === undefined ? [] : [[element, text]]
    }
    const response = encodeCommandSet([
      ...uid(ELEMENT.affectedSopClassUid),
      [ELEMENT.commandField, command.commandField | RESPONSE],
      [ELEMENT.messageIdBeingRespondedTo, command.messageId],
      [ELEMENT.dataSetType, NO_DATA_SET],
      [ELEMENT.status, reply.status],
      ...(reply.errorComment === undefined ? [] : [[ELEMENT.errorComment, reply.errorComment.slice(0, 64)] as const]),
      ...uid(ELEMENT.affectedSopInstanceUid),
    ])
    this.#upper.write(encodeCommandPdus(contextId, response, this.#sendLength))
    // A peer that asks and never reads is not read from either.
    await this.#upper.drained()
  }
}

function statusWithoutDataSet(field: number): number {
  if (field === COMMAND.echoRq) return STATUS.success
  return field === COMMAND.storeRq ? STATUS.mistypedArgument : STATUS.unrecognisedOperation
}
