import type { Clock } from '../base/clock.ts'
import { type FailureCode, KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Sink } from '../base/sink.ts'
import { parseUid, type SopClassUid } from '../dicom/uid.ts'
import type { StoreHandler, StoreReply, StoreRequest } from '../dimse/handler.ts'
import type { Door } from '../ledger/states.ts'
import type { CallerFacts } from '../rules/caller.ts'
import type { Taken } from '../spool/admission.ts'
import type { Arrival } from '../spool/arrival.ts'
import type { Spool } from '../spool/spool.ts'

/** What a C-STORE is answered with here (PS3.4 B.2.3, PS3.7 C.5). */
const STATUS = {
  success: 0x0000,
  processingFailure: 0x0110,
  duplicateSopInstance: 0x0111,
  outOfResources: 0xa700,
} as const

/** Counts what came in, and what did not. */
export interface AdmissionMeter {
  /** @param bytes of the data set */
  instanceAdmitted(door: Door, bytes: number): void
  instanceRefused(door: Door, reason: FailureCode): void
}

export interface DimseDoorDeps {
  readonly spool: Pick<Spool, 'begin'>
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
  readonly meter?: AdmissionMeter
  /** What the rules say of a caller that sends other bytes under a UID that is here already. Unsaid: both are kept. */
  readonly onChanged?: (caller: CallerFacts) => 'keep' | 'refuse'
}

/** The way in for C-STORE: every object goes to the spool as it comes; Success is said when it is durable (wall W1). */
export function createDimseDoor(deps: DimseDoorDeps): StoreHandler {
  return {
    open: async (request) => {
      try {
        return new StoreSink(deps, request, await deps.spool.begin(arrivalOf(deps, request)))
      } catch (error) {
        return refusal(deps, request, error)
      }
    },
  }
}

/**
 * Hands an object to the spool. A disk that fails in the middle is an answer and no reason to close the association: what
 * still comes is read and thrown away, and the status says why.
 */
class StoreSink implements Sink<StoreReply> {
  readonly #deps: DimseDoorDeps
  readonly #request: StoreRequest
  readonly #sink: Sink<Taken>
  #refused: StoreReply | undefined

  constructor(deps: DimseDoorDeps, request: StoreRequest, sink: Sink<Taken>) {
    this.#deps = deps
    this.#request = request
    this.#sink = sink
  }

  write(slice: Uint8Array): Promise<void> | void {
    if (this.#refused !== undefined) return
    try {
      const written = this.#sink.write(slice)
      return written?.catch((error) => this.#giveUp(error))
    } catch (error) {
      return this.#giveUp(error)
    }
  }

  async end(): Promise<StoreReply> {
    if (this.#refused !== undefined) return this.#refused
    try {
      return replyTo(this.#deps, await this.#sink.end())
    } catch (error) {
      return refusal(this.#deps, this.#request, error)
    }
  }

  async abort(): Promise<void> {
    if (this.#refused === undefined) await this.#sink.abort()
  }

  async #giveUp(error: unknown): Promise<void> {
    this.#refused = refusal(this.#deps, this.#request, error)
    await this.#sink.abort()
  }
}

function replyTo({ meter }: DimseDoorDeps, { outcome, bytes }: Taken): StoreReply {
  if (outcome === 'kept') {
    meter?.instanceAdmitted('DIMSE', bytes)
    return { status: STATUS.success }
  }
  meter?.instanceRefused('DIMSE', 'conflict')
  return { status: STATUS.duplicateSopInstance, errorComment: 'other bytes are here under this UID' }
}

function refusal({ log, meter }: DimseDoorDeps, request: StoreRequest, error: unknown): StoreReply {
  const code: FailureCode = error instanceof KurirError ? error.code : 'internal'
  const full = code === 'disk-full' || code === 'disk-io' || code === 'out-of-resources'
  const status = full ? STATUS.outOfResources : STATUS.processingFailure
  meter?.instanceRefused('DIMSE', code)
  log.warn('store-refused', {
    association: request.association.id,
    callingAe: request.association.callingAe,
    code,
    status: `0x${status.toString(16).padStart(4, '0').toUpperCase()}`,
  })
  return { status, errorComment: COMMENTS[code] ?? 'internal failure' }
}

/** At most 64 characters, and nothing of the object (PS3.7 C, Error Comment (0000,0902)). */
const COMMENTS: Readonly<Partial<Record<string, string>>> = {
  'disk-full': 'no room in the spool',
  'disk-io': 'the spool could not be written',
  'out-of-resources': 'too many objects at once',
  'ledger-closed': 'shutting down',
}

function arrivalOf(deps: DimseDoorDeps, request: StoreRequest): Arrival {
  const { association, context } = request
  const { callingAe, calledAe, peer } = association
  return {
    reception: { at: deps.clock.now(), door: 'DIMSE', callingAe, calledAe, peer, associationId: association.id },
    announced: {
      // The context's abstract syntax stands in for a command that names no UID.
      sopClassUid: parseUid<SopClassUid>(request.affectedSopClassUid) ?? context.abstractSyntax,
      sopInstanceUid: request.affectedSopInstanceUid,
      transferSyntaxUid: context.transferSyntax,
    },
    onChanged: deps.onChanged?.({ callingAe, calledAe, peer }) ?? 'keep',
  }
}
