import { type Clock, elapsed, type Monotonic } from '../base/clock.ts'
import type { FailureCode } from '../base/failure.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Sink } from '../base/sink.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { Admitted, Ledger } from '../ledger/ledger.ts'
import type { Arrival } from './arrival.ts'
import type { BlobSink, FinishedBlob } from './blob-store.ts'
import { amendmentsOf } from './corrections.ts'
import { type HeaderFacts, HeaderReading } from './header-reading.ts'
import type { Withdrawals } from './withdrawals.ts'

/**
 * What became of an object that came in whole. `refused`: other bytes were here under its UID, and that was not to be.
 * `other-study`: it is not of the study that it was said to be of. Of either nothing is kept.
 */
export interface Taken {
  readonly outcome: 'kept' | 'refused' | 'other-study'
  readonly id: InstanceId
  /** Of the data set. */
  readonly bytes: number
  /** Why it is held `unreadable`, else null. */
  readonly unreadable: string | null
  readonly earlier: Admitted['earlier']
  readonly studyInstanceUid: string | null
  readonly seriesInstanceUid: string | null
}

export interface AdmissionDeps {
  readonly ledger: Pick<Ledger, 'admit'>
  readonly withdrawals: Pick<Withdrawals, 'takeBack'>
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: Log
}

/** What is told of an object on its way, each at most once. */
export interface Passed {
  /** All its bytes have come, so many, and the ledger is being asked for its row; not told of one that is aborted. */
  recording(bytes: number): void
  /** The ledger has answered, or will not be asked. */
  recorded(): void
  /** Bytes and row would survive a power cut. */
  durable(): void
  /** They could not be had, for this. */
  failed(error: unknown): void
  /** It is durable and on record, or nothing of it is left. */
  left(): void
}

/** Takes one object in: bytes to the blob, header to the ledger, and `end` when both would survive a power cut. */
export class AdmissionSink implements Sink<Taken> {
  readonly #deps: AdmissionDeps
  readonly #id: InstanceId
  readonly #arrival: Arrival
  readonly #blob: BlobSink
  readonly #header: HeaderReading
  readonly #passed: Passed
  readonly #startedAt: Monotonic

  constructor(deps: AdmissionDeps, id: InstanceId, arrival: Arrival, blob: BlobSink, passed: Passed) {
    this.#deps = deps
    this.#id = id
    this.#arrival = arrival
    this.#blob = blob
    this.#header = new HeaderReading(arrival.announced)
    this.#passed = passed
    this.#startedAt = deps.clock.monotonic()
  }

  write(slice: Uint8Array): Promise<void> | void {
    this.#header.push(slice)
    try {
      return this.#blob.write(slice)?.catch((error: unknown) => this.#failed(error))
    } catch (error) {
      return this.#failed(error)
    }
  }

  async end(): Promise<Taken> {
    const { blob, facts } = await this.#finish()
    if (blob === undefined) return this.#ofOtherStudy(facts)
    // The two flushes overlap: whichever is later decides when the answer leaves (ARCHITECTURE.md 6).
    const [durable, admitted] = await Promise.allSettled([blob.durable, this.#record(blob, facts)])
    if (durable.status === 'rejected') return this.#undo(blob, durable.reason)
    if (admitted.status === 'rejected') return this.#undo(blob, admitted.reason)
    this.#passed.durable()
    const taken = await this.#judge(blob, facts, admitted.value[0]?.earlier ?? null)
    this.#logAdmitted(taken)
    return taken
  }

  #record(blob: FinishedBlob, { identity, unreadable, pack }: HeaderFacts): Promise<readonly Admitted[]> {
    const { reception, by, corrections } = this.#arrival
    const amendments = amendmentsOf(corrections, identity)
    const said = { reception, identity, header: pack(), unreadable, amendments, ...(by === undefined ? {} : { by }) }
    const admission = { id: this.#id, blob: blob.ref, ...said }
    this.#passed.recording(blob.ref.length)
    return this.#deps.ledger.admit([admission]).finally(() => this.#passed.recorded())
  }

  async abort(): Promise<void> {
    this.#passed.recorded()
    try {
      await this.#blob.abort()
    } finally {
      this.#passed.left()
    }
  }

  /** The header first: once the blob has its record, only a withdrawal takes it back. */
  async #finish(): Promise<{ readonly blob: FinishedBlob | undefined; readonly facts: HeaderFacts }> {
    try {
      const facts = await this.#header.finish()
      const { onlyStudy = facts.identity.studyInstanceUid } = this.#arrival
      if (onlyStudy !== facts.identity.studyInstanceUid) return { facts, blob: undefined }
      return { facts, blob: this.#blob.finish() }
    } catch (error) {
      await this.abort()
      throw error
    }
  }

  async #ofOtherStudy(facts: HeaderFacts): Promise<Taken> {
    await this.abort()
    return this.#taken('other-study', 0, facts, null)
  }

  async #judge(blob: FinishedBlob, facts: HeaderFacts, earlier: Admitted['earlier']): Promise<Taken> {
    const refused = earlier?.bytes === 'changed' && this.#arrival.onChanged === 'refuse'
    const left = (): void => this.#passed.left()
    if (refused) await this.#deps.withdrawals.takeBack(this.#id, blob.ref, 'conflict', left)
    else left()
    return this.#taken(refused ? 'refused' : 'kept', blob.ref.length, facts, earlier)
  }

  #taken(outcome: Taken['outcome'], bytes: number, facts: HeaderFacts, earlier: Admitted['earlier']): Taken {
    const { studyInstanceUid, seriesInstanceUid } = facts.identity
    return { outcome, id: this.#id, bytes, unreadable: facts.unreadable, earlier, studyInstanceUid, seriesInstanceUid }
  }

  /**
   * One half failed: the other is taken back, and the sender hears of the failure. Until then it is in flight, where no planner
   * sees it.
   */
  async #undo(blob: FinishedBlob, error: unknown): Promise<never> {
    await this.#deps.withdrawals.takeBack(this.#id, blob.ref, codeOf(error), () => this.#passed.left())
    return this.#failed(error)
  }

  #failed(error: unknown): never {
    this.#passed.failed(error)
    throw error
  }

  #logAdmitted({ outcome, bytes, unreadable }: Taken): void {
    const { reception, announced } = this.#arrival
    this.#deps.log.info(outcome === 'kept' ? 'instance-admitted' : 'instance-refused', {
      instance: this.#id,
      door: reception.door,
      ...(reception.callingAe === null ? {} : { callingAe: reception.callingAe }),
      ...(reception.associationId === null ? {} : { association: reception.associationId }),
      sopClass: announced.sopClassUid,
      bytes,
      took: elapsed(this.#startedAt, this.#deps.clock.monotonic()),
      ...(unreadable === null ? {} : { reason: unreadable }),
    })
  }
}

const codeOf = (error: unknown): FailureCode => (error instanceof KurirError ? error.code : 'internal')
