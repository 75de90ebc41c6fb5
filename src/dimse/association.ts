import type { FailureCode } from '../base/failure.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { SopClassUid, SopInstanceUid, TransferSyntaxUid, Uid } from '../dicom/uid.ts'

/** A presentation context both sides agreed on (PS3.8 9.3.3.2). */
export interface PresentationContext {
  /** Odd, 1 to 255. */
  readonly id: number
  readonly abstractSyntax: SopClassUid
  readonly transferSyntax: TransferSyntaxUid
}

/** An abstract syntax we propose with the transfer syntaxes we could send it in (PS3.8 9.3.2.2). */
export interface ProposedContext {
  readonly abstractSyntax: SopClassUid
  readonly transferSyntaxes: readonly TransferSyntaxUid[]
}

/** Who is at the other end of an association, and what was agreed. */
export interface AssociationFacts {
  /** Ours, for logs and the ledger. */
  readonly id: string
  readonly callingAe: AeTitle
  readonly calledAe: AeTitle
  /** IP address, IPv4-mapped ones as IPv4. */
  readonly peer: string
  readonly contexts: readonly PresentationContext[]
  /** What the other side says it can receive: bytes of a P-DATA-TF after its six-byte header; 0 is no limit (PS3.8 D.1). */
  readonly peerMaxPduLength: number
  readonly implementationClassUid?: Uid
  readonly implementationVersion?: string
}

/** What became of one C-STORE that we asked for. Exactly one comes for each request. */
export type StoreOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly errorComment?: string }
  /** No answer will come. `taken` says whether the peer may have it: true once the last fragment was written. */
  | { readonly kind: 'lost'; readonly code: FailureCode; readonly taken: boolean; readonly reason: string }
  /** Our own source of bytes failed in the middle; the association had to be aborted. */
  | { readonly kind: 'source-failed'; readonly error: unknown }

export interface StoreRequestToSend {
  readonly context: PresentationContext
  readonly sopInstanceUid: SopInstanceUid
  /** 0 medium, 1 high, 2 low (PS3.7 9.1.1.1.4). */
  readonly priority?: 0 | 1 | 2
  /** The data set in the context's transfer syntax. A slice need only be valid until the next is asked for. */
  readonly dataSet: AsyncIterable<Uint8Array>
}

/** An association we opened. One operation is outstanding at a time; a second call waits for the first. */
export interface RequestedAssociation extends AssociationFacts, AsyncDisposable {
  readonly isOpen: boolean
  /** Resolves when the connection is gone, for whatever reason. Never rejects. */
  readonly closed: Promise<void>
  /** The accepted context for exactly this pair, if there is one. */
  contextFor(sopClass: SopClassUid, transferSyntax: TransferSyntaxUid): PresentationContext | undefined
  store(request: StoreRequestToSend): Promise<StoreOutcome>
  echo(): Promise<StoreOutcome>
  /** A-RELEASE, then close. Falls back to A-ABORT when the peer does not answer in time. */
  release(): Promise<void>
  /** A-ABORT, source 0 reason 0. */
  abort(): void
}

/** What became of asking for an association. */
export type ConnectOutcome =
  | { readonly kind: 'established'; readonly association: RequestedAssociation }
  /** A-ASSOCIATE-RJ (PS3.8 9.3.4): result 1 permanent, 2 transient. */
  | { readonly kind: 'rejected'; readonly result: number; readonly source: number; readonly reason: number }
  | { readonly kind: 'unreachable'; readonly code: FailureCode; readonly reason: string }
