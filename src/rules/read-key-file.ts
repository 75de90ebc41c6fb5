import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import type { ReadKeyFile } from './key-section.ts'

const MOST_BYTES = 4_096

/**
 * Reads the file of a key while a ruleset is loaded; a relative name begins at the working directory. Undefined for what
 * is no file, is larger than 4 KB or cannot be read: the ruleset names the keys that it has not.
 */
export const readKeyFile: ReadKeyFile = (path) => {
  try {
    // Opening a pipe would wait for a writer otherwise.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if (!fstatSync(file).isFile()) return undefined
      const bytes = Buffer.alloc(MOST_BYTES + 1)
      const length = readSync(file, bytes, 0, bytes.length, 0)
      return length > MOST_BYTES ? undefined : Uint8Array.from(bytes.subarray(0, length))
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
}
