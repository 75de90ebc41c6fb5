import type { ConnectionOptions } from 'node:tls'
import { type Clock, type Milliseconds, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { NewId } from '../base/id.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import { encodeAssociateRq } from './associate-encode.ts'
import type { OfferedContext } from './associate-pdu.ts'
import type { ConnectOutcome, ProposedContext } from './association.ts'
import { ByteBudget } from './byte-budget.ts'
import { connectTo } from './connect.ts'
import { OpenAssociation } from './open-association.ts'
import { DEFAULT_PDU_LIMITS } from './pdu-reader.ts'

export interface RequestorTimeouts {
  readonly connect: Milliseconds
  /** For the A-ASSOCIATE-AC. */
  readonly acse: Milliseconds
  /** From the last fragment of a request to its answer. */
  readonly dimse: Milliseconds
  /** Standing still in the middle of sending or receiving a message. */
  readonly network: Milliseconds
  /** For the A-RELEASE-RP, then A-ABORT. */
  readonly release: Milliseconds
  /** From our FIN, or A-ABORT, until the connection is destroyed. */
  readonly close: Milliseconds
}

export interface AssociationRequest {
  readonly host: string
  readonly port: number
  readonly callingAe: AeTitle
  readonly calledAe: AeTitle
  /** At most 128. For storage one per SOP class and transfer syntax, so that each can be accepted as it is. */
  readonly contexts: readonly ProposedContext[]
  readonly clock: Clock
  readonly newId: NewId
  /** The longest P-DATA-TF we want to get, and the longest we send, in bytes after its header. */
  readonly maxPduLength?: number
  readonly timeouts?: Partial<RequestorTimeouts>
  readonly tls?: ConnectionOptions
  /** Aborts the try, and later the association. */
  readonly signal?: AbortSignal
}

const TIMEOUTS: RequestorTimeouts = {
  connect: ms(10_000),
  acse: ms(10_000),
  dimse: ms(60_000),
  network: ms(10_000),
  release: ms(10_000),
  close: ms(2_000),
}
const DEFAULT_MAX_PDU_LENGTH = 131_072
const MOST_CONTEXTS = 128

/**
 * Connects and asks for an association (PS3.8 7.1). Never rejects for what a peer or a network does; throws
 * `invalid-argument` for contexts that cannot be proposed.
 */
export async function requestAssociation(request: AssociationRequest): Promise<ConnectOutcome> {
  const offered = offer(request.contexts)
  const timeouts = { ...TIMEOUTS, ...request.timeouts }
  const { clock, signal } = request
  const connected = await connectTo({
    host: request.host,
    port: request.port,
    clock,
    limit: timeouts.connect,
    ...(request.tls === undefined ? {} : { tls: request.tls }),
    ...(signal === undefined ? {} : { signal }),
  })
  if (connected.kind === 'unreachable') return connected
  const maxPduLength = request.maxPduLength ?? DEFAULT_MAX_PDU_LENGTH
  const association = new OpenAssociation(connected.socket, {
    id: request.newId(),
    callingAe: request.callingAe,
    calledAe: request.calledAe,
    offered,
    maxPduLength,
    dimseLimit: timeouts.dimse,
    upper: {
      clock,
      timeouts: { ...timeouts, artim: timeouts.close, idle: ms(0) },
      limits: DEFAULT_PDU_LIMITS,
      budget: new ByteBudget(DEFAULT_PDU_LIMITS.associateLength * 2),
    },
  })
  const abort = (): void => association.abort()
  if (signal?.aborted) association.abort()
  signal?.addEventListener('abort', abort, { once: true })
  void association.closed.then(() => signal?.removeEventListener('abort', abort))
  const { callingAe, calledAe } = request
  return association.request(
    encodeAssociateRq({ callingAe, calledAe, contexts: offered, maxPduLength, roles: [], asyncWindow: false }),
  )
}

function offer(contexts: readonly ProposedContext[]): readonly OfferedContext[] {
  if (contexts.length === 0 || contexts.length > MOST_CONTEXTS) {
    throw new KurirError('invalid-argument', 'permanent', 'an association proposes 1 to 128 presentation contexts')
  }
  if (contexts.some((context) => context.transferSyntaxes.length === 0)) {
    throw new KurirError('invalid-argument', 'permanent', 'a presentation context proposes a transfer syntax at least')
  }
  return contexts.map((context, index) => ({ id: index * 2 + 1, ...context }))
}
