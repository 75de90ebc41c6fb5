import { fillTrailing, TRAILING_PADDING_HEAD_BYTES } from '../dicom/trailing-padding.ts'
import type { TransferSyntax } from '../dicom/transfer-syntax.ts'
import type { InstanceId } from '../ledger/ids.ts'
import type { BlobSink, FinishedBlob } from './blob-store.ts'
import { encodeCommitRecord } from './commit-record.ts'
import { type Digest, sha256 } from './digest.ts'
import { padded } from './direct-io.ts'
import { closeNow, diskFailure, writeAt } from './file-io.ts'
import { GrownFile, type GrownFileDeps } from './grown-file.ts'
import type { Tray, TrayFile } from './tray.ts'

export interface DiskBlobSinkDeps extends GrownFileDeps {
  readonly tray: Pick<Tray, 'putBack' | 'drop' | 'reopen'>
  readonly node: string
}

export interface BlobHead {
  readonly id: InstanceId
  /** What stands before the data set: a preamble of zeros, `DICM` and the file meta; less than a chunk. */
  readonly head: Uint8Array
  readonly transferSyntax: TransferSyntax
}

/**
 * One blob on its way into a tray file, gathered into large writes of whole blocks. Where one write is the whole object, its
 * commit record included, that write is its flush too; a longer object grows, and its record goes along with its last write.
 */
export class DiskBlobSink implements BlobSink {
  readonly #deps: DiskBlobSinkDeps
  readonly #file: TrayFile
  readonly #head: BlobHead
  readonly #digest: Digest = sha256()
  #chunk: Buffer
  /** Bytes gathered in the chunk. */
  #used: number
  /** Of an object that is longer than a chunk. */
  #grown: GrownFile | undefined

  constructor(deps: DiskBlobSinkDeps, file: TrayFile, head: BlobHead) {
    this.#deps = deps
    this.#file = file
    this.#head = head
    this.#chunk = deps.chunks.take()
    this.#chunk.set(head.head)
    this.#used = head.head.length
  }

  write(slice: Uint8Array): Promise<void> | void {
    this.#expectNoFailure()
    // While the peer is sending the next slice, not when it waits for its answer.
    this.#digest.update(slice)
    if (this.#used + slice.length > this.#chunk.length) return this.#writeOver(slice)
    this.#gather(slice)
  }

  finish(): FinishedBlob {
    this.#expectNoFailure()
    const { counters, node } = this.#deps
    const dataSetAt = this.#head.head.length
    const length = (this.#grown?.size ?? 0) + this.#used - dataSetAt
    const sha = this.#digest.end()
    counters.blobs += 1
    counters.bytes += length
    const durable = this.#makeDurable(encodeCommitRecord({ id: this.#head.id, dataSetAt, length, sha256: sha }))
    // Its owner awaits it later, beside the ledger's commit.
    durable.catch(() => {})
    return { ref: { store: 'disk', node, key: this.#file.key, length, sha256: sha }, durable }
  }

  async abort(): Promise<void> {
    await this.#close()
    await (this.#grown?.isDoubtful ? this.#deps.tray.drop(this.#file) : this.#deps.tray.putBack(this.#file))
  }

  #expectNoFailure(): void {
    if (this.#grown?.failure !== undefined) throw this.#grown.failure
  }

  #gather(slice: Uint8Array): void {
    this.#chunk.set(slice, this.#used)
    this.#used += slice.length
  }

  async #writeOver(slice: Uint8Array): Promise<void> {
    this.#grown ??= new GrownFile(await this.#reopened(), this.#deps)
    let rest = slice
    while (this.#used + rest.length > this.#chunk.length) {
      const room = this.#chunk.length - this.#used
      this.#gather(rest.subarray(0, room))
      rest = rest.subarray(room)
      await this.#grown.add(this.#chunk)
      this.#chunk = this.#deps.chunks.take()
      this.#used = 0
    }
    this.#gather(rest)
  }

  async #reopened(): Promise<number> {
    try {
      return await this.#deps.tray.reopen(this.#file)
    } catch (error) {
      throw diskFailure(error)
    }
  }

  async #makeDurable(record: Buffer): Promise<void> {
    const last = this.#lastBlocks()
    try {
      if (this.#grown === undefined) await this.#writeWhole(last, record)
      else await this.#grown.end(last, record)
    } catch (error) {
      // The kernel may have forgotten dirty pages, and its owner takes its name away: nobody may write to it again.
      await this.#close()
      await this.#deps.tray.drop(this.#file)
      throw diskFailure(error)
    }
    await this.#close()
    closeNow(this.#file.fd)
  }

  #writeWhole(blocks: Buffer, record: Buffer): Promise<void> {
    record.copy(blocks)
    this.#deps.counters.writes += 1
    this.#deps.counters.fileFlushes += 1
    return writeAt(this.#file.fd, blocks, 0)
  }

  /** What the chunk holds, up to the end of a block that has room for the padding's own head. */
  #lastBlocks(): Buffer {
    const end = padded(this.#used)
    const more = end > this.#used && end - this.#used < TRAILING_PADDING_HEAD_BYTES ? padded(end + 1) : end
    const last = this.#chunk.subarray(0, Math.min(more, this.#chunk.length))
    fillTrailing(last.subarray(this.#used), this.#head.transferSyntax)
    return last
  }

  /** Gives back what memory it holds, when no write is under way any more. */
  async #close(): Promise<void> {
    if (this.#grown !== undefined) await this.#grown.close()
    this.#deps.chunks.giveBack(this.#chunk)
  }
}
