import type { Rule } from '../rules/rule.ts'
import type { Ruleset } from '../rules/ruleset.ts'
import { aligned } from './aligned.ts'
import type { Command } from './command.ts'
import { optionsAlone } from './options.ts'
import { loadFolder } from './rules-in-folder.ts'

const OPTIONS = { rules: { type: 'string' } } as const

/** Loads the rules as a start would and names everything that is wrong with them; exit code 1 when anything is. */
export const checkCommand: Command = {
  name: 'check',
  usage: '[--rules DIR]',
  sentence: 'every mistake in the rules, with file, line and column',
  async run(args, context) {
    const { rules } = optionsAlone(args, OPTIONS)
    const loaded = await loadFolder(context.environment, rules)
    if ('problems' in loaded) {
      for (const line of aligned(loaded.problems)) context.complain(line)
      const count = loaded.problems.length
      context.complain(`${counted(count, 'problem')}; the rules in force stay in force.`)
      return 1
    }
    const { ruleset, files } = loaded
    context.print(
      `${counted(files, 'file')}, ${counted(rulesIn(ruleset.rules), 'rule')}, ${counted(ruleset.destinations.size, 'destination')}: no problem.`,
    )
    for (const line of aligned(ruleset.warnings)) context.print(line)
    for (const line of notConfigured(ruleset)) context.print(line)
    return 0
  },
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** Those inside of others too. */
const rulesIn = (rules: readonly Rule[]): number => rules.reduce((sum, rule) => sum + 1 + rulesIn(rule.rules), 0)

/** What would load and not work here: no mistake of the rules, so not a problem. */
function notConfigured(ruleset: Ruleset): readonly string[] {
  const { destinations, sources, services, callersNotConfigured, keysNotConfigured } = ruleset
  const reached = [
    ...[...destinations.values()].map(({ destination: { name, reach } }) => ({ what: `destination ${name}`, reach })),
    ...[...sources.values()].map(({ name, reach }) => ({ what: `source ${name}`, reach })),
    ...[...services.values()].map(({ name, reach }) => ({ what: `service ${name}`, reach })),
  ]
  return [
    ...reached.flatMap(({ what, reach }) => (reach.kind === 'not-configured' ? [say(what, reach.unset)] : [])),
    ...callersNotConfigured.map(({ name, unset }) => say(`caller ${name}`, unset)),
    ...keysNotConfigured.map(
      ({ name }) => `key ${name} is not configured: its file cannot be used, and what needs it is held.`,
    ),
  ]
}

const say = (what: string, unset: readonly string[]): string =>
  `${what} is not configured: ${unset.join(', ')} not set.`
