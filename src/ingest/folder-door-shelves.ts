import { link, lstat, mkdir, open, realpath, rename, unlink } from 'node:fs/promises'
import { hasErrno, KurirError } from '../base/failure.ts'
import { fsPath, isWithin, type RawPath, rawPath } from './folder-door-path.ts'
import { isSameContent } from './folder-door-settling.ts'
import type { FoundFile } from './folder-door-tree.ts'

export const DONE = 'done'
export const REFUSED = 'refused'

/** How many names are tried for a file whose name is taken. */
const MOST_VERSIONS = 1_000
const LONGEST_NAME = 255
const REASON_FILE = '.reason.txt'

/** `changed`: the name stands for something else by now, which has been left in the drop folder. */
export type Moved = 'moved' | 'gone' | 'changed'

/** The two subfolders into which a drop folder empties itself: what was taken, and what was not, each with its reason. */
export class Shelves {
  /** The drop folder without symbolic links. */
  readonly top: RawPath
  /** Names under done that are being moved to, so that their empty file is not taken for one of an earlier process. */
  readonly #taking = new Set<RawPath>()

  private constructor(top: RawPath) {
    this.top = top
  }

  /**
   * Makes the folder and its two shelves where they are not there.
   *
   * @throws KurirError `disk-io` when a shelf is no folder of its own, or Node's error
   */
  static async open(folder: string): Promise<Shelves> {
    await mkdir(folder, { recursive: true, mode: 0o770 })
    const top = await realpath(fsPath(rawPath(folder)), { encoding: 'latin1' })
    for (const name of [DONE, REFUSED]) {
      const shelf = fsPath(`${top}/${name}`)
      if (!(await makeFolder(shelf))) throw notUsable(`"${name}" in the drop folder is something else than a folder`)
    }
    return new Shelves(top)
  }

  putDone(file: FoundFile): Promise<Moved> {
    return this.#put(DONE, file)
  }

  /** @param reason sentences for a person; nothing of the object */
  putRefused(file: FoundFile, reason: string): Promise<Moved> {
    return this.#put(REFUSED, file, reason)
  }

  /** A name that is taken is never replaced. The reason is there before the file: one without the other would puzzle. */
  async #put(shelf: string, file: FoundFile, reason?: string): Promise<Moved> {
    const { path, steps } = file
    const from = path.slice(0, path.lastIndexOf('/'))
    const name = steps.at(-1) ?? ''
    try {
      const into = await this.#makeBelow(shelf, steps.slice(0, -1))
      if (!(await isWithin(from, this.top))) return 'gone'
      const target = await firstFree(into, name, async (free) => {
        if (reason !== undefined && !(await writeReason(free, reason))) return false
        if (await (shelf === DONE ? this.#moveToDone(path, free) : moveTo(path, free))) return true
        if (reason !== undefined) await unlink(fsPath(reasonPath(free)))
        return false
      })
      if (isSameContent(await lstat(fsPath(target)), file.stats)) return 'moved'
      // A device that writes one name again and again: this has not been taken yet.
      await firstFree(from, name, (free) => giveBack(target, free))
      if (reason !== undefined) await unlink(fsPath(reasonPath(target)))
      return 'changed'
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return 'gone'
      throw error
    }
  }

  /** An empty file under done was never taken: it is what a process left that was killed in `moveTo`, before it renamed. */
  async #moveToDone(path: RawPath, target: RawPath): Promise<boolean> {
    if (this.#taking.has(target)) return false
    this.#taking.add(target)
    try {
      if (await moveTo(path, target)) return true
      const there = await lstat(fsPath(target))
      if (!there.isFile() || there.size > 0) return false
      await rename(fsPath(path), fsPath(target))
      return true
    } finally {
      this.#taking.delete(target)
    }
  }

  /** The same folders below a shelf. One whose name a file has there, or a link to elsewhere, takes the next free name. */
  async #makeBelow(shelf: string, steps: readonly RawPath[]): Promise<RawPath> {
    let into = `${this.top}/${shelf}`
    for (const step of steps) into = await firstFree(into, step, (free) => makeFolder(fsPath(free)))
    return into
  }
}

/** The first of a name and its numbered versions that could be had. @throws KurirError `disk-io` when none could */
async function firstFree(folder: RawPath, name: RawPath, have: (path: RawPath) => Promise<boolean>): Promise<RawPath> {
  for (let version = 1; version <= MOST_VERSIONS; version += 1) {
    const path = `${folder}/${numbered(name, version)}`
    if (await have(path)) return path
  }
  throw notUsable('no free name')
}

const notUsable = (message: string): KurirError => new KurirError('disk-io', 'permanent', message)

/** Whether it is a folder now, and no link to one. */
async function makeFolder(path: Buffer): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o770 })
    return true
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error
    return (await lstat(path)).isDirectory()
  }
}

/**
 * Moves whatever stands under a name by now, in one step, so that what came in its place is never taken away instead.
 * Renaming would replace what has the other name: that is taken first, by an empty file.
 *
 * @returns whether the name was free
 */
async function moveTo(path: RawPath, target: RawPath): Promise<boolean> {
  try {
    await (await open(fsPath(target), 'wx', 0o640)).close()
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    throw error
  }
  try {
    await rename(fsPath(path), fsPath(target))
    return true
  } catch (error) {
    // A file that cannot leave its folder must not leave a name behind at each try.
    await unlink(fsPath(target))
    throw error
  }
}

/** As `moveTo`, for a name that others write to: not even an empty file of ours stands there meanwhile. */
async function giveBack(path: RawPath, target: RawPath): Promise<boolean> {
  try {
    await link(fsPath(path), fsPath(target))
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    // A file system without hard links.
    if (hasErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) return moveTo(path, target)
    throw error
  }
  await unlink(fsPath(path))
  return true
}

async function writeReason(target: RawPath, reason: string): Promise<boolean> {
  try {
    const file = await open(fsPath(reasonPath(target)), 'wx', 0o640)
    try {
      await file.writeFile(reason)
    } finally {
      await file.close()
    }
    return true
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    throw error
  }
}

function reasonPath(target: RawPath): RawPath {
  const cut = target.lastIndexOf('/') + 1
  return `${target.slice(0, cut)}${target.slice(cut, cut + LONGEST_NAME - REASON_FILE.length)}${REASON_FILE}`
}

function numbered(name: string, version: number): string {
  if (version === 1) return name
  const end = `-${version}`
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 && name.length - dot <= 5 ? name.slice(dot) : ''
  const stem = name.slice(0, name.length - extension.length)
  return `${stem.slice(0, LONGEST_NAME - end.length - extension.length)}${end}${extension}`
}
