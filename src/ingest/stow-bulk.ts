import { type FileHandle, mkdir, open, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { hasErrno, KurirError } from '../base/failure.ts'
import type { NewId } from '../base/id.ts'
import type { Bulk } from '../dicomweb/instance-model.ts'

/** Where bulk data stays until the instance that it belongs to can be written. */
export interface BulkRoom {
  /** Below the data directory; emptied when it is opened. */
  readonly folder: string
  readonly newId: NewId
  /** @throws KurirError `disk-full` while there is less free disk than must stay free */
  readonly expectRoom: () => Promise<void>
}

const READ_BYTES = 262_144
/** What may be written until the disk is looked at again. */
const LOOK_EVERY = 64 * 2 ** 20
/** Of one request. */
const MOST_BYTES = 64 * 2 ** 30

/** Makes the folder, and takes away what a crash left in it. */
export async function openBulkRoom(room: BulkRoom): Promise<BulkRoom> {
  await rm(room.folder, { recursive: true, force: true })
  await mkdir(room.folder, { recursive: true, mode: 0o700 })
  return room
}

/**
 * The bulk data of one request, behind one another in one file that has no name: the disk is free again when this is
 * disposed, or when the process dies. Parts come in any order and without a length that could be relied on, and a value's
 * length stands before it: so it is written twice and held in memory never.
 */
export class BulkShelf implements AsyncDisposable {
  readonly #room: BulkRoom
  #file: FileHandle | undefined
  #end = 0
  #lookAt = 0

  constructor(room: BulkRoom) {
    this.#room = room
  }

  /** @throws KurirError `disk-full`, `disk-io`, `too-large`, and what the body throws */
  async take(body: AsyncIterable<Buffer>): Promise<Bulk> {
    const start = this.#end
    for await (const slice of body) await this.#append(slice)
    const end = this.#end
    return { length: end - start, slices: () => this.#read(start, end) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  async #append(slice: Buffer): Promise<void> {
    if (this.#end + slice.length > MOST_BYTES) throw new KurirError('too-large', 'permanent', 'too much bulk data')
    if (this.#end >= this.#lookAt) {
      await this.#room.expectRoom()
      this.#lookAt = this.#end + LOOK_EVERY
    }
    const file = await this.#opened()
    for (let at = 0; at < slice.length; ) {
      const { bytesWritten } = await onDisk(file.write(slice, at, slice.length - at, this.#end))
      at += bytesWritten
      this.#end += bytesWritten
    }
  }

  async #opened(): Promise<FileHandle> {
    if (this.#file !== undefined) return this.#file
    const name = join(this.#room.folder, this.#room.newId())
    this.#file = await onDisk(open(name, 'wx+', 0o600))
    await onDisk(unlink(name))
    return this.#file
  }

  async *#read(start: number, end: number): AsyncGenerator<Buffer, void, void> {
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - start))
    for (let at = start; at < end; ) {
      const file = await this.#opened()
      const { bytesRead } = await onDisk(file.read(buffer, 0, Math.min(buffer.length, end - at), at))
      if (bytesRead === 0) throw new KurirError('disk-io', 'transient', 'bulk data cannot be read back')
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }
}

async function onDisk<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (cause) {
    const full = hasErrno(cause, 'ENOSPC', 'EDQUOT')
    const scarce = hasErrno(cause, 'EMFILE', 'ENFILE')
    const code = full ? 'disk-full' : scarce ? 'out-of-resources' : 'disk-io'
    throw new KurirError(code, 'transient', 'bulk data cannot be written', { cause })
  }
}
