import type { Sink } from '../base/sink.ts'
import { findFileMeta } from '../dicom/file-meta.ts'
import { HeaderCollector } from '../dicom/scan.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import type { SopClassUid } from '../dicom/uid.ts'
import type { Taken } from '../spool/admission.ts'
import type { Announced, Arrival } from '../spool/arrival.ts'
import type { Spool } from '../spool/spool.ts'

/** Why the bytes are no instance. A closed set: it is a metric label, and a person reads its sentence. */
export const PART10_REFUSALS = ['empty', 'not-dicom', 'no-sop-instance-uid'] as const
export type Part10Refusal = (typeof PART10_REFUSALS)[number]

/** What became of a Part 10 file that came in whole. */
export type Part10Outcome =
  | { readonly kind: 'taken'; readonly taken: Taken; readonly announced: Announced }
  /** A Media Storage Directory (PS3.10 8): a table of contents, and no instance. */
  | { readonly kind: 'directory' }
  | { readonly kind: 'refused'; readonly reason: Part10Refusal }

export interface Part10ReceptionDeps {
  readonly spool: Pick<Spool, 'begin'>
  readonly arrival: (announced: Announced) => Arrival
}

/** The head of a file is never longer than this: group 0002 has at most 256 KB (dicom/file-meta.ts). */
const LONGEST_HEAD = 512 * 1024
const FIRST_LOOK = 1024
const MEDIA_STORAGE_DIRECTORY = '1.2.840.10008.1.3.10' as SopClassUid

/**
 * Receives a Part 10 file (PS3.10 7) and hands its data set to the spool as it comes. The preamble goes no further: whatever
 * program hides in it (CVE-2019-11687) is not kept. What the file meta does not say the data set is asked for.
 *
 * `write` and `end` reject as the spool's sink does: KurirError `disk-full`, `disk-io`, `out-of-resources`, `ledger-closed`.
 */
export class Part10Reception implements Sink<Part10Outcome> {
  readonly #deps: Part10ReceptionDeps
  #head: Uint8Array[] = []
  #headBytes = 0
  /** How many bytes there must be before they are looked at (again). */
  #nextLook = FIRST_LOOK
  #open: { readonly sink: Sink<Taken>; readonly announced: Announced } | undefined
  #ended: Part10Outcome | undefined

  constructor(deps: Part10ReceptionDeps) {
    this.#deps = deps
  }

  write(slice: Uint8Array): Promise<void> | void {
    if (this.#open !== undefined) return this.#open.sink.write(slice)
    if (this.#ended !== undefined) return
    this.#headBytes += slice.length
    const isEnough = this.#headBytes >= this.#nextLook
    // What is looked at before the next slice comes need not be copied.
    this.#head.push(isEnough ? slice : Buffer.from(slice))
    if (!isEnough) return
    // Joining is put off, or a sender of single bytes would have each of them copied again with the next.
    this.#nextLook = this.#headBytes * 2
    return this.#begin(this.#headBytes >= LONGEST_HEAD)
  }

  async end(): Promise<Part10Outcome> {
    if (this.#open === undefined && this.#ended === undefined) await this.#begin(true)
    if (this.#open === undefined) return this.#ended ?? { kind: 'refused', reason: 'not-dicom' }
    const { sink, announced } = this.#open
    return { kind: 'taken', taken: await sink.end(), announced }
  }

  async abort(): Promise<void> {
    this.#head = []
    await this.#open?.sink.abort()
  }

  /** @param isAll whether no more of the head will be waited for */
  async #begin(isAll: boolean): Promise<void> {
    const head = joined(this.#head)
    const found = findFileMeta(head, isAll)
    if (found.outcome === 'incomplete') return this.#keep(head)
    if (found.outcome === 'not-dicom') return this.#refuse(head.length === 0 ? 'empty' : 'not-dicom')
    const { meta, transferSyntaxUid, dataSetOffset } = found
    const dataSet = head.subarray(dataSetOffset)
    if (meta.sopClassUid === MEDIA_STORAGE_DIRECTORY) return this.#finish({ kind: 'directory' })
    const { sopClassUid, sopInstanceUid } = meta
    if (sopClassUid !== undefined && sopInstanceUid !== undefined) {
      return this.#admit({ sopClassUid, sopInstanceUid, transferSyntaxUid }, dataSet)
    }
    if (!isAll) return this.#keep(head)
    const header = await headerOf(dataSet, transferSyntaxUid)
    const classUid = sopClassUid ?? header.sopClassUid
    const instanceUid = sopInstanceUid ?? header.sopInstanceUid
    if (classUid === undefined || instanceUid === undefined) return this.#refuse('no-sop-instance-uid')
    return this.#admit({ sopClassUid: classUid, sopInstanceUid: instanceUid, transferSyntaxUid }, dataSet)
  }

  async #admit(announced: Announced, dataSet: Uint8Array): Promise<void> {
    const sink = await this.#deps.spool.begin(this.#deps.arrival(announced))
    this.#open = { sink, announced }
    this.#head = []
    if (dataSet.length > 0) await sink.write(dataSet)
  }

  #keep(head: Buffer): void {
    this.#head = [Buffer.from(head)]
  }

  #refuse(reason: Part10Refusal): void {
    this.#finish({ kind: 'refused', reason })
  }

  #finish(outcome: Part10Outcome): void {
    this.#ended = outcome
    this.#head = []
  }
}

function joined(slices: readonly Uint8Array[]): Buffer {
  const [only] = slices
  return only !== undefined && slices.length === 1
    ? Buffer.from(only.buffer, only.byteOffset, only.length)
    : Buffer.concat(slices)
}

async function headerOf(dataSet: Buffer, transferSyntaxUid: Announced['transferSyntaxUid']) {
  const collector = new HeaderCollector(transferSyntaxOf(transferSyntaxUid))
  collector.push(dataSet)
  const scan = await collector.finish()
  return scan.outcome === 'header' ? scan.header : scan.partial
}
