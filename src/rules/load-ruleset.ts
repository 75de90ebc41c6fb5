import { createHash } from 'node:crypto'
import { compileFiles } from './compile-files.ts'
import type { Environment } from './environment.ts'
import type { ReadKeyFile } from './key-section.ts'
import { type RuleProblem, sortProblems } from './rule-problem.ts'
import type { RuleFile } from './rule-source.ts'
import type { Ruleset } from './ruleset.ts'
import { runTests, type TestReport } from './run-test.ts'

export type LoadResult = { readonly ruleset: Ruleset } | { readonly problems: readonly RuleProblem[] }

/**
 * Compiles the files of a rules folder, in filename order, and runs their tests. Never throws for what they contain:
 * everything wrong in all of them comes back at once, in the order of the files.
 *
 * @param readKeyFile where it is not given no key is there, and what needs one is held; the tests have keys of their own
 */
export function loadRuleset(
  files: readonly RuleFile[],
  environment: Environment,
  readKeyFile: ReadKeyFile = () => undefined,
): LoadResult {
  const tested = testRuleset(files, environment, readKeyFile)
  if ('problems' in tested) return tested
  const { ruleset, report } = tested
  return report.failures.length > 0 ? { problems: sortProblems(report.failures) } : { ruleset }
}

/** The same with what the tests said, for a ruleset that compiles. */
export function testRuleset(
  files: readonly RuleFile[],
  environment: Environment,
  readKeyFile: ReadKeyFile = () => undefined,
): { readonly ruleset: Ruleset; readonly report: TestReport } | { readonly problems: readonly RuleProblem[] } {
  const sorted = inOrder(files)
  const { ruleset: compiled, tests, problems } = compileFiles(sorted, { environment, readKeyFile })
  if (problems.length > 0) return { problems: sortProblems(problems) }
  const ruleset = { ...compiled, digest: digestOf(sorted) }
  return { ruleset, report: runTests(tests, ruleset) }
}

/** The digest of the ruleset that these files make, whether they compile or not. */
export const digestOfFiles = (files: readonly RuleFile[]): string => digestOf(inOrder(files))

const inOrder = (files: readonly RuleFile[]): readonly RuleFile[] =>
  [...files].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))

/** SHA-256 over names and contents; the lengths in between keep two files from passing for one. */
function digestOf(files: readonly RuleFile[]): string {
  const hash = createHash('sha256')
  for (const { name, bytes } of files) hash.update(`${name.length}:${name}${bytes.length}:`).update(bytes)
  return hash.digest('hex')
}
