import { link, lstat, mkdir, open, realpath, rename, unlink } from 'node:fs/promises'
import { hasErrno, KurirError } from '../base/failure.ts'
import { fsPath, isWithin, type RawPath, rawPath } from './folder-door-path.ts'
import type { FoundFile } from './folder-door-tree.ts'

export const DONE = 'done'
export const REFUSED = 'refused'

/** How many names are tried for a file whose name is taken. */
const MOST_VERSIONS = 1_000
const LONGEST_NAME = 255
const REASON_FILE = '.reason.txt'

export type Moved = 'moved' | 'gone'

/** The two subfolders into which a drop folder empties itself: what was taken, and what was not, each with its reason. */
export class Shelves {
  /** The drop folder without symbolic links. */
  readonly top: RawPath

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
  async #put(shelf: string, { path, steps }: FoundFile, reason?: string): Promise<Moved> {
    const from = path.slice(0, path.lastIndexOf('/'))
    const name = steps.at(-1) ?? ''
    try {
      const into = await this.#makeBelow(shelf, steps.slice(0, -1))
      if (!(await isWithin(from, this.top))) return 'gone'
      for (let version = 1; version <= MOST_VERSIONS; version += 1) {
        const target = `${into}/${numbered(name, version)}`
        if (reason !== undefined && !(await writeReason(target, reason))) continue
        if (await moveTo(path, target)) return 'moved'
        if (reason !== undefined) await unlink(fsPath(reasonPath(target)))
      }
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return 'gone'
      throw error
    }
    throw notUsable('no free name')
  }

  /** The same folders below a shelf. One whose name a file has there, or a link to elsewhere, takes the next free name. */
  async #makeBelow(shelf: string, steps: readonly RawPath[]): Promise<RawPath> {
    let into = `${this.top}/${shelf}`
    for (const step of steps) into = await this.#makeStep(into, step)
    return into
  }

  async #makeStep(into: RawPath, step: RawPath): Promise<RawPath> {
    for (let version = 1; version <= MOST_VERSIONS; version += 1) {
      const folder = `${into}/${numbered(step, version)}`
      if (await makeFolder(fsPath(folder))) return folder
    }
    throw notUsable('no free name')
  }
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

/** Whether the name was free. */
async function moveTo(path: RawPath, target: RawPath): Promise<boolean> {
  try {
    await link(fsPath(path), fsPath(target))
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    if (hasErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK')) return renameTo(path, target)
    throw error
  }
  await orWithdraw(target, unlink(fsPath(path)))
  return true
}

/** A file that cannot leave its folder must not leave a name behind at each try. */
async function orWithdraw(target: RawPath, moving: Promise<void>): Promise<void> {
  try {
    await moving
  } catch (error) {
    await unlink(fsPath(target))
    throw error
  }
}

/** For file systems without hard links: the name is taken first, by an empty file. */
async function renameTo(path: RawPath, target: RawPath): Promise<boolean> {
  try {
    await (await open(fsPath(target), 'wx', 0o640)).close()
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false
    throw error
  }
  await orWithdraw(target, rename(fsPath(path), fsPath(target)))
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
