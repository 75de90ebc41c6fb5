import type { AeTitle } from '../dicom/ae-title.ts'
import { parseAeTitle } from '../dicom/ae-title.ts'
import { IMPLICIT_VR_LITTLE_ENDIAN } from '../dicom/transfer-syntax.ts'
import { parseUid, type SopClassUid, type SopInstanceUid, type TransferSyntaxUid } from '../dicom/uid.ts'
import type {
  ConnectOutcome,
  PresentationContext,
  ProposedContext,
  RequestedAssociation,
} from '../dimse/association.ts'
import type { ClaimedDelivery } from '../ledger/ledger.ts'
import type { TransferSyntaxChoice } from '../rules/destination.ts'
import { type Need, needKey, planContexts } from './context-plan.ts'
import type { DestinationNotes } from './destination-notes.ts'
import { judgeConnect, judgeLost, judgeSource, NO_TRANSFER_SYNTAX, type Unreachable } from './failure-scope.ts'
import type { Outgoing } from './outgoing.ts'
import type { Connected, Line, Sender, Sent } from './sender.ts'
import { judgeStoreStatus } from './status-table.ts'
import { candidates } from './transfer-syntax-choice.ts'
import type { Verdict } from './verdict.ts'

export interface DimseSenderOptions {
  /** At most this many associations at once. */
  readonly associations: number
  readonly transferSyntax: TransferSyntaxChoice
  /** Whether we call under the title that the instance came to us under. */
  readonly borrowsCallingAe: boolean
  /** Our own title, and for what came without one. */
  readonly callingAe: AeTitle
}

export interface DimseSenderDeps {
  /** Asks the destination for an association. Never rejects for what a peer does. */
  readonly request: (
    callingAe: AeTitle,
    contexts: readonly ProposedContext[],
    signal: AbortSignal,
  ) => Promise<ConnectOutcome>
  /** The same data set with its VRs said or left out (PS3.5 A.1, A.2), pixels untouched. */
  readonly reencode: (
    source: AsyncIterable<Uint8Array>,
    from: TransferSyntaxUid,
    to: TransferSyntaxUid,
  ) => AsyncIterable<Uint8Array>
  readonly notes: DestinationNotes
  /** Called after the notes may have learnt something, so that it can be written down. */
  readonly noted: () => void
}

const VERIFICATION = parseUid<SopClassUid>('1.2.840.10008.1.1')

/** What stands in a delivery and cannot have come from a data set that was readable. */
const NOT_SENDABLE: Verdict = {
  state: 'HELD',
  scope: 'object',
  retry: 'permanent',
  reason: 'invalid-uid',
  status: null,
}

/** Sends by C-STORE (PS3.4 B), many instances on one association. */
export class DimseSender implements Sender {
  readonly lines: number
  readonly #options: DimseSenderOptions
  readonly #deps: DimseSenderDeps

  constructor(options: DimseSenderOptions, deps: DimseSenderDeps) {
    this.lines = options.associations
    this.#options = options
    this.#deps = deps
  }

