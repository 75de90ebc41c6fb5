import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { peerEnv, peerPath } from '../support/peers.ts'

/** One element as dcmdump prints it. */
export interface DumpedElement {
  /** `gggg,eeee` */
  readonly tag: string
  readonly vr: string
  readonly text: string
  /** Undefined for an undefined length. */
  readonly length: number | undefined
}

const ELEMENT = /^\(([0-9a-f]{4},[0-9a-f]{4})\) (\S\S) ([\s\S]*?) *# +(\d+|u\/l), *\d+ .*$/gm

/** What dcmdump says of a file, less values beyond 4 KB; undefined where it refuses it. */
export function dump(file: Buffer): string | undefined {
  return withFile(file, (path) => run('dcmdump', ['-q', '+L', '-M', '+R', '4', '-Un', path]))
}

/** The data set's own elements, group 0002 left out. */
export function ownElements(text: string): readonly DumpedElement[] {
  const own: DumpedElement[] = []
  for (const [, tag = '', vr = '', value = '', length = ''] of text.matchAll(ELEMENT)) {
    if (tag.startsWith('0002,') || tag.startsWith('fffe,')) continue
    own.push({
      tag,
      vr,
      text: value.replace(/^\[([\s\S]*)\]$/, '$1'),
      length: length === 'u/l' ? undefined : Number(length),
    })
  }
  return own
}

export function withFile<T>(file: Buffer, use: (path: string, folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'kurir-dicom-'))
  try {
    const path = join(folder, 'file.dcm')
    writeFileSync(path, file)
    return use(path, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a program prints, as Latin-1; undefined when it fails. */
export function run(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(peerPath(program) ?? program, args, {
      env: peerEnv,
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 2 ** 26,
    })
  } catch {
    return undefined
  }
}
