import { link, mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ctInstance } from '../support/data-set.ts'

/** Half a megabyte: 512 × 512 pixels of 16 bits. */
export const INSTANCE_BYTES = 524_288

export interface Material {
  /** All files in one folder, for one association. */
  readonly all: string
  /** The same files dealt out to eight folders, for eight associations. */
  readonly eighths: readonly string[]
  readonly count: number
}

/**
 * A folder for the senders' files, in memory where there is room for them: a modality does not read from a disk what it
 * sends, and the one here is what the receivers write to.
 *
 * @param sizeBytes of all the files
 */
export async function materialDir(sizeBytes: number): Promise<AsyncDisposable & { readonly path: string }> {
  const inMemory = await statfs('/dev/shm').then(
    ({ bavail, bsize }) => bavail * bsize > 2 * sizeBytes,
    () => false,
  )
  const dir = await mkdtemp(path.join(inMemory ? '/dev/shm' : tmpdir(), 'kurir-bench-'))
  return { path: dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true, maxRetries: 3 }) }
}

/** Writes `count` CT instances of half a megabyte, each with a SOP Instance UID of its own, numbered from `first`. */
export async function makeMaterial(dir: string, count: number, first = 0): Promise<Material> {
  const all = path.join(dir, 'all')
  const eighths = Array.from({ length: 8 }, (_, index) => path.join(dir, `eighth-${index}`))
  for (const folder of [all, ...eighths]) await mkdir(folder, { recursive: true })
  for (let index = 0; index < count; index++) {
    const name = `${String(index).padStart(5, '0')}.dcm`
    await writeFile(path.join(all, name), ctInstance({ instanceNumber: first + index, sizeBytes: INSTANCE_BYTES }).file)
    await link(path.join(all, name), path.join(eighths[index % 8] ?? all, name))
  }
  return { all, eighths, count }
}

export const DISCARD_RULES = `version: 1
rules:
  - name: bench
    discard: nothing is kept of a bench
`

export const forwardRules = (port: number, associations: number): string => `version: 1
destinations:
  archive:
    dimse: { ae: ARCHIVE@127.0.0.1:${port}, associations: ${associations} }
rules:
  - name: bench
    forward: [archive]
`
