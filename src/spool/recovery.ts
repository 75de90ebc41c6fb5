import { existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { instant } from '../base/clock.ts'
import { type FailureCode, KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { BlobRef } from '../ledger/blob-ref.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { Admission, Ledger } from '../ledger/ledger.ts'
import type { Reception } from '../ledger/records.ts'
import type { LedgerViews } from '../ledger/views.ts'
import { BlobInspector, type Inspection } from './blob-inspection.ts'
import { type BlobKey, parseBlobKey } from './blob-key.ts'
import { amendmentsOf } from './corrections.ts'
import type { DiskBlobStore } from './disk-blob-store.ts'
import { diskFailure } from './file-io.ts'
import { HeaderReading } from './header-reading.ts'
import { readCorrections, readReception } from './reception-facts.ts'

export interface RecoveryDeps {
  readonly store: Pick<DiskBlobStore, 'buckets' | 'tray' | 'node'>
  readonly ledger: Pick<Ledger, 'admit' | 'withdraw' | 'markVerified' | 'processEvent'> & {
    readonly views: Pick<LedgerViews, 'undecidedBlobs' | 'decidedBlobs' | 'unverified'>
  }
  readonly log: Log
}

/** What a start found, in files and rows. */
export interface RecoveryReport {
  /** Rows since the last mark whose bytes are all there. */
  readonly verified: number
  /** Rows that were never acknowledged: their bytes are not there or not whole. */
  readonly withdrawn: number
  /** Whole files that had no row and have one now. */
  readonly readmitted: number
  /** Empty and unfinished files that are on the tray again. */
  readonly reused: number
  /** Files with a record that does not match their bytes, put aside for a person. */
  readonly doubtful: number
}

const ROWS_AT_ONCE = 500
const KEYS_AT_ONCE = 1_000
const ADMITTED_AT_ONCE = 100

/**
 * Makes spool and ledger agree after a stop of any kind, in both directions, before a door opens: rows whose blob cannot have
 * been acknowledged are withdrawn, whole blobs without a row are admitted from their own reception facts. A ledger that is
 * gone is made anew by this alone.
 *
 * @throws KurirError `blob-missing` when a folder that the ledger points to is not there: a disk that was not mounted is no
 * reason to withdraw anything
 */
export async function recoverSpool(deps: RecoveryDeps): Promise<RecoveryReport> {
  const recovery = new Recovery(deps)
  try {
    await recovery.checkRows()
    await recovery.checkFiles()
  } catch (error) {
    throw diskFailure(error)
  }
  return recovery.finish()
}

class Recovery {
  readonly #deps: RecoveryDeps
  readonly #inspector = new BlobInspector()
  readonly #admissions: Admission[] = []
  /** The last row, in the ledger's order, that is known to be good. */
  #last: InstanceId | undefined
  #verified = 0
  #withdrawn = 0
  #readmitted = 0
  #reused = 0
  #doubtful = 0

  constructor(deps: RecoveryDeps) {
    this.#deps = deps
  }

  async checkRows(): Promise<void> {
    const { views } = this.#deps.ledger
    let rows = await views.unverified(ROWS_AT_ONCE)
    while (rows.length > 0) {
      // Asked for first: a row that has been withdrawn has no place any more that others could stand behind.
      const next = await views.unverified(ROWS_AT_ONCE, rows.at(-1)?.id)
      for (const row of rows) await this.#checkRow(row.id, row.blob)
      rows = next
    }
  }

  async checkFiles(): Promise<void> {
    // Once: what is admitted from here on is what was looked at, and while a ledger is made anew that is everything.
    const undecided = await this.#deps.ledger.views.undecidedBlobs()
    for (const { bucket, keys } of this.#deps.store.buckets.files()) await this.#checkBucket(bucket, keys, undecided)
    await this.#admit(1)
  }

  async finish(): Promise<RecoveryReport> {
    if (this.#last !== undefined) await this.#deps.ledger.markVerified(this.#last)
    const report = {
      verified: this.#verified,
      withdrawn: this.#withdrawn,
      readmitted: this.#readmitted,
      reused: this.#reused,
      doubtful: this.#doubtful,
    }
    const changed = this.#withdrawn + this.#readmitted + this.#doubtful
    if (changed > 0) {
      const detail = JSON.stringify(report)
      await this.#deps.ledger.processEvent({ event: 'spool-recovered', actor: 'spool', outcome: 'success', detail })
      this.#deps.log.warn('spool-recovered', { count: changed })
    }
    return report
  }

  async #checkRow(id: InstanceId, ref: BlobRef): Promise<void> {
    const key = parseBlobKey(ref.key)
    const path = this.#deps.store.buckets.path(key)
    // Its folder was flushed long before the row: that it is gone is no power cut.
    if (!existsSync(dirname(path))) {
      throw new KurirError('blob-missing', 'permanent', 'the ledger points into a spool folder that is not there')
    }
    const found = await this.#inspector.inspect(path)
    if (found.kind === 'whole' && found.record.id === id && found.record.sha256 === ref.sha256) {
      this.#verified += 1
      this.#last = id
      return
    }
    await this.#withdraw(id, found)
    // One without a record was never finished; it goes on the tray with the others of its kind.
    if (found.kind === 'damaged' || found.kind === 'whole') this.#putAside(key)
  }

  async #withdraw(id: InstanceId, found: Inspection): Promise<void> {
    const code: FailureCode = found.kind === 'missing' ? 'blob-missing' : 'blob-corrupt'
    await this.#deps.ledger.withdraw(id, code)
    this.#withdrawn += 1
    this.#deps.log.warn('instance-withdrawn', { instance: id, code })
  }

  async #checkBucket(bucket: string, keys: readonly BlobKey[], undecided: ReadonlySet<string>): Promise<void> {
    const reusable: BlobKey[] = []
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const some = keys.slice(at, at + KEYS_AT_ONCE).filter((key) => !undecided.has(key))
      const decided = await this.#deps.ledger.views.decidedBlobs(some)
      for (const key of some) if (!decided.has(key) && (await this.#checkFile(key))) reusable.push(key)
    }
    if (reusable.length === 0) return
    await this.#deps.store.buckets.flushNamesIn(join(this.#deps.store.buckets.root, bucket))
    this.#deps.store.tray.reuse(reusable)
    this.#reused += reusable.length
  }

  /** Whether it can go on the tray. */
  async #checkFile(key: BlobKey): Promise<boolean> {
    const path = this.#deps.store.buckets.path(key)
    let reading: HeaderReading | undefined
    const found = await this.#inspector.inspect(path, (meta) => {
      reading = new HeaderReading(meta)
      return reading
    })
    if (found.kind === 'unfinished') await this.#inspector.empty(path)
    if (found.kind === 'empty' || found.kind === 'unfinished') return true
    if (found.kind === 'whole' && reading !== undefined) await this.#readmit(key, found, reading)
    else if (found.kind !== 'missing') this.#putAside(key)
    return false
  }

  async #readmit(key: BlobKey, found: Inspection & { readonly kind: 'whole' }, reading: HeaderReading): Promise<void> {
    const { id, length, sha256 } = found.record
    const facts = found.meta?.privateInformation
    const { identity, unreadable, pack } = await reading.finish()
    const corrections = facts === undefined ? undefined : readCorrections(facts)
    this.#admissions.push({
      id,
      blob: { store: 'disk', node: this.#deps.store.node, key, length, sha256 },
      reception: (facts === undefined ? undefined : readReception(facts)) ?? receptionUnknown(id),
      identity,
      header: pack(),
      unreadable,
      amendments: amendmentsOf(corrections, identity),
    })
    await this.#admit(ADMITTED_AT_ONCE)
  }

  /** Admits what has gathered, when it is at least so many. */
  async #admit(atLeast: number): Promise<void> {
    if (this.#admissions.length < atLeast) return
    const some = this.#admissions.splice(0)
    await this.#deps.ledger.admit(some)
    this.#readmitted += some.length
    this.#last = some.at(-1)?.id ?? this.#last
  }

  /** Out of the way of the tray, and kept: bytes are not thrown away on a doubt. */
  #putAside(key: BlobKey): void {
    const { buckets } = this.#deps.store
    const folder = join(buckets.root, 'doubtful')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    renameSync(buckets.path(key), join(folder, key.replace('/', '-')))
    this.#doubtful += 1
    this.#deps.log.error('blob-put-aside', { file: key })
  }
}

/** What is left of a reception whose facts cannot be read: the time in its UUIDv7 (RFC 9562 5.7). */
const receptionUnknown = (id: InstanceId): Reception => ({
  at: instant(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)),
  door: 'FOLDER',
  callingAe: null,
  calledAe: null,
  peer: null,
  associationId: null,
})
