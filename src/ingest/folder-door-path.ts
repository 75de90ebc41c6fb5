import { realpath } from 'node:fs/promises'
import { sep } from 'node:path'

/**
 * A path as the file system has it, byte for byte: each character of the text is one byte. Names of legacy devices are often
 * no UTF-8, and a name that was decoded cannot be opened any more.
 */
export type RawPath = string

export const rawPath = (path: string): RawPath => Buffer.from(path, 'utf8').toString('latin1')

/** For calls of `node:fs`. */
export const fsPath = (path: RawPath): Buffer => Buffer.from(path, 'latin1')

/** Whether a folder stands in `top` itself, and not somewhere else behind a symbolic link. @param top without links */
export async function isWithin(folder: RawPath, top: RawPath): Promise<boolean> {
  const real = await realpath(fsPath(folder), { encoding: 'latin1' })
  return real === top || real.startsWith(`${top}${sep}`)
}
