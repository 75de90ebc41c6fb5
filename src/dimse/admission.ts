import type { AeTitle } from '../dicom/ae-title.ts'
import type { SopClassUid, TransferSyntaxUid } from '../dicom/uid.ts'
import type { OfferedContext } from './associate-pdu.ts'
import type { AssociationFacts } from './association.ts'
import type { StoreHandler } from './handler.ts'
import type { Rejection } from './pdu.ts'
import type { AssociationEnd } from './upper-layer-user.ts'

/** What an A-ASSOCIATE-RQ asks for, as policy outside this room judges it. */
export interface AssociationProposal {
  readonly callingAe: AeTitle
  readonly calledAe: AeTitle
  /** IP address, IPv4-mapped ones as IPv4. */
  readonly peer: string
  readonly contexts: readonly OfferedContext[]
}

export type AdmissionVerdict =
  /** `prefer`: transfer syntaxes in the order this caller is to be answered with. */
  | { readonly kind: 'accept'; readonly prefer?: readonly TransferSyntaxUid[] }
  | ({ readonly kind: 'reject' } & Rejection)

/** Who serves which SOP class. Verification is always served. */
export interface DimseHandlers {
  readonly stores: ReadonlyMap<SopClassUid, StoreHandler>
  /** Takes every SOP class that has no handler of its own and is not known to be something other than storage. */
  readonly storage?: StoreHandler
}

/** An association that was not made; the titles are known only when its A-ASSOCIATE-RQ could be read. */
export interface RefusedAssociation {
  readonly peer: string
  readonly callingAe?: AeTitle
  readonly calledAe?: AeTitle
  /** What was answered, undefined when the peer was aborted or went away before an answer. */
  readonly rejection?: Rejection
  readonly end: AssociationEnd
  readonly detail: string
}

/** What a server tells of. None of it can identify a patient. */
export interface DimseServerEvents {
  associationOpened?(facts: AssociationFacts): void
  associationRefused?(refused: RefusedAssociation): void
  associationClosed?(facts: AssociationFacts, end: AssociationEnd, detail: string): void
}
