import { createHash } from 'node:crypto'
import { KurirError } from '../base/failure.ts'
import { EDIT_VERSION, type ResolvedEdit } from '../dicom/resolved-edit.ts'
import type { ClaimedDelivery } from '../ledger/ledger.ts'
import type { BlobStore } from '../spool/blob-store.ts'

type Slices = AsyncIterable<Uint8Array>

export interface OutgoingDeps {
  readonly blobs: Pick<BlobStore, 'read'>
  /** The data set with its edits; everything they do not touch is the same bytes (`dicom/edit.ts`). */
  readonly edit: (source: Slices, transferSyntaxUid: string, edits: readonly ResolvedEdit[]) => Slices
}

/**
 * One instance as it leaves: the original and its resolved edits. Reading begins at once, so that the first slice is
 * there when its turn comes. Read it to the end, or discard it.
 */
export class Outgoing implements AsyncIterable<Uint8Array> {
  readonly delivery: ClaimedDelivery
  readonly #iterator: AsyncIterator<Uint8Array>
  #first: Promise<IteratorResult<Uint8Array>> | undefined
  #sha256: string | null = null
  #differs = false

  constructor(delivery: ClaimedDelivery, deps: OutgoingDeps) {
    this.delivery = delivery
    this.#iterator = this.#open(deps)[Symbol.asyncIterator]()
    this.#first = this.#iterator.next()
    this.#first.catch(() => {})
  }

  /** Of all bytes, once they have been read; null before. No hash is computed for what nobody touched: the blob has one. */
  get sha256(): string | null {
    return this.#sha256
  }

  /**
   * Whether an earlier try of exactly these bytes may have been taken. A try that died with its process left no digest, and
   * one that is refused early has none: the same edits by the same code give the same bytes then.
   */
  get maybeTaken(): boolean {
    const { ambiguousBefore, sentSha256, edits, editVersion } = this.delivery
    if (!ambiguousBefore || this.#differs) return false
    if (sentSha256 === null || this.#sha256 === null) return edits.length === 0 || editVersion === EDIT_VERSION
    return sentSha256 === this.#sha256
  }

  /** Resolves when the first slice is there, or with what is wrong with our own bytes: then nothing need be sent. */
  async ready(): Promise<{ readonly error: unknown } | undefined> {
    try {
      await this.#first
      return undefined
    } catch (error) {
      return { error }
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => {
        const first = this.#first
        if (first === undefined) return this.#iterator.next()
        this.#first = undefined
        return first
      },
      return: async () => {
        await this.#close()
        return { done: true, value: undefined }
      },
    }
  }

  /** Lets go of what was read ahead. */
  discard(): void {
    void this.#close()
  }

  async #close(): Promise<void> {
    try {
      await this.#first
      await this.#iterator.return?.()
    } catch {
      // What is wrong with it will be found when it is read to be sent.
    }
  }

  #open({ blobs, edit }: OutgoingDeps): Slices {
    const { blob, edits, transferSyntaxUid, sentSha256 } = this.delivery
    const source = blobs.read(blob)
    if (edits.length > 0) return this.#hashed(edit(source, transferSyntaxUid, edits), sentSha256)
    return this.#untouched(source, sentSha256)
  }

  async *#untouched(source: Slices, expected: string | null): AsyncGenerator<Uint8Array> {
    const { sha256 } = this.delivery.blob
    if (expected !== null && expected !== sha256) throw this.#wouldDiffer()
    yield* source
    this.#sha256 = sha256
  }

  /** The last slice is withheld only where there is something to compare with. */
  async *#hashed(source: Slices, expected: string | null): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256')
    let withheld: Uint8Array | undefined
    for await (const slice of source) {
      hash.update(slice)
      if (expected === null) yield slice
      else {
        if (withheld !== undefined) yield withheld
        withheld = Buffer.from(slice)
      }
    }
    const sha256 = hash.digest('hex')
    if (expected !== null && expected !== sha256) throw this.#wouldDiffer()
    if (withheld !== undefined) yield withheld
    this.#sha256 = sha256
  }

  #wouldDiffer(): KurirError {
    this.#differs = true
    return new KurirError('conflict', 'permanent', 'an earlier try of this delivery sent other bytes')
  }
}
