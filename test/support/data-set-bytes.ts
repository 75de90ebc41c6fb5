// What two Part 10 files have in common when one is a faithful copy of the other: the bytes after the file meta.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { findFileMeta } from '../../src/dicom/file-meta.ts'

/** The data set's bytes of a Part 10 file. */
export function dataSetOf(file: Buffer): Buffer {
  const read = findFileMeta(file, true)
  if (read.outcome !== 'found') throw new Error('not a Part 10 file')
  return file.subarray(read.dataSetOffset)
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/**
 * SHA-256 of the data set of every file in a folder, sorted; one a file.
 *
 * @param cut what becomes of a file without a whole file meta: a process that was killed may leave one
 */
export async function dataSetDigests(dir: string, cut?: 'left-out'): Promise<readonly string[]> {
  const digests: string[] = []
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = await readFile(path.join(entry.parentPath, entry.name))
    if (cut === 'left-out' && findFileMeta(file, true).outcome !== 'found') continue
    digests.push(sha256(dataSetOf(file)))
  }
  return digests.sort()
}
