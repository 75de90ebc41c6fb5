import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

/** Where a Kurir of the bench keeps its data, and the one rule file it reads. */
export async function kurirFolders(dir: string, rules: string): Promise<{ dataDir: string; rulesDir: string }> {
  const dataDir = path.join(dir, 'data')
  const rulesDir = path.join(dir, 'rules')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await mkdir(rulesDir, { recursive: true })
  await writeFile(path.join(rulesDir, '00-bench.yaml'), rules)
  return { dataDir, rulesDir }
}
