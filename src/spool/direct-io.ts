import { closeSync, constants, openSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { hasErrno } from '../base/failure.ts'

/** What a write or read past the page cache must be aligned to, in memory, in the file and in length. */
export const BLOCK_BYTES = 4096

/** The next multiple of a block. */
export const padded = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES

/** A buffer that begins on a memory page: V8 gives a resizable ArrayBuffer pages of its own. Zero at first. */
export function alignedBuffer(sizeBytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(sizeBytes, { maxByteLength: padded(sizeBytes) }), 0, sizeBytes)
}

/**
 * `O_DIRECT` when the file system of the folder takes it, else 0: then the page cache is between us and the disk, and
 * everything is written the same way.
 *
 * @throws what the disk says of a file that cannot be made or written at all
 */
export function directFlag(folder: string): number {
  const path = join(folder, '.direct')
  try {
    const fd = openSync(path, constants.O_CREAT | constants.O_WRONLY | constants.O_DIRECT, 0o600)
    try {
      writeSync(fd, alignedBuffer(BLOCK_BYTES), 0, BLOCK_BYTES, 0)
    } finally {
      closeSync(fd)
      unlinkSync(path)
    }
    return constants.O_DIRECT
  } catch (error) {
    // A volume without room says nothing of what it can; the buffered way is right everywhere.
    if (hasErrno(error, 'EINVAL', 'EOPNOTSUPP', 'ENOSYS', 'ENOSPC', 'EDQUOT')) return 0
    throw error
  }
}
