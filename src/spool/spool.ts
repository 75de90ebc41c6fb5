import type { Clock } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { NewId } from '../base/id.ts'
import type { Log } from '../base/log.ts'
import type { Sink } from '../base/sink.ts'
import { parseAeTitle } from '../dicom/ae-title.ts'
import type { FileMeta } from '../dicom/file-meta.ts'
import type { BlobRef } from '../ledger/blob-ref.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { Ledger, Unplanned } from '../ledger/ledger.ts'
import type { FreeMark } from '../settings/table.ts'
import { AdmissionSink, type Taken } from './admission.ts'
import type { Arrival } from './arrival.ts'
import type { BlobStore } from './blob-store.ts'
import { ExpectedAdmissions } from './expected-admissions.ts'
import { FreeSpaceGuard } from './free-space.ts'
import { InFlight } from './in-flight.ts'
import { encodeReception } from './reception-facts.ts'
import { VerifiedMark } from './verified-mark.ts'
import { Withdrawals } from './withdrawals.ts'

export interface SpoolDeps {
  readonly store: BlobStore
  readonly ledger: Pick<Ledger, 'admit' | 'expectAdmissions' | 'withdraw' | 'unplanned' | 'markVerified' | 'wakes'>
  readonly newId: NewId
  readonly clock: Clock
  readonly log: Log
  readonly freeMin: FreeMark
}

/** The first shelf: what has come in, whole, durable and on record. Every door puts its objects here. */
export class Spool implements AsyncDisposable {
  readonly #deps: SpoolDeps
  readonly #guard: FreeSpaceGuard
  readonly #inFlight = new InFlight()
  readonly #mark: VerifiedMark
  readonly #withdrawals: Withdrawals
  readonly #expected: ExpectedAdmissions
  #diskFails = false

  constructor(deps: SpoolDeps) {
    this.#deps = deps
    this.#guard = new FreeSpaceGuard(deps.store, deps.freeMin, deps.clock)
    this.#mark = new VerifiedMark({ ...deps, inFlight: this.#inFlight })
    this.#withdrawals = new Withdrawals(deps)
    // With several on their way the ledger lets them share a flush.
    this.#expected = new ExpectedAdmissions(deps.clock, (count) => deps.ledger.expectAdmissions(count))
  }

  /** Objects being received or made durable at this moment. */
  get open(): number {
    return this.#inFlight.count
  }

  /** What keeps objects from being taken though there is room for them, one sentence each. */
  get problems(): readonly string[] {
    return this.#diskFails
      ? ['The disk of the spool and the ledger fails: the last instance that came was refused.']
      : []
  }

  /**
   * A sink for one object. Its `end` resolves when the bytes, their name and the row in the ledger would all survive a power
   * cut; when it rejects, and after `abort`, nothing is left.
   *
   * @throws KurirError `disk-full`, `disk-io`, `out-of-resources`
   */
  async begin(arrival: Arrival): Promise<Sink<Taken>> {
    try {
      return await this.#begin(arrival)
    } catch (error) {
      this.#judge(error)
      throw error
    }
  }

  async #begin(arrival: Arrival): Promise<Sink<Taken>> {
    await this.#guard.expectRoom()
    const id = this.#deps.newId() as InstanceId
    this.#inFlight.begin(id)
    const sender = arrival.reception.associationId
    this.#expected.begun(sender)
    const passed = {
      recording: (bytes: number) => {
        this.#guard.taken(bytes)
        this.#inFlight.recording(id)
      },
      recorded: () => this.#expected.recorded(sender),
      durable: () => {
        this.#diskFails = false
      },
      failed: (error: unknown) => this.#judge(error),
      left: () => this.#left(id),
    }
    try {
      const blob = await this.#deps.store.begin(id, fileMetaOf(arrival))
      return new AdmissionSink({ ...this.#deps, withdrawals: this.#withdrawals }, id, arrival, blob, passed)
    } catch (error) {
      passed.recorded()
      passed.left()
      throw error
    }
  }

  /**
   * For a door that must put bytes aside before it can hand an object over.
   *
   * @throws KurirError `disk-full` below the free mark
   */
  expectRoom(): Promise<void> {
    return this.#guard.expectRoom()
  }

  /** The oldest instances without a decision, as the ledger says, less those that are not durable yet. */
  async unplanned(limit: number, after?: InstanceId): Promise<readonly Unplanned[]> {
    const found: Unplanned[] = []
    let last = after
    while (found.length < limit) {
      const asked = limit - found.length
      const batch = await this.#deps.ledger.unplanned(asked, last)
      found.push(...batch.filter(({ id }) => !this.#inFlight.has(id)))
      if (batch.length < asked) break
      last = batch.at(-1)?.id
    }
    return found
  }

  /** As `BlobStore.read`. */
  read(ref: BlobRef, start?: number): AsyncIterable<Uint8Array> {
    return this.#deps.store.read(ref, start)
  }

  /** Frees the disk of a blob that nobody needs any more. Whether that is so the caller knows. */
  release(ref: BlobRef): Promise<void> {
    return this.#deps.store.remove(ref)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#withdrawals[Symbol.asyncDispose]()
    await this.#mark[Symbol.asyncDispose]()
  }

  /** A disk that is full says so by its free mark; one that fails is known by what it failed. */
  #judge(error: unknown): void {
    if (error instanceof KurirError && error.code === 'disk-io') this.#diskFails = true
  }

  /** It is durable and on record, or gone: what waits for a decision may be looked at again. */
  #left(id: InstanceId): void {
    this.#inFlight.end(id)
    this.#mark.advance()
    this.#deps.ledger.wakes.wake('plan')
  }
}

function fileMetaOf({ announced, reception, corrections }: Arrival): FileMeta {
  const sourceAe = reception.callingAe === null ? undefined : parseAeTitle(reception.callingAe)
  const privateInformation = encodeReception(reception, corrections)
  return { ...announced, ...(sourceAe === undefined ? {} : { sourceAe }), privateInformation }
}
