import type { RulesetRecord } from '../ledger/ledger.ts'
import type { RuleSummary, RulesetSummary } from '../ledger/records.ts'
import { digestOfFiles, testRuleset } from '../rules/load-ruleset.ts'
import { readKeyFile } from '../rules/read-key-file.ts'
import { readRulesFolder } from '../rules/read-rules-folder.ts'
import type { Rule } from '../rules/rule.ts'
import { type RuleProblem, sortProblems } from '../rules/rule-problem.ts'
import type { RuleFile } from '../rules/rule-source.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import type { TestReport } from '../rules/run-test.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Files that compiled and passed their own tests. */
export interface Candidate {
  readonly ruleset: Ruleset
  readonly files: readonly RuleFile[]
  readonly summary: RulesetSummary
}

export type Compiled =
  | { readonly kind: 'compiled'; readonly candidate: Candidate }
  | { readonly kind: 'refused'; readonly problems: readonly RuleProblem[] }

/** The folder as it stands: its digest, null when it cannot be read, and what became of compiling it. */
export interface FolderLook {
  readonly digest: string | null
  readonly compiled: () => Compiled
}

/** Reads the folder; it is compiled only when that is asked for. */
export async function lookAtFolder(folder: string, environment: Environment): Promise<FolderLook> {
  const read = await readRulesFolder(folder)
  if ('problems' in read) return { digest: null, compiled: () => ({ kind: 'refused', problems: read.problems }) }
  return { digest: digestOfFiles(read.files), compiled: () => compileFiles(read.files, environment) }
}

/** Never throws for what the files contain. */
export function compileFiles(files: readonly RuleFile[], environment: Environment): Compiled {
  const tested = testRuleset(files, environment, readKeyFile)
  if ('problems' in tested) return { kind: 'refused', problems: tested.problems }
  const { ruleset, report } = tested
  if (report.failures.length > 0) return { kind: 'refused', problems: sortProblems(report.failures) }
  return { kind: 'compiled', candidate: { ruleset, files, summary: summaryOf(ruleset, report) } }
}

/** A ruleset that was kept, compiled by today's loader. */
export const compileKept = (files: RulesetRecord['files'], environment: Environment): Compiled =>
  compileFiles(
    files.map(({ name, text }) => ({ name, bytes: Buffer.from(text, 'utf8') })),
    environment,
  )

const summaryOf = (ruleset: Ruleset, { passed, untouched }: TestReport): RulesetSummary => ({
  rules: ruleset.rules.flatMap(withChildren),
  tests: { passed, untestedRules: untouched.map(({ name }) => name) },
})

const withChildren = ({ ref: { name, file, line }, on, forward, rules }: Rule): readonly RuleSummary[] => [
  { name, file, line, moment: on === 'study' ? 'STUDY' : 'INSTANCE', destinations: forward.map(({ to }) => to) },
  ...rules.flatMap(withChildren),
]
