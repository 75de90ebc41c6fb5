import { Header } from './header.ts'
import { BIG_ENDIAN, HeaderIndex, ITEM, LEFT_OUT, SEQUENCE } from './header-index.ts'
import { type InflateProblem, inflateSlices } from './inflate.ts'
import { IMPLICIT_VR_LITTLE_ENDIAN, type TransferSyntax } from './transfer-syntax.ts'
import type { ElementHead, WalkHandler } from './walk-handler.ts'
import { DataSetWalker, type WalkProblem } from './walker.ts'

/** A longer value is left out of a header; that it was there is remembered. */
export const MAX_VALUE_BYTES = 65_536
/** What all of a header may take; the element of the data set that would go beyond is left out whole. */
export const MAX_HEADER_BYTES = 1_048_576
// Of a deflated data set: what is kept to be inflated, and what may come out of it while the header is looked for.
const MAX_DEFLATED_BYTES = 4_194_304
const MAX_INFLATED_BYTES = 67_108_864

export type UnreadableReason = WalkProblem | InflateProblem | 'empty' | 'header-too-large'

/** What became of looking for a header. */
export type ScanResult =
  | { readonly outcome: 'header'; readonly header: Header }
  /** `partial` holds what stood before the fault. */
  | { readonly outcome: 'unreadable'; readonly reason: UnreadableReason; readonly partial: Header }

/**
 * Picks the header out of a data set while it is received: everything before pixel data (group 7FE0), nested elements
 * too. Once it has that, `push` does nothing. What is kept is copied, so slices may be reused.
 */
export class HeaderCollector {
  readonly #transferSyntax: TransferSyntax
  readonly #index = new HeaderIndex()
  readonly #walker: DataSetWalker
  readonly #builder: IndexBuilder
  readonly #deflated: Uint8Array[] = []
  #deflatedBytes = 0

  constructor(transferSyntax: TransferSyntax) {
    this.#transferSyntax = transferSyntax
    this.#builder = new IndexBuilder(this.#index, () => this.#walker.stop())
    this.#walker = new DataSetWalker(transferSyntax, this.#builder)
  }

  /** Whether slices still matter. */
  get isDone(): boolean {
    return this.#walker.stopped || this.#deflatedBytes >= MAX_DEFLATED_BYTES
  }

  push(slice: Uint8Array): void {
    if (this.#walker.stopped) return
    if (this.#transferSyntax.deflated) this.#keepDeflated(slice)
    else this.#walker.push(slice)
  }

  /** The data set ended, or its sender did. Call once. */
  async finish(): Promise<ScanResult> {
    const inflateProblem = this.#transferSyntax.deflated ? await this.#inflate() : undefined
    // A problem of inflating cuts the data set: where the header was complete before it, nothing is lost.
    const cut = inflateProblem !== undefined && !this.#walker.stopped
    this.#walker.end()
    this.#builder.finish()
    const header = new Header(this.#transferSyntax, this.#index.trim())
    const reason = this.#builder.isOverfull ? 'header-too-large' : cut ? inflateProblem : this.#walker.problem
    if (reason !== undefined) return { outcome: 'unreadable', reason, partial: header }
    if (this.#index.count === 0) return { outcome: 'unreadable', reason: 'empty', partial: header }
    return { outcome: 'header', header }
  }

  #keepDeflated(slice: Uint8Array): void {
    const room = MAX_DEFLATED_BYTES - this.#deflatedBytes
    if (room <= 0) return
    const kept = Uint8Array.prototype.slice.call(slice, 0, room)
    this.#deflated.push(kept)
    this.#deflatedBytes += kept.length
  }

  async #inflate(): Promise<UnreadableReason | undefined> {
    let inflated = 0
    const problem = await inflateSlices(this.#deflated, (slice) => {
      inflated += slice.length
      this.#walker.push(slice)
      return !this.#walker.stopped && inflated < MAX_INFLATED_BYTES
    })
    this.#deflated.length = 0
    if (inflated >= MAX_INFLATED_BYTES) return 'header-too-large'
    return problem !== undefined && this.#deflatedBytes >= MAX_DEFLATED_BYTES ? 'header-too-large' : problem
  }
}

/**
 * What stands in the value of UN where the dictionary knows a sequence, or where items begin: implicit elements (PS3.5
 * 6.2.2). Undefined where it cannot be read as that to its end.
 */
export function scanUnknown(value: Buffer): Header | undefined {
  const index = new HeaderIndex({ entries: 16, bytes: value.length })
  const builder = new IndexBuilder(index, () => walker.stop())
  const walker = new DataSetWalker(IMPLICIT_VR_LITTLE_ENDIAN, builder)
  // Under a name that is a sequence's, which here means nothing.
  const head = Buffer.alloc(8)
  head.writeUInt16LE(0x0008, 0)
  head.writeUInt16LE(0x1140, 2)
  head.writeUInt32LE(value.length, 4)
  walker.push(head)
  const told = walker.push(value)
  walker.end()
  builder.finish()
  const isRead = told === value.length && walker.problem === undefined && !builder.isOverfull && !builder.metStray
  return isRead ? new Header(IMPLICIT_VR_LITTLE_ENDIAN, index.trim()) : undefined
}

/** Builds the index from what the walker tells, within the limits. */
class IndexBuilder implements WalkHandler {
  readonly #index: HeaderIndex
  readonly #stop: () => void
  readonly #open: number[] = []
  #top = 0
  #keeps = false
  #unfinished = -1
  // The data set's element being read is beyond the limit: what it contains is not kept.
  #leftOut = false
  /** Nothing more fits: the header is cut. */
  isOverfull = false
  /** Bytes that meant nothing where they stood. */
  metStray = false

