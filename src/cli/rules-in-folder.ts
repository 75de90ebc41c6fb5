import { KurirError } from '../base/failure.ts'
import { loadRuleset } from '../rules/load-ruleset.ts'
import { readKeyFile } from '../rules/read-key-file.ts'
import { readRulesFolder } from '../rules/read-rules-folder.ts'
import { formatProblem, type RuleProblem } from '../rules/rule-problem.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { type Environment, readSettings } from '../settings/settings.ts'

/** The rules of that folder, or of the one that the environment names, or everything that is wrong with them. */
export async function loadFolder(
  environment: Environment,
  named?: string,
): Promise<{ readonly ruleset: Ruleset; readonly files: number } | { readonly problems: readonly RuleProblem[] }> {
  const folder = await readRulesFolder(named ?? readSettings(environment).rulesDir)
  if ('problems' in folder) return folder
  const loaded = loadRuleset(folder.files, environment, readKeyFile)
  return 'ruleset' in loaded ? { ruleset: loaded.ruleset, files: folder.files.length } : loaded
}

/**
 * As above, for commands that can do nothing without rules.
 *
 * @throws KurirError `invalid-rules` that names every mistake
 */
export async function requireRules(environment: Environment): Promise<Ruleset> {
  const loaded = await loadFolder(environment)
  if ('ruleset' in loaded) return loaded.ruleset
  const mistakes = loaded.problems.map(formatProblem).join('\n')
  throw new KurirError('invalid-rules', 'permanent', `the rules do not load:\n${mistakes}`)
}
