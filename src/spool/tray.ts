import { constants, unlinkSync } from 'node:fs'
import type { NewId } from '../base/id.ts'
import { type BlobKey, blobKey } from './blob-key.ts'
import type { Buckets } from './buckets.ts'
import { closeFile, closeNow, diskFailure, openFile, truncateFile } from './file-io.ts'
import { TrayMaker } from './tray-maker.ts'

/** An empty file whose name would survive a power cut, open for reading and writing; each write to it is flushed (O_DSYNC). */
export interface TrayFile {
  readonly key: BlobKey
  readonly fd: number
}

const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_DSYNC
const OLD_FILE = constants.O_RDWR | constants.O_NOFOLLOW

/**
 * Files made beforehand, so that an object costs no flush of a directory: one flush serves a whole filling. Refilled in
 * the background when half empty. Names are ours; nothing from the network reaches them.
 */
export class Tray implements AsyncDisposable {
  readonly #buckets: Buckets
  readonly #newId: NewId
  readonly #size: number
  readonly #open: TrayFile[] = []
  /** Empty files of an earlier run, whose names have been flushed. */
  readonly #closed: BlobKey[] = []
  readonly #flags: number
  readonly #maker = new TrayMaker()
  #filling: Promise<void> | undefined
  #disposed = false

  /**
   * @param size files on a full tray; as many descriptors are held open
   * @param flags what every file is opened with besides (`direct-io.ts`)
   */
  constructor(buckets: Buckets, newId: NewId, size: number, flags = 0) {
    this.#buckets = buckets
    this.#newId = newId
    this.#size = size
    this.#flags = flags
  }

  /** Hands over empty files of an earlier run, when the names in their folders have been flushed again. */
  reuse(keys: Iterable<BlobKey>): void {
    for (const key of keys) this.#closed.push(key)
  }

  /** @throws KurirError `disk-full`, `disk-io`, `out-of-resources` */
  async take(): Promise<TrayFile> {
    let file = this.#open.pop()
    while (file === undefined) {
      await this.#fill()
      file = this.#open.pop()
    }
    if (this.#open.length < this.#size / 2) this.#fill().catch(ignoreUntilTaken)
    return file
  }

  /** Empties a file that was begun and not finished, for the next object. */
  async putBack(file: TrayFile): Promise<void> {
    try {
      await truncateFile(file.fd)
    } catch {
      return this.drop(file)
    }
    if (this.#disposed) await closeFile(file.fd)
    else this.#open.push(file)
  }

  /** A second descriptor, for a file that grows: what is written through it is flushed when it is asked for. */
  reopen(file: TrayFile): Promise<number> {
    return openFile(this.#buckets.path(file.key), OLD_FILE | this.#flags)
  }

  /** Takes a file away for good: its disk has failed it once and may say anything the second time. */
  async drop(file: TrayFile): Promise<void> {
    try {
      unlinkSync(this.#buckets.path(file.key))
    } catch {
      // It stays; recovery judges it at the next start.
    }
    await closeFile(file.fd).catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.#filling?.catch(() => {})
    await this.#maker.close()
    for (const file of this.#open.splice(0)) closeNow(file.fd)
  }

  /** Fills up to the brim; one filling at a time, which everybody who waits shares. */
  #fill(): Promise<void> {
    this.#filling ??= this.#fillUp().finally(() => {
      this.#filling = undefined
    })
    return this.#filling
  }

  async #fillUp(): Promise<void> {
    try {
      await this.#reopen()
      const wanted = this.#size - this.#open.length
      if (wanted > this.#size / 4) await this.#make(wanted)
    } catch (error) {
      throw diskFailure(error)
    }
  }

  async #reopen(): Promise<void> {
    while (this.#open.length < this.#size) {
      const key = this.#closed.pop()
      if (key === undefined) return
      this.#open.push({ key, fd: await openFile(this.#buckets.path(key), OLD_FILE | constants.O_DSYNC | this.#flags) })
    }
  }

  async #make(count: number): Promise<void> {
    const bucket = await this.#buckets.reserve(count)
    const keys = Array.from({ length: count }, () => newKey(bucket.name, this.#newId()))
    const paths = keys.map((key) => this.#buckets.path(key))
    const fds = await this.#maker.make({ paths, flags: NEW_FILE | this.#flags })
    const made = keys.map((key, place): TrayFile => ({ key, fd: fds[place] ?? -1 }))
    try {
      await this.#buckets.flushNames(bucket.fd)
    } catch (error) {
      await Promise.all(made.map((file) => this.drop(file)))
      throw error
    }
    this.#open.push(...made)
  }
}

function newKey(bucket: string, name: string): BlobKey {
  const key = blobKey(bucket, name)
  if (key === undefined) throw new Error('ids are UUIDs')
  return key
}

// Whoever takes the next file from an empty tray fills it again and hears of what is wrong then.
const ignoreUntilTaken = (): void => {}