  constructor(index: HeaderIndex, stop: () => void) {
    this.#index = index
    this.#stop = stop
  }

  element(head: ElementHead): void {
    if (this.#open.length === 0) {
      if (head.tag >>> 16 === 0x7fe0) {
        this.#stop()
        return
      }
      this.#leftOut = false
      this.#top = this.#index.count
    }
    const keeps = head.content === 'value' && head.length <= MAX_VALUE_BYTES
    const flags = flagsOf(head) | (keeps || head.content === 'sequence' ? 0 : LEFT_OUT)
    const entry = this.#add(head, flags, head.content === 'sequence' ? 0 : Math.max(head.length, 0))
    this.#keeps = keeps && !this.#leftOut
    if (head.content === 'value') this.#unfinished = entry
    else this.#open.push(entry)
  }

  value(bytes: Uint8Array, start: number, end: number): void {
    if (!this.#keeps) return
    this.#index.append(bytes, start, end)
    if (this.#index.sizeBytes > MAX_HEADER_BYTES) this.#leaveOut()
  }

  valueEnd(): void {
    this.#unfinished = -1
  }

  /** The data set ended: what had not ended is closed, a value cut short is left out. */
  finish(): void {
    if (this.#unfinished >= 0 && this.#keeps) this.#index.leaveOut(this.#unfinished)
    while (this.#open.length > 0) this.#closeLast()
  }

  item(head: ElementHead): void {
    this.#open.push(this.#add(head, ITEM, 0))
  }

  itemEnd(): void {
    this.#closeLast()
  }

  fragment(): void {
    this.#keeps = false
  }

  sequenceEnd(): void {
    this.#closeLast()
  }

  stray(): void {
    this.metStray = true
  }

  #add(head: ElementHead, flags: number, length: number): number {
    if (this.#leftOut) return -1
    const entry = this.#index.add(head.tag, head.vr, flags, length)
    if (this.#index.sizeBytes > MAX_HEADER_BYTES) this.#leaveOut()
    return entry
  }

  #closeLast(): void {
    const entry = this.#open.pop()
    if (entry !== undefined && !this.#leftOut) this.#index.close(entry)
  }

  #leaveOut(): void {
    this.#leftOut = true
    this.#keeps = false
    this.#index.leaveOut(this.#top)
    if (this.#index.sizeBytes <= MAX_HEADER_BYTES) return
    // Even elements without values have an end.
    this.#index.truncate(this.#top)
    this.isOverfull = true
    this.#stop()
  }
}

function flagsOf(head: ElementHead): number {
  return (head.content === 'sequence' ? SEQUENCE : 0) | (head.encoding.bigEndian ? BIG_ENDIAN : 0)
}
