import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { type AeTitle, parseAeTitle } from '../dicom/ae-title.ts'
import { parseUid, type SopClassUid, type Uid } from '../dicom/uid.ts'
import type { AdmissionVerdict, AssociationProposal, DimseHandlers, DimseServerEvents } from './admission.ts'
import { APPLICATION_CONTEXT, encodeAssociateAc } from './associate-encode.ts'
import type { AssociateRq } from './associate-pdu.ts'
import type { AssociationFacts } from './association.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { StoreHandler } from './handler.ts'
import { agreedContexts, answerContexts, answerRoles, mayBeStorage, VERIFICATION } from './negotiation.ts'
import { ABORT, REJECT, type Rejection, sendLength } from './pdu.ts'
import type { PduLimits } from './pdu-reader.ts'
import { peerAddress } from './peer-address.ts'
import { ServiceProvider } from './service-provider.ts'
import { UpperLayer } from './upper-layer.ts'
import type { AssociationEnd, UpperLayerTimeouts } from './upper-layer-user.ts'

/** What an acceptor needs of its server. */
export interface AcceptorDeps {
  readonly clock: Clock
  readonly newId: () => string
  readonly timeouts: UpperLayerTimeouts
  readonly limits: PduLimits
  readonly budget: ByteBudget
  readonly maxPduLength: number
  readonly handlers: DimseHandlers
  readonly events: DimseServerEvents
  /** Undefined when one more association may be opened. */
  hasRoom(): Rejection | undefined
  admit(proposal: AssociationProposal): AdmissionVerdict | Promise<AdmissionVerdict>
  opened(acceptor: Acceptor): void
  /** The association is over, its connection perhaps not yet. */
  ended(acceptor: Acceptor): void
  closed(acceptor: Acceptor): void
}

interface Titles {
  readonly callingAe: AeTitle
  readonly calledAe: AeTitle
}

/** The accepting end of one connection: judges the A-ASSOCIATE-RQ, then hands messages to its service provider. */
export class Acceptor {
  readonly #deps: AcceptorDeps
  readonly #peer: string
  readonly #upper: UpperLayer
  #titles: Titles | undefined
  #rejection: Rejection | undefined
  #facts: AssociationFacts | undefined
  #service: ServiceProvider | undefined

  constructor(socket: Socket, deps: AcceptorDeps) {
    this.#deps = deps
    this.#peer = peerAddress(socket.remoteAddress)
    this.#upper = new UpperLayer(
      'acceptor',
      socket,
      {
        associateIndication: (request) => this.#indication(request),
        associateConfirmed: () => {},
        associateRejected: () => {},
        fragment: (id, control, slice, complete) => this.#service?.fragment(id, control, slice, complete),
        releaseIndication: () => this.#upper.respondRelease(),
        isMidMessage: () => this.#service?.isMidMessage ?? false,
        ended: (end, detail) => this.#ended(end, detail),
        closed: () => deps.closed(this),
      },
      deps,
    )
  }

  /** Whether an association is open, so that there is something to let finish. */
  get isOpen(): boolean {
    return this.#upper.isOpen
  }

  /** Ends it whatever it does: A-ABORT when that can still be said. */
  abort(detail: string): void {
    if (this.#upper.isOpen) this.#upper.abort('aborted', detail)
    else this.#upper.destroy('aborted', detail)
  }

  destroy(detail: string): void {
    this.#upper.destroy('aborted', detail)
  }

  async #indication(request: AssociateRq): Promise<void> {
    const callingAe = parseAeTitle(request.callingAe)
    const calledAe = parseAeTitle(request.calledAe)
    if (callingAe && calledAe) this.#titles = { callingAe, calledAe }
    if (sendLength(request.user.maxPduLength, this.#deps.maxPduLength) === undefined) {
      this.#upper.abort('protocol-error', 'peer cannot receive any message', ABORT.invalidParameterValue)
      return
    }
    const refusal = unacceptable(request) ?? this.#deps.hasRoom()
    if (refusal !== undefined) return this.#reject(refusal)
    if (callingAe === undefined) return this.#reject(REJECT.callingAe)
    if (calledAe === undefined) return this.#reject(REJECT.calledAe)
    const { contexts } = request
    const verdict = await this.#deps.admit({ callingAe, calledAe, peer: this.#peer, contexts })
    if (verdict.kind === 'reject') return this.#reject(verdict)
    // Others may have come in while policy was asked.
    const noRoom = this.#deps.hasRoom()
    if (noRoom !== undefined) return this.#reject(noRoom)
    this.#accept(request, { callingAe, calledAe }, verdict)
  }

  #reject({ result, source, reason }: Rejection): void {
    this.#rejection = { result, source, reason }
    this.#upper.reject(this.#rejection)
  }

  #accept(request: AssociateRq, titles: Titles, verdict: AdmissionVerdict & { readonly kind: 'accept' }): void {
    const answers = answerContexts(request.contexts, {
      serves: (sopClass) => sopClass === VERIFICATION || this.#handler(sopClass) !== undefined,
      ...(verdict.prefer === undefined ? {} : { prefer: verdict.prefer }),
    })
    const { user } = request
    const contexts = agreedContexts(request.contexts, answers)
    const implementationClassUid = parseUid<Uid>(user.implementationClassUid ?? '')
    this.#facts = {
      id: this.#deps.newId(),
      ...titles,
      peer: this.#peer,
      contexts,
      peerMaxPduLength: user.maxPduLength,
      ...(implementationClassUid === undefined ? {} : { implementationClassUid }),
      ...(user.implementationVersion === undefined ? {} : { implementationVersion: user.implementationVersion }),
    }
    this.#service = new ServiceProvider(this.#upper, this.#facts, this.#deps.maxPduLength, (uid) => this.#handler(uid))
    this.#deps.opened(this)
    this.#deps.events.associationOpened?.(this.#facts)
    const roles = answerRoles(user.roles, contexts)
    const { callingAe, calledAe } = request
    const { maxPduLength } = this.#deps
    const { asyncWindow } = user
    this.#upper.accept(encodeAssociateAc({ callingAe, calledAe, contexts: answers, maxPduLength, roles, asyncWindow }))
  }

  #handler(sopClass: string): StoreHandler | undefined {
    const { stores, storage } = this.#deps.handlers
    return stores.get(sopClass as SopClassUid) ?? (mayBeStorage(sopClass) ? storage : undefined)
  }

  #ended(end: AssociationEnd, detail: string): void {
    const { events } = this.#deps
    this.#service?.abort()
    this.#deps.ended(this)
    if (this.#facts !== undefined) events.associationClosed?.(this.#facts, end, detail)
    else {
      const rejection = this.#rejection === undefined ? {} : { rejection: this.#rejection }
      events.associationRefused?.({ peer: this.#peer, ...this.#titles, ...rejection, end, detail })
    }
  }
}

/** What PS3.8 9.3.2 and 9.3.4 say must be rejected, whoever calls. */
function unacceptable(request: AssociateRq): Rejection | undefined {
  if ((request.protocolVersion & 1) === 0) return REJECT.protocolVersion
  if (request.applicationContext !== APPLICATION_CONTEXT) return REJECT.applicationContext
  return request.contexts.length === 0 ? REJECT.noReason : undefined
}
