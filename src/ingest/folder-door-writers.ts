import { readdir, readFile, readlink } from 'node:fs/promises'
import type { RawPath } from './folder-door-path.ts'

const WRITES = 0o3

/**
 * The files below a folder that some process has open for writing, as far as this one may know: on Linux, those of its own
 * user, or all of them for root. Elsewhere, and for writers on other machines, nothing is known and the set is empty.
 */
export async function filesBeingWritten(top: RawPath): Promise<ReadonlySet<RawPath>> {
  const found = new Set<RawPath>()
  for (const pid of await namesIn('/proc')) {
    if (/^\d+$/.test(pid)) await addOpenFiles(pid, top, found)
  }
  return found
}

async function addOpenFiles(pid: string, top: RawPath, found: Set<RawPath>): Promise<void> {
  const own = pid === String(process.pid)
  for (const fd of await namesIn(`/proc/${pid}/fd`)) {
    const path = await linkOf(`/proc/${pid}/fd/${fd}`)
    if (path === undefined || own || !path.startsWith(`${top}/`)) continue
    if (await writes(pid, fd)) found.add(path)
  }
}

async function writes(pid: string, fd: string): Promise<boolean> {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(await readFile(`/proc/${pid}/fdinfo/${fd}`, 'latin1'))
    return flags?.[1] !== undefined && (Number.parseInt(flags[1], 8) & WRITES) !== 0
  } catch {
    return false
  }
}

// Processes come and go, and those of others are closed to us: neither is a failure.
const namesIn = (folder: string): Promise<readonly string[]> => readdir(folder).catch(() => [])

async function linkOf(path: string): Promise<RawPath | undefined> {
  try {
    const target = await readlink(path, { encoding: 'latin1' })
    return target.startsWith('/') ? target : undefined
  } catch {
    return undefined
  }
}
