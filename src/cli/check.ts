import { aligned } from './aligned.ts'
import type { Command } from './command.ts'
import { loadFolder } from './rules-in-folder.ts'

/** Loads the rules as a start would and names everything that is wrong with them; exit code 1 when anything is. */
export const checkCommand: Command = {
  name: 'check',
  usage: '',
  sentence: 'every mistake in the rules, with file, line and column',
  async run(_args, context) {
    const loaded = await loadFolder(context.environment)
    if ('problems' in loaded) {
      for (const line of aligned(loaded.problems)) context.complain(line)
      const count = loaded.problems.length
      context.complain(`${count} ${count === 1 ? 'problem' : 'problems'}; the rules in force stay in force.`)
      return 1
    }
    const { ruleset, files } = loaded
    context.print(
      `${files} ${files === 1 ? 'file' : 'files'}, ${ruleset.rules.length} rules, ${ruleset.destinations.size} destinations: no problem.`,
    )
    for (const line of aligned(ruleset.warnings)) context.print(line)
    for (const { destination } of ruleset.destinations.values()) {
      if (destination.reach.kind !== 'not-configured') continue
      context.print(`destination ${destination.name} is not configured: ${destination.reach.unset.join(', ')} not set.`)
    }
    for (const { name, unset } of ruleset.callersNotConfigured) {
      context.print(`caller ${name} is not configured: ${unset.join(', ')} not set.`)
    }
    for (const { name } of ruleset.keysNotConfigured) {
      context.print(`key ${name} is not configured: its file cannot be used, and what needs it is held.`)
    }
    return 0
  },
}
