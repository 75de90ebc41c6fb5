import type { Clock, Milliseconds } from '../base/clock.ts'
import type { AssociateAc, AssociateRq } from './associate-pdu.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { Rejection } from './pdu.ts'
import type { PduLimits } from './pdu-reader.ts'

/** Limits on waiting, each its own timer. */
export interface UpperLayerTimeouts {
  /** ARTIM (PS3.8 9.1.5): connection to A-ASSOCIATE-RQ, and the peer's close after a reject, release or abort. */
  readonly artim: Milliseconds
  /** For the A-ASSOCIATE-AC, and for the A-RELEASE-RP. */
  readonly acse: Milliseconds
  readonly release: Milliseconds
  /** Standing still in the middle of a PDU or message, reading or writing. */
  readonly network: Milliseconds
  /** An association on which nothing is asked. 0: no limit. */
  readonly idle: Milliseconds
  /** From our FIN until the connection is destroyed. */
  readonly close: Milliseconds
}

export interface UpperLayerOptions {
  readonly clock: Clock
  readonly timeouts: UpperLayerTimeouts
  readonly limits: PduLimits
  readonly budget: ByteBudget
}

/** How an association, or the try to make one, came to its end. */
export const ASSOCIATION_ENDS = [
  'released',
  'rejected',
  'aborted',
  'aborted-by-peer',
  'protocol-error',
  'connection-lost',
  'timeout',
] as const
export type AssociationEnd = (typeof ASSOCIATION_ENDS)[number]

/** The service user of PS3.8: primitives that come from the upper layer. */
export interface UpperLayerUser {
  /** A-ASSOCIATE indication: answer with `accept`, `reject` or `abort`. What comes behind it is not read before. */
  associateIndication(request: AssociateRq): void | Promise<void>
  associateConfirmed(answer: AssociateAc): void
  associateRejected(rejection: Rejection): void
  /** P-DATA indication, as in PduConsumer. */
  fragment(contextId: number, control: number, slice: Buffer, complete: boolean): void | Promise<void>
  /** A-RELEASE indication: answer with `respondRelease`. */
  releaseIndication(): void
  /** Whether a message has begun that is not yet complete, or an answer is owed to us: silence is then a fault. */
  isMidMessage(): boolean
  /** Nothing but `closed` comes after this. Comes once, whatever happens. */
  ended(end: AssociationEnd, detail: string): void
  /** The connection is gone. */
  closed(): void
}
