import { listSettings } from '../settings/settings.ts'
import type { Command } from './command.ts'

/** Prints every setting with its value in force; a star marks what the environment changed. */
export const settingsCommand: Command = {
  name: 'settings',
  usage: '',
  sentence: 'every setting: its value in force, its unit, what it means',
  async run(_args, context) {
    const lines = listSettings(context.environment)
    const name = Math.max(...lines.map((line) => line.variable.length))
    const value = Math.max(...lines.map((line) => line.value.length))
    for (const line of lines) {
      const mark = line.isDefault ? ' ' : '*'
      context.print(
        `${mark} ${line.variable.padEnd(name)}  ${line.value.padEnd(value)}  ${line.sentence} [${line.unit}]`,
      )
    }
    return 0
  },
}
