import { open, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { hasErrno } from '../base/failure.ts'
import type { RuleProblem } from './rule-problem.ts'
import { MAX_FILE_BYTES, type RuleFile } from './rule-source.ts'

const MAX_FILES = 500
const RULE_FILE = /^[^.].*\.ya?ml$/

/** Whether a file of that name in a rules folder is read. */
export const isRuleFile = (name: string): boolean => RULE_FILE.test(name)

/**
 * Reads the `*.yaml` and `*.yml` files of the folder, and of `cases/` in it, in filename order. The one place of this
 * room that touches a disk. A folder or file that cannot be read is a problem, not an exception.
 */
export async function readRulesFolder(
  folder: string,
): Promise<{ readonly files: readonly RuleFile[] } | { readonly problems: readonly RuleProblem[] }> {
  const root = basename(resolve(folder))
  const files: RuleFile[] = []
  const problems: RuleProblem[] = []
  const refuse = (file: string, message: string): void => void problems.push({ file, line: 1, column: 1, message })
  for (const [inside, name] of [
    ['', root],
    ['cases', `${root}/cases`],
  ] as const) {
    const names = await list(join(folder, inside))
    if (typeof names === 'string') {
      if (inside === '') refuse(name, `The rules folder ${resolve(folder)} cannot be read: ${names}.`)
      continue
    }
    if (names.length > MAX_FILES)
      refuse(name, `The folder holds ${names.length} rule files; ${MAX_FILES} are the most.`)
    for (const file of names.slice(0, MAX_FILES)) {
      const bytes = await readCapped(join(folder, inside, file))
      if (typeof bytes === 'string') refuse(`${name}/${file}`, `The file cannot be read: ${bytes}.`)
      else files.push({ name: `${name}/${file}`, bytes })
    }
  }
  return problems.length > 0 ? { problems } : { files }
}

async function list(folder: string): Promise<readonly string[] | string> {
  try {
    const names = await readdir(folder)
    return names.filter(isRuleFile).sort()
  } catch (error) {
    return reasonOf(error)
  }
}

/** At most one byte more than a rule file may have, so that a file that is too large is seen without being read. */
async function readCapped(path: string): Promise<Uint8Array | string> {
  try {
    // Before it is opened: opening a pipe waits for a writer.
    const stats = await stat(path)
    if (!stats.isFile()) return 'it is not a file'
    if (stats.size > MAX_FILE_BYTES) return `it has ${stats.size} bytes, and 1 MB is the most`
    await using file = await open(path, 'r')
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1)
    let length = 0
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return Uint8Array.from(bytes.subarray(0, length))
  } catch (error) {
    return reasonOf(error)
  }
}

function reasonOf(error: unknown): string {
  if (hasErrno(error, 'ENOENT')) return 'it does not exist'
  if (hasErrno(error, 'EACCES', 'EPERM')) return 'permission is denied'
  if (hasErrno(error, 'ELOOP')) return 'its links lead in a circle'
  return hasErrno(error, 'ENOTDIR') ? 'it is not a folder' : 'the system refused'
}
