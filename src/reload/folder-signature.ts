import type { BigIntStats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { isRuleFile } from '../rules/read-rules-folder.ts'

/** How a rules folder stands, as far as the file system tells without reading: equal texts mean that nothing changed. */
export interface FolderSignature {
  readonly text: string
  /** Which directory stands under the folder's name; another one means that a watcher looks at one that is gone. */
  readonly directory: string
}

/** Which files there are, and of each which it is (behind its links), how long, and when it was written. Never rejects. */
export async function signatureOf(folder: string): Promise<FolderSignature> {
  const [files, cases, directory] = await Promise.all([look(folder), look(path.join(folder, 'cases')), statOf(folder)])
  return { text: `${directory}\n${files}\n--\n${cases}`, directory }
}

async function look(folder: string): Promise<string> {
  const names = (await readdir(folder).catch(() => [])).filter(isRuleFile).sort()
  const lines = await Promise.all(names.map(async (name) => `${name} ${await statOf(path.join(folder, name), sizes)}`))
  return lines.join('\n')
}

const sizes = ({ size, mtimeNs, ctimeNs }: BigIntStats): string => ` ${size} ${mtimeNs} ${ctimeNs}`

const statOf = (name: string, more: (stats: BigIntStats) => string = () => ''): Promise<string> =>
  stat(name, { bigint: true }).then(
    (stats) => `${stats.dev}:${stats.ino}${more(stats)}`,
    () => 'none',
  )
