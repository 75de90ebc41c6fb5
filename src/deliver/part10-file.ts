import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { hasErrno } from '../base/failure.ts'

const TEMPORARY = '.kurir-'
const UNFINISHED = '.part'
/** How many names are tried for other bytes under one name. */
const MOST_VERSIONS = 100

/** A file being written under a name that nobody looks for. */
export interface UnfinishedFile {
  readonly path: string
  readonly handle: FileHandle
}

/** @param writer tells our own unfinished files from those that an earlier process left */
export async function beginFile(folder: string, writer: string): Promise<UnfinishedFile> {
  const path = join(folder, `${TEMPORARY}${writer}-${randomUUID()}${UNFINISHED}`)
  return { path, handle: await open(path, 'wx', 0o640) }
}

/** Removes what an earlier process left unfinished in the folder. */
export async function sweepUnfinished(folder: string, writer: string): Promise<void> {
  const isLeft = (name: string): boolean =>
    name.startsWith(TEMPORARY) && name.endsWith(UNFINISHED) && !name.startsWith(`${TEMPORARY}${writer}-`)
  for (const name of await readdir(folder)) if (isLeft(name)) await unlink(join(folder, name)).catch(() => {})
}

export type Placed = { readonly kind: 'placed' | 'already-there' | 'no-free-name' }

/**
 * Gives a file that is written and synced its name below `folder`, durably: the name, and every folder that was made for it,
 * would survive a power cut. The same bytes under that name count as placed already. Other bytes stay as they are, and the
 * file takes the next free name: `1.2.3.dcm`, `1.2.3-2.dcm`, …
 */
export async function placeFile(
  temporary: string,
  folder: string,
  steps: readonly string[],
  safe: SafeFolders,
): Promise<Placed> {
  const target = join(folder, ...steps)
  const into = dirname(target)
  await safe.make(folder, into)
  try {
    for (let version = 1; version <= MOST_VERSIONS; version += 1) {
      const name = version === 1 ? target : numbered(target, version)
      if (await tryName(temporary, name)) {
        await syncPath(into)
        return { kind: 'placed' }
      }
      if (await sameBytes(temporary, name)) {
        // Whoever wrote it may not have made its bytes and its name safe.
        await syncPath(name)
        await syncPath(into)
        return { kind: 'already-there' }
      }
    }
    return { kind: 'no-free-name' }
  } finally {
    await unlink(temporary).catch(() => {})
  }
}

/** Unlike rename, link never replaces what has the name already. */
async function tryName(temporary: string, name: string): Promise<boolean> {
  try {
    await link(temporary, name)
    return true
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    if (hasErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) return reserveName(temporary, name)
    throw error
  }
}

/** For file systems without hard links: the name is taken first, by an empty file, and then given to ours. */
async function reserveName(temporary: string, name: string): Promise<boolean> {
  try {
    await (await open(name, 'wx', 0o640)).close()
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    throw error
  }
  try {
    await rename(temporary, name)
  } catch (error) {
    // Left there, it would pass for other bytes under the name.
    await unlink(name).catch(() => {})
    throw error
  }
  return true
}

function numbered(target: string, version: number): string {
  const dot = target.lastIndexOf('.')
  const cut = dot > target.lastIndexOf(sep) + 1 && target.length - dot <= 5 ? dot : target.length
  return `${target.slice(0, cut)}-${version}${target.slice(cut)}`
}

const MOST_REMEMBERED = 1_000

/** The folders whose names are known to be safe from a power cut: those that this process synced, whoever made them. */
export class SafeFolders {
  readonly #safe = new Set<string>()

  /** Makes `into` and what is missing above it, down from `top`, and makes their names safe. */
  async make(top: string, into: string): Promise<void> {
    const made = await mkdir(into, { recursive: true, mode: 0o750 })
    if (made === undefined && this.#safe.has(into)) return
    // Each folder is a name in the one above it.
    for (let folder = into; folder.length > top.length; folder = dirname(folder)) await syncPath(dirname(folder))
    if (this.#safe.size >= MOST_REMEMBERED) this.#safe.clear()
    this.#safe.add(into)
  }
}

/** Makes the bytes of a file, or the names in a folder, safe from a power cut. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function sameBytes(one: string, other: string): Promise<boolean> {
  const theirs = createReadStream(other)[Symbol.asyncIterator]()
  let left: Uint8Array = new Uint8Array(0)
  try {
    for await (const chunk of createReadStream(one)) {
      let ours: Uint8Array = chunk
      while (ours.length > 0) {
        if (left.length === 0) {
          const next = await theirs.next()
          if (next.done) return false
          left = next.value
        }
        const length = Math.min(ours.length, left.length)
        if (Buffer.compare(ours.subarray(0, length), left.subarray(0, length)) !== 0) return false
        ours = ours.subarray(length)
        left = left.subarray(length)
      }
    }
    return left.length === 0 && (await theirs.next()).done === true
  } finally {
    await theirs.return?.()
  }
}
