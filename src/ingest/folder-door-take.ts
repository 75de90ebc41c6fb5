import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { hasErrno } from '../base/failure.ts'
import { fsPath, isWithin } from './folder-door-path.ts'
import { isUnchanged } from './folder-door-settling.ts'
import type { FoundFile } from './folder-door-tree.ts'
import type { Part10Outcome, Part10Reception } from './part10-reception.ts'

/**
 * What became of reading a dropped file. `unsettled`: it changed while it was read, so nothing was kept. `gone`: it is not
 * there any more, or not where it seems to be. `unreadable`: the file system does not give it.
 */
export type ReadOutcome = Part10Outcome | { readonly kind: 'unsettled' | 'gone' | 'unreadable' }

const SLICE = 256 * 1024

/**
 * Reads a file into the reception, and has it kept only when the file is still the one that was found.
 *
 * @throws KurirError as the spool's sink, Node's error where no more files may be opened: nothing was kept then
 */
export async function takeFile(file: FoundFile, top: string, reception: Part10Reception): Promise<ReadOutcome> {
  let handle: FileHandle
  try {
    if (!(await isWithin(file.path.slice(0, file.path.lastIndexOf('/')), top))) return { kind: 'gone' }
    // A pipe put in its place would have the open wait for a writer.
    handle = await open(fsPath(file.path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    // Our own shortage says nothing of the file: everything waits.
    if (hasErrno(error, 'EMFILE', 'ENFILE', 'ENOMEM')) throw error
    return { kind: hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO') ? 'gone' : 'unreadable' }
  }
  try {
    return await receive(file, handle, reception)
  } finally {
    await handle.close()
  }
}

async function receive(file: FoundFile, handle: FileHandle, reception: Part10Reception): Promise<ReadOutcome> {
  try {
    const opened = await handle.stat()
    if (!opened.isFile() || opened.ino !== file.stats.ino) return await abandon(reception, 'gone')
    for await (const slice of slicesOf(handle)) await reception.write(slice)
    if (!isUnchanged(await handle.stat(), file.stats)) return await abandon(reception, 'unsettled')
  } catch (error) {
    const outcome = await abandon(reception, 'unreadable')
    if (hasErrno(error, 'EIO', 'EISDIR', 'ESTALE')) return outcome
    throw error
  }
  return await reception.end()
}

async function abandon(
  reception: Part10Reception,
  kind: 'unsettled' | 'gone' | 'unreadable',
): Promise<{ readonly kind: typeof kind }> {
  await reception.abort()
  return { kind }
}

async function* slicesOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(SLICE)
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, SLICE)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}
