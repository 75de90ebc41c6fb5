import { testRuleset } from '../rules/load-ruleset.ts'
import { readRulesFolder } from '../rules/read-rules-folder.ts'
import { type RuleProblem, sortProblems } from '../rules/rule-problem.ts'
import { readSettings } from '../settings/settings.ts'
import { aligned } from './aligned.ts'
import type { Command, CommandContext } from './command.ts'
import { optionsAlone } from './options.ts'

const OPTIONS = { rules: { type: 'string' } } as const

/**
 * Runs every test of the rule files, as loading them does, and says what each that fails expected and got. Needs no
 * environment, secret, clock or network (RULES.md semantics 13). Exit code 1 when a test fails, 2 when the rules do not load.
 */
export const testCommand: Command = {
  name: 'test',
  usage: '[--rules DIR]',
  sentence: 'run the tests of the rules; which rules does no test touch?',
  async run(args, context) {
    const { rules } = optionsAlone(args, OPTIONS)
    const folder = await readRulesFolder(rules ?? readSettings(context.environment).rulesDir)
    if ('problems' in folder) return refuse(folder.problems, context)
    const tested = testRuleset(folder.files, {})
    if ('problems' in tested) return refuse(tested.problems, context)
    const { passed, failures, untouched } = tested.report
    for (const line of aligned(sortProblems(failures))) context.complain(line)
    const names = untouched.length === 0 ? 'none' : untouched.map(({ name }) => name).join(', ')
    context.print(`${passed} passed, ${failures.length} failed; rules no test touches: ${names}`)
    return failures.length === 0 ? 0 : 1
  },
}

function refuse(problems: readonly RuleProblem[], context: CommandContext): number {
  for (const line of aligned(problems)) context.complain(line)
  context.complain(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}; no test was run.`)
  return 2
}
