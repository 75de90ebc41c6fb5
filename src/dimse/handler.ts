import type { Sink } from '../base/sink.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { SopInstanceUid } from '../dicom/uid.ts'
import type { AssociationFacts, PresentationContext } from './association.ts'

/** A C-STORE-RQ as its command set says (PS3.7 9.3.1.1). */
export interface StoreRequest {
  readonly association: AssociationFacts
  readonly context: PresentationContext
  readonly messageId: number
  /** The command's own words; the data set may disagree. */
  readonly affectedSopClassUid: string
  readonly affectedSopInstanceUid: SopInstanceUid
  readonly priority: number
  readonly moveOriginatorAe?: AeTitle
}

/** What a C-STORE is answered with (PS3.7 9.3.1.2, status as PS3.4 B.2.3). */
export interface StoreReply {
  readonly status: number
  /** At most 64 characters; never holds patient data. */
  readonly errorComment?: string
}

/**
 * Takes instances of one SOP class, or of every storage class. `open` gives a sink for the data set, or refuses at once:
 * then the fragments still to come are read and thrown away before the reply is sent. The reply is what the sink's `end`
 * resolves with; when `end` rejects the peer is answered 0110H (processing failure).
 */
export interface StoreHandler {
  open(request: StoreRequest): Promise<Sink<StoreReply> | StoreReply>
}
