import { listSettings, settingProblems } from '../settings/settings.ts'
import type { Command } from './command.ts'
import { optionsAlone } from './options.ts'

/**
 * Prints every setting with what it is set to; a star marks what the environment changed. Exit code 1 when a start would refuse
 * any of it.
 */
export const settingsCommand: Command = {
  name: 'settings',
  usage: '',
  sentence: 'every setting: what it is set to, its unit, what it means',
  async run(args, context) {
    optionsAlone(args, {})
    const lines = listSettings(context.environment)
    const name = Math.max(...lines.map((line) => line.variable.length))
    const value = Math.max(...lines.map((line) => line.value.length))
    for (const line of lines) {
      const mark = line.isDefault ? ' ' : '*'
      context.print(
        `${mark} ${line.variable.padEnd(name)}  ${line.value.padEnd(value)}  ${line.sentence} [${line.unit}]`,
      )
    }
    const problems = settingProblems(context.environment)
    for (const { message } of problems) context.complain(message)
    return problems.length === 0 ? 0 : 1
  },
}
