import type { RulesetFile } from '../ledger/records.ts'
import { differLines } from './line-difference.ts'

/** Held equal to the GraphQL enum by a test. */
export const FILE_CHANGES = ['ADDED', 'REMOVED', 'CHANGED'] as const
export type FileChange = (typeof FILE_CHANGES)[number]

export interface FileDifference {
  readonly name: string
  readonly change: FileChange
  readonly linesAdded: number
  readonly linesRemoved: number
  /** As `diff -u` writes it. */
  readonly unified: string
}

/** The files that differ, in the order of their names. */
export function differFiles(from: readonly RulesetFile[], to: readonly RulesetFile[]): readonly FileDifference[] {
  const [before, after] = [textsOf(from), textsOf(to)]
  const names = [...new Set([...before.keys(), ...after.keys()])].sort()
  return names.flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)]
    return old === now ? [] : [differFile(name, old, now)]
  })
}

const textsOf = (files: readonly RulesetFile[]) => new Map(files.map(({ name, text }) => [name, text]))

function differFile(name: string, old: string | undefined, now: string | undefined): FileDifference {
  const { added, removed, unified } = differLines(old ?? '', now ?? '')
  const change = old === undefined ? 'ADDED' : now === undefined ? 'REMOVED' : 'CHANGED'
  const head = `--- ${old === undefined ? '/dev/null' : name}\n+++ ${now === undefined ? '/dev/null' : name}\n`
  return { name, change, linesAdded: added, linesRemoved: removed, unified: `${head}${unified}` }
}