  async connect(first: ClaimedDelivery, others: readonly ClaimedDelivery[], signal: AbortSignal): Promise<Connected> {
    const callingAe = this.#callingAe(first)
    const sharing = others.filter((other) => this.#callingAe(other) === callingAe)
    const needs = [first, ...sharing].map(needOf).filter((need) => need !== undefined)
    const plan = planContexts([...needs, ...this.#deps.notes.needed], this.#options.transferSyntax)
    const choice = this.#options.transferSyntax
    const callingAeOf = (delivery: ClaimedDelivery): AeTitle => this.#callingAe(delivery)
    const line = { callingAe, callingAeOf, covered: plan.covered, choice, deps: this.#deps }
    // Nothing of it can be put on an association; the line says so for each.
    if (plan.contexts.length === 0) {
      return { kind: 'line', line: new StoreLine({ ...line, covered: new Set(needs.map(needKey)) }, undefined) }
    }
    const outcome = await this.#deps.request(callingAe, plan.contexts, signal)
    if (outcome.kind === 'established') {
      return { kind: 'line', line: new StoreLine(line, outcome.association) }
    }
    return { kind: 'unreachable', ...judgeConnect(outcome, this.#options.borrowsCallingAe) }
  }

  sharesLine(one: ClaimedDelivery, other: ClaimedDelivery): boolean {
    return this.#callingAe(one) === this.#callingAe(other)
  }

  async probe(signal: AbortSignal): Promise<Unreachable | undefined> {
    const transferSyntax = IMPLICIT_VR_LITTLE_ENDIAN.uid
    if (VERIFICATION === undefined) return { scope: 'destination', reason: 'internal' }
    const contexts = [{ abstractSyntax: VERIFICATION, transferSyntaxes: [transferSyntax] }]
    const outcome = await this.#deps.request(this.#options.callingAe, contexts, signal)
    if (outcome.kind !== 'established') {
      const why = judgeConnect(outcome, this.#options.borrowsCallingAe)
      // Who refuses our own title, under which nothing is sent there, is there all the same.
      return why.scope === 'association' ? undefined : why
    }
    const { association } = outcome
    // Who refuses Verification but opened the association is there all the same.
    const refused = association.contextFor(VERIFICATION, transferSyntax) === undefined
    const answer = refused ? undefined : await association.echo()
    await association.release()
    if (answer === undefined || (answer.kind === 'answered' && answer.status === 0)) return undefined
    if (answer.kind === 'answered') return { scope: 'destination', reason: 'echo-refused' }
    return { scope: 'destination', reason: answer.kind === 'lost' ? answer.code : 'internal' }
  }

  #callingAe(delivery: ClaimedDelivery): AeTitle {
    if (!this.#options.borrowsCallingAe || delivery.callingAe === null) return this.#options.callingAe
    return parseAeTitle(delivery.callingAe) ?? this.#options.callingAe
  }
}

function needOf(delivery: ClaimedDelivery): Need | undefined {
  const sopClass = parseUid<SopClassUid>(delivery.sopClassUid)
  const transferSyntax = parseUid<TransferSyntaxUid>(delivery.transferSyntaxUid)
  return sopClass === undefined || transferSyntax === undefined ? undefined : { sopClass, transferSyntax }
}

interface StoreLineOptions {
  readonly callingAe: AeTitle
  readonly callingAeOf: (delivery: ClaimedDelivery) => AeTitle
  readonly covered: ReadonlySet<string>
  readonly choice: TransferSyntaxChoice
  readonly deps: DimseSenderDeps
}

/** One association, or none where nothing could be proposed on it. */
class StoreLine implements Line {
  readonly #options: StoreLineOptions
  readonly #association: RequestedAssociation | undefined

  constructor(options: StoreLineOptions, association: RequestedAssociation | undefined) {
    this.#options = options
    this.#association = association
  }

  get isOpen(): boolean {
    return this.#association?.isOpen ?? true
  }

  suits(delivery: ClaimedDelivery): boolean {
    if (this.#options.callingAeOf(delivery) !== this.#options.callingAe) return false
    const need = needOf(delivery)
    return need === undefined || this.#options.covered.has(needKey(need))
  }

  async send(outgoing: Outgoing, othersTaken: boolean): Promise<Sent> {
    const { delivery } = outgoing
    const need = needOf(delivery)
    const sopInstanceUid = parseUid<SopInstanceUid>(delivery.outgoingUid)
    if (need === undefined || sopInstanceUid === undefined) return unsent(outgoing, NOT_SENDABLE)
    const context = this.#contextOf(need)
    if (context === undefined || this.#association === undefined) {
      this.#options.deps.notes.refuse(need)
      this.#options.deps.noted()
      const sent = unsent(outgoing, NO_TRANSFER_SYNTAX)
      return this.#association === undefined ? sent : { ...sent, isThere: true }
    }
    this.#options.deps.notes.used(need)
    this.#options.deps.noted()
    return this.#store(this.#association, context, sopInstanceUid, need, outgoing, othersTaken)
  }

  abort(): void {
    this.#association?.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#association?.release()
  }

  async #store(
    association: RequestedAssociation,
    context: PresentationContext,
    sopInstanceUid: SopInstanceUid,
    need: Need,
    outgoing: Outgoing,
    othersTaken: boolean,
  ): Promise<Sent> {
    // Our own bytes are looked at first: a blob that is gone need not cost the association.
    const fault = await outgoing.ready()
    if (fault !== undefined) return { verdict: judgeSource(fault.error), sha256: null }
    const { transferSyntax } = context
    const asReceived = transferSyntax === need.transferSyntax
    const dataSet = asReceived ? outgoing : this.#options.deps.reencode(outgoing, need.transferSyntax, transferSyntax)
    const priority = outgoing.delivery.urgent ? 1 : 0
    const outcome = await association.store({ context, sopInstanceUid, priority, dataSet })
    const { sha256, maybeTaken, delivery } = outgoing
    if (sha256 === null) outgoing.discard()
    if (outcome.kind !== 'answered') return { verdict: judgeLost(outcome), sha256 }
    return {
      verdict: judgeStoreStatus(outcome.status, { maybeTaken, attempts: delivery.attempts, othersTaken }),
      sha256,
    }
  }

  #contextOf(need: Need): PresentationContext | undefined {
    for (const transferSyntax of candidates(need.transferSyntax, this.#options.choice)) {
      const context = this.#association?.contextFor(need.sopClass, transferSyntax)
      if (context !== undefined) return context
    }
    return undefined
  }
}

function unsent(outgoing: Outgoing, verdict: Verdict): Sent {
  outgoing.discard()
  return { verdict, sha256: null }
}
