import { unlinkSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { hasErrno, KurirError } from '../base/failure.ts'
import type { NewId } from '../base/id.ts'
import { encodePart10Head, type FileMeta } from '../dicom/file-meta.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import type { BlobRef } from '../ledger/blob-ref.ts'
import type { InstanceId } from '../ledger/ids.ts'
import { parseBlobKey } from './blob-key.ts'
import type { BlobStore } from './blob-store.ts'
import { Buckets } from './buckets.ts'
import { BufferPool } from './buffer-pool.ts'
import { type SpoolCounters, type SpoolCounts, zeroCounters } from './counts.ts'
import { BLOCK_BYTES, directFlag } from './direct-io.ts'
import { readDataSet } from './disk-blob-reader.ts'
import { DiskBlobSink } from './disk-blob-sink.ts'
import { diskFailure } from './file-io.ts'
import { Tray } from './tray.ts'

/** Most objects are one write; two buffers serve an object, whatever its size. */
const WRITE_BYTES = 1024 * 1024
const READ_BYTES = 1024 * 1024
const FLUSH_EVERY = 64 * 1024 * 1024

export interface DiskBlobStoreOptions {
  /** The spool's folder, made when it is missing. */
  readonly folder: string
  /** The name of this node, as it stands in every `BlobRef`. */
  readonly node: string
  readonly newId: NewId
  /** Files made beforehand; as many descriptors are held. Default 256. */
  readonly traySize?: number
  /** An object that is being received is flushed each time it has grown by so many bytes. Default 64 MB. */
  readonly flushEvery?: number
}

/** Blobs as Part 10 files on a disk of this node (README.md says how, and what a power cut leaves). */
export class DiskBlobStore implements BlobStore, AsyncDisposable {
  readonly buckets: Buckets
  readonly tray: Tray
  readonly node: string
  readonly #counters: SpoolCounters
  readonly #flags: number
  readonly #flushEvery: number
  readonly #writePool = new BufferPool(WRITE_BYTES, 16)
  readonly #blockPool = new BufferPool(BLOCK_BYTES, 64)
  readonly #readPool = new BufferPool(READ_BYTES, 16)

  private constructor(options: DiskBlobStoreOptions, buckets: Buckets, counters: SpoolCounters, flags: number) {
    this.node = options.node
    this.#counters = counters
    this.#flags = flags
    this.#flushEvery = options.flushEvery ?? FLUSH_EVERY
    this.buckets = buckets
    this.tray = new Tray(buckets, options.newId, options.traySize ?? 256, flags)
  }

  /** @throws KurirError `disk-full`, `disk-io` */
  static async open(options: DiskBlobStoreOptions): Promise<DiskBlobStore> {
    const counters = zeroCounters()
    try {
      const buckets = await Buckets.open(options.folder, counters)
      return new DiskBlobStore(options, buckets, counters, directFlag(options.folder))
    } catch (error) {
      throw diskFailure(error)
    }
  }

  get counts(): SpoolCounts {
    return { ...this.#counters }
  }

  async begin(id: InstanceId, meta: FileMeta): Promise<DiskBlobSink> {
    const head = encodePart10Head(meta)
    // What stands there came from the network; a peer cannot make it longer than a buffer, but this is where it would hurt.
    if (head.length > WRITE_BYTES / 2) throw new KurirError('invalid-argument', 'permanent', 'file meta too long')
    const growing = { chunks: this.#writePool, blocks: this.#blockPool, flushEvery: this.#flushEvery }
    const deps = { tray: this.tray, ...growing, counters: this.#counters, node: this.node }
    const transferSyntax = transferSyntaxOf(meta.transferSyntaxUid)
    return new DiskBlobSink(deps, await this.tray.take(), { id, head, transferSyntax })
  }

  read(ref: BlobRef, start = 0): AsyncGenerator<Uint8Array> {
    const path = this.buckets.path(parseBlobKey(ref.key))
    return readDataSet(path, ref, start, this.#readPool, this.#flags)
  }

  /** Missing ones are no error: removing twice has its effect once. */
  async remove(ref: BlobRef): Promise<void> {
    try {
      unlinkSync(this.buckets.path(parseBlobKey(ref.key)))
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw diskFailure(error)
    }
  }

  async space(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }> {
    try {
      const volume = await statfs(this.buckets.root)
      return { freeBytes: volume.bavail * volume.bsize, totalBytes: volume.blocks * volume.bsize }
    } catch (error) {
      throw diskFailure(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tray[Symbol.asyncDispose]()
    await this.buckets.close()
  }
}
