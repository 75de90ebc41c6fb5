import type { FileMeta } from '../dicom/file-meta.ts'
import type { BlobRef } from '../ledger/blob-ref.ts'
import type { InstanceId } from '../ledger/ids.ts'

/** A blob that was given all its bytes. It is safe from a power cut once `durable` has resolved; if that rejects it is gone. */
export interface FinishedBlob {
  readonly ref: BlobRef
  readonly durable: Promise<void>
}

/** One blob being written. The slices are the data set's bytes exactly as received. */
export interface BlobSink {
  /** Resolves when more may be written; the slice may be reused from then on. */
  write(slice: Uint8Array): Promise<void> | void
  /**
   * Starts the last write, commit record included, and its flush: the caller overlaps them with the ledger's commit.
   *
   * @throws KurirError when a write has failed already: then `abort` is to be called
   */
  finish(): FinishedBlob
  /** Leaves nothing behind. */
  abort(): Promise<void>
}

/** Where the bytes of instances are kept: on disks of this node today. Names are the store's own. */
export interface BlobStore {
  /** @throws KurirError `disk-full` when there is no room, `disk-io` when the disk fails. */
  begin(id: InstanceId, meta: FileMeta): Promise<BlobSink>
  /**
   * The data set's bytes, from `start` (default 0), in slices of at most 1 MB that are only valid until the next one is
   * asked for. Read whole from 0, the last slice is withheld until the SHA-256 of all has matched.
   *
   * @throws KurirError `blob-missing`, `blob-corrupt`
   */
  read(ref: BlobRef, start?: number): AsyncIterable<Uint8Array>
  remove(ref: BlobRef): Promise<void>
  /**
   * Bytes that a new blob could use, and the size of the volume.
   *
   * @throws KurirError `disk-io`
   */
  space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>
}
