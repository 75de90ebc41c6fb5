import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type Entry, fromFdPromise, type ZipFile } from 'yauzl'
import { hasErrno, KurirError } from '../base/failure.ts'
import type { UploadIntake, UploadRefusal } from './upload-door-intake.ts'

/** What an archive may be, and what may come out of it. */
export interface ArchiveLimits {
  /** Of the archive as it came. */
  readonly bytes: number
  readonly entries: number
  /** Of everything in it together. */
  readonly inflated: number
  /** What comes out to what went in, judged once more than `freely` has come out: pictures in black do shrink a thousandfold. */
  readonly ratio: number
  readonly freely: number
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  bytes: 16 * 2 ** 30,
  entries: 100_000,
  inflated: 64 * 2 ** 30,
  ratio: 200,
  freely: 64 * 2 ** 20,
}

export interface ArchiveDeps {
  /** A folder of our own on the volume of the spool; it exists. */
  readonly folder: string
  readonly newId: () => string
  /** @throws KurirError `disk-full` when nothing more may be put on the volume */
  readonly expectRoom: () => Promise<void>
  readonly limits: ArchiveLimits
}

const LOOK_FOR_ROOM_EVERY = 64 * 2 ** 20
const SYMBOLIC_LINK = 0o120000
const FILE_TYPE = 0o170000

/**
 * A ZIP archive on its way in. Its directory stands at its end, so it is kept in a file first; one without a name, which is
 * gone with the process whatever happens. Names inside the archive are never decoded and never part of a path.
 */
export class UploadedArchive implements AsyncDisposable {
  readonly #file: FileHandle
  readonly #deps: ArchiveDeps
  #bytes = 0
  #nextLook = LOOK_FOR_ROOM_EVERY

  private constructor(file: FileHandle, deps: ArchiveDeps) {
    this.#file = file
    this.#deps = deps
  }

  /**
   * Reads the archive to its end.
   *
   * @throws KurirError `too-large`, `disk-full`, `disk-io`, and what `slices` throws
   */
  static async receive(slices: AsyncIterable<Uint8Array>, deps: ArchiveDeps): Promise<UploadedArchive> {
    await deps.expectRoom()
    const path = join(deps.folder, deps.newId())
    const file = await open(path, 'wx+', 0o600)
    await unlink(path)
    const archive = new UploadedArchive(file, deps)
    try {
      for await (const slice of slices) await archive.#write(slice)
      return archive
    } catch (error) {
      await archive[Symbol.asyncDispose]()
      throw hasErrno(error, 'ENOSPC', 'EDQUOT', 'EIO') ? diskFailure(error) : error
    }
  }

  /** Hands every entry to the intake, one after the other. An archive that is none, or a bomb, is refused as a whole from there on. */
  async takeAll(place: string, intake: UploadIntake): Promise<void> {
    let zip: ZipFile
    try {
      zip = await fromFdPromise(this.#file.fd, {
        autoClose: false,
        lazyEntries: true,
        decodeStrings: false,
        validateEntrySizes: true,
      })
    } catch {
      return intake.refuse(place, 'damaged')
    }
    if (zip.entryCount > this.#deps.limits.entries) return intake.refuse(place, 'too-large')
    try {
      await this.#takeEntries(zip, place, intake)
    } catch (error) {
      intake.refuse(place, error instanceof KurirError ? error.code : 'damaged')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }

  async #write(slice: Uint8Array): Promise<void> {
    this.#bytes += slice.length
    if (this.#bytes > this.#deps.limits.bytes) throw tooLarge()
    if (this.#bytes >= this.#nextLook) {
      this.#nextLook += LOOK_FOR_ROOM_EVERY
      await this.#deps.expectRoom()
    }
    // A disk with room for some of it takes that, and says nothing.
    for (let at = 0; at < slice.length; ) at += (await this.#file.write(slice, at)).bytesWritten
  }

  async #takeEntries(zip: ZipFile, place: string, intake: UploadIntake): Promise<void> {
    let inflated = 0
    const count = (bytes: number): void => {
      inflated += bytes
      const { ratio, freely } = this.#deps.limits
      if (inflated > this.#deps.limits.inflated) throw tooLarge()
      if (inflated > freely && inflated > this.#bytes * ratio) throw tooLarge()
    }
    let number = 0
    for await (const entry of zip.eachEntry()) {
      number += 1
      // One that lies about their number has more than it says.
      if (number > this.#deps.limits.entries) throw tooLarge()
      if (isFile(entry)) await takeEntry(zip, entry, `${place}, entry ${number}`, intake, count)
    }
  }
}

async function takeEntry(
  zip: ZipFile,
  entry: Entry,
  place: string,
  intake: UploadIntake,
  count: (bytes: number) => void,
): Promise<void> {
  const reason = refusalOf(entry)
  if (reason !== undefined) return intake.refuse(place, reason)
  try {
    const slices = checked(await zip.openReadStreamPromise(entry), entry.crc32, count)
    const [first, whole] = await peek(slices)
    if (isArchive(first)) intake.refuse(place, 'nested-archive')
    else await intake.take(place, whole)
  } catch (error) {
    if (error instanceof KurirError) throw error
    // One entry that is damaged says nothing of the others.
    intake.refuse(place, 'damaged')
  }
}

/** Folders end with a slash; a symbolic link is a file whose content is a path, and nobody's image. */
const isFile = ({ fileName, externalFileAttributes }: Entry): boolean => {
  const name: unknown = fileName
  const isFolder = Buffer.isBuffer(name) && name.at(-1) === 0x2f
  return !isFolder && ((externalFileAttributes >>> 16) & FILE_TYPE) !== SYMBOLIC_LINK
}

function refusalOf(entry: Entry): UploadRefusal | undefined {
  if (entry.isEncrypted()) return 'encrypted'
  return entry.canDecodeFileData() ? undefined : 'compression-not-supported'
}

/** yauzl holds an entry against its length, not against its checksum (APPNOTE 4.4.7). */
async function* checked(
  slices: AsyncIterable<Uint8Array>,
  expected: number,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let sum = 0
  for await (const slice of slices) {
    count(slice.length)
    sum = crc32(slice, sum)
    yield slice
  }
  if (sum !== expected) throw new Error('an entry of an archive is not what was put in')
}

/** The first slice, and all of them. Slices of an inflater stay valid. */
export async function peek<Slice extends Uint8Array>(
  slices: AsyncIterable<Slice>,
): Promise<readonly [Slice | undefined, AsyncIterable<Slice>]> {
  const iterator = slices[Symbol.asyncIterator]()
  const first = await iterator.next()
  async function* whole(): AsyncGenerator<Slice> {
    try {
      for (let next = first; next.done !== true; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  }
  return [first.done === true ? undefined : first.value, whole()]
}

/** Begins as a ZIP archive does, with an entry or with the end of an empty directory (APPNOTE 4.3). */
export const isArchive = (first: Uint8Array | undefined): boolean =>
  first?.[0] === 0x50 && first[1] === 0x4b && ((first[2] === 3 && first[3] === 4) || (first[2] === 5 && first[3] === 6))

const tooLarge = (): KurirError => new KurirError('too-large', 'permanent', 'the archive is larger than is taken')

const diskFailure = (cause: unknown): KurirError =>
  hasErrno(cause, 'EIO')
    ? new KurirError('disk-io', 'transient', 'the archive could not be kept', { cause })
    : new KurirError('disk-full', 'transient', 'no room for the archive', { cause })
