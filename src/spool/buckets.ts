import { constants, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { type BlobKey, blobKey, bucketName, parseBucket } from './blob-key.ts'
import type { SpoolCounters } from './counts.ts'
import { closeFile, flushDirectory, openFile } from './file-io.ts'

/** Entries after which a directory is full and the next one is begun. */
const BUCKET_FILES = 4096

/** The folders of the spool. Files are only ever added to the newest; a bucket's number never falls while it runs. */
export class Buckets {
  readonly root: string
  readonly #counters: SpoolCounters
  readonly #capacity: number
  #current: { readonly number: number; readonly fd: number } | undefined
  #entries = 0

  private constructor(root: string, counters: SpoolCounters, capacity: number) {
    this.root = root
    this.#counters = counters
    this.#capacity = capacity
  }

  /** Makes the spool's folder where there is none, and flushes its name. */
  static async open(root: string, counters: SpoolCounters, capacity: number = BUCKET_FILES): Promise<Buckets> {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    const buckets = new Buckets(root, counters, capacity)
    await buckets.flushNamesIn(join(root, '..'))
    return buckets
  }

  /** Every file under a name of ours, bucket by bucket, oldest first. */
  *files(): Generator<{ readonly bucket: string; readonly keys: readonly BlobKey[] }> {
    const names = readdirSync(this.root).filter((name) => parseBucket(name) !== undefined)
    for (const bucket of names.sort()) {
      const keys = readdirSync(join(this.root, bucket))
        .sort()
        .map((name) => blobKey(bucket, name))
      yield { bucket, keys: keys.filter((key) => key !== undefined) }
    }
  }

  path(key: BlobKey): string {
    return join(this.root, key)
  }

  /** The bucket that `count` new files go into. Its own name is already flushed. */
  async reserve(count: number): Promise<{ readonly name: string; readonly fd: number }> {
    if (this.#current === undefined) await this.#beginWith(this.#newest())
    else if (this.#entries + count > this.#capacity) await this.#beginWith(this.#current.number + 1)
    const current = this.#current
    if (current === undefined) throw new Error('a bucket has just been begun')
    this.#entries += count
    return { name: bucketName(current.number), fd: current.fd }
  }

  /** Flushes the names in one folder. */
  async flushNamesIn(folder: string): Promise<void> {
    const fd = await openFile(folder, constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      await this.flushNames(fd)
    } finally {
      await closeFile(fd)
    }
  }

  /** A folder whose flush has failed is never asked again: the next files go to a new one. */
  async flushNames(fd: number): Promise<void> {
    this.#counters.directoryFlushes += 1
    try {
      await flushDirectory(fd)
    } catch (error) {
      if (fd === this.#current?.fd) this.#entries = this.#capacity
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#current !== undefined) await closeFile(this.#current.fd)
    this.#current = undefined
  }

  async #beginWith(number: number): Promise<void> {
    const folder = join(this.root, bucketName(number))
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    await this.#flushNameOf(folder)
    const entries = readdirSync(folder).length
    const fd = await openFile(folder, constants.O_RDONLY | constants.O_DIRECTORY)
    const before = this.#current
    this.#current = { number, fd }
    this.#entries = entries
    if (before !== undefined) await closeFile(before.fd)
  }

  /** A second flush would say nothing of a name whose first one failed: it is made anew then. One with files in it was flushed. */
  async #flushNameOf(folder: string): Promise<void> {
    try {
      await this.flushNamesIn(this.root)
    } catch (error) {
      try {
        rmdirSync(folder)
      } catch {
        // It has files, or the disk takes nothing away either.
      }
      throw error
    }
  }

  // The newest one that still has room, else the one after it.
  #newest(): number {
    const numbers = readdirSync(this.root)
      .map(parseBucket)
      .filter((number) => number !== undefined)
    const newest = Math.max(0, ...numbers)
    const full = numbers.length > 0 && readdirSync(join(this.root, bucketName(newest))).length >= this.#capacity / 2
    return full ? newest + 1 : newest
  }
}
