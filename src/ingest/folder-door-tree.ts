import type { Stats } from 'node:fs'
import { lstat, opendir, rmdir } from 'node:fs/promises'
import { hasErrno } from '../base/failure.ts'
import { fsPath, type RawPath } from './folder-door-path.ts'

/** A regular file in the drop folder. */
export interface FoundFile {
  /** The folders below the drop folder, then the name. */
  readonly steps: readonly RawPath[]
  readonly path: RawPath
  readonly stats: Stats
}

export interface TreeOptions {
  readonly top: RawPath
  /** Names right below the top that are not looked into. */
  readonly except: readonly string[]
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** Deeper than any exchange medium; what is below is left alone. */
const DEEPEST = 32
/** An empty subfolder that nobody has touched for this long is removed: a device that makes one a study makes many. */
const EMPTY_FOR_MS = 3_600_000

// Names under which programs write before they rename, and names that only a desktop cares for.
const UNFINISHED = /^\.|~$|\.(?:part|partial|filepart|crdownload|tmp)$/i

/**
 * Every regular file below the top, one after the other, whatever its name. Symbolic links are not followed; devices, pipes
 * and sockets are passed over. Memory does not grow with the number of files.
 */
export async function* filesBelow(options: TreeOptions): AsyncGenerator<FoundFile> {
  yield* filesIn(options, options.top, [])
}

async function* filesIn(
  options: TreeOptions,
  folder: RawPath,
  steps: readonly RawPath[],
): AsyncGenerator<FoundFile, boolean> {
  let isEmpty = true
  for await (const entry of await opendir(fsPath(folder), { encoding: 'latin1' })) {
    const name = entry.name
    if (steps.length === 0 && options.except.includes(name)) continue
    isEmpty = false
    const path = `${folder}/${name}`
    const stats = await statsOf(path)
    if (stats?.isDirectory()) {
      if (steps.length < DEEPEST) yield* folderIn(options, path, [...steps, name], stats)
    } else if (stats?.isFile() && !UNFINISHED.test(name)) yield { steps: [...steps, name], path, stats }
  }
  return isEmpty
}

async function* folderIn(
  options: TreeOptions,
  path: RawPath,
  steps: readonly RawPath[],
  stats: Stats,
): AsyncGenerator<FoundFile> {
  try {
    const isEmpty = yield* filesIn(options, path, steps)
    // Fails where something has come in meanwhile, and that is well.
    if (isEmpty && options.now - stats.mtimeMs > EMPTY_FOR_MS) await rmdir(fsPath(path))
  } catch (error) {
    // One folder that cannot be read, or has gone, keeps no other from being looked at.
    if (!hasErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'ENOTDIR', 'ENOTEMPTY', 'ENAMETOOLONG')) throw error
  }
}

async function statsOf(path: RawPath): Promise<Stats | undefined> {
  try {
    return await lstat(fsPath(path))
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'ENAMETOOLONG')) return undefined
    throw error
  }
}
