import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const emptied: string[] = []

/**
 * A folder for one measurement. Its files are emptied when it is over and deleted only with `removeScratch`: after thousands
 * of deletions a file system may look for a free inode for a millisecond at each new file, whoever makes it.
 */
export async function scratchDir(name: string): Promise<AsyncDisposable & { readonly path: string }> {
  const dir = await mkdtemp(path.join(tmpdir(), `kurir-${name}-`))
  return { path: dir, [Symbol.asyncDispose]: () => empty(dir) }
}

/** Deletes what every measurement left. */
export async function removeScratch(): Promise<void> {
  for (const dir of emptied.splice(0)) await rm(dir, { recursive: true, force: true, maxRetries: 3 })
}

async function empty(dir: string): Promise<void> {
  emptied.push(dir)
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await truncate(path.join(entry.parentPath, entry.name))
  }
}
