import { KurirError, systemRefusal } from '../base/failure.ts'
import type { Environment } from '../settings/settings.ts'
import { checkCommand } from './check.ts'
import { type Command, type CommandContext, UsageError } from './command.ts'
import { echoCommand } from './echo.ts'
import { explainCommand } from './explain.ts'
import { processContext } from './process-context.ts'
import { sendCommand } from './send.ts'
import { serveCommand } from './serve.ts'
import { settingsCommand } from './settings.ts'
import { shadowCommand } from './shadow.ts'
import { statusCommand } from './status.ts'
import { testCommand } from './test.ts'
import { tokenCommand } from './token.ts'

const COMMANDS: readonly Command[] = [
  serveCommand,
  checkCommand,
  testCommand,
  explainCommand,
  shadowCommand,
  echoCommand,
  sendCommand,
  statusCommand,
  tokenCommand,
  settingsCommand,
]

/**
 * Runs the command that the process was started with: its environment, its streams, its signals.
 *
 * @returns the exit code: 0 did it, 1 could not, 2 was asked wrongly
 */
export async function run(args: readonly string[], environment: Environment): Promise<number> {
  using context = processContext(environment)
  return await runCommand(args, context)
}

/** The same in a context that is handed in. */
export async function runCommand(args: readonly string[], context: CommandContext): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    for (const line of usage()) context.print(line)
    return name === undefined ? 2 : 0
  }
  const command = COMMANDS.find((known) => known.name === name)
  if (command === undefined) {
    context.complain(`kurir ${name}: there is no such command`)
    for (const line of usage()) context.complain(line)
    return 2
  }
  if (rest[0] === '--help' || rest[0] === '-h') {
    context.print(usageOf(command))
    context.print(command.sentence)
    return 0
  }
  try {
    return await command.run(rest, context)
  } catch (error) {
    return explainFailure(command, error, context)
  }
}

function explainFailure(command: Command, error: unknown, context: CommandContext): number {
  if (error instanceof UsageError) {
    context.complain(`kurir ${command.name}: ${error.message}`)
    context.complain(usageOf(command))
    return 2
  }
  const sentence = error instanceof KurirError ? error.message : systemRefusal(error)
  if (sentence !== undefined) {
    context.complain(`kurir ${command.name}: ${sentence}`)
    return 1
  }
  throw error
}

const usageOf = ({ name, usage }: Command): string => `usage: kurir ${name} ${usage}`.trimEnd()

const SENTENCE_AT = 30

/** A line a command; two where what it takes is long. */
function usage(): string[] {
  const lines = COMMANDS.flatMap(({ name, usage: takes, sentence }) => {
    const what = `  ${name} ${takes}`.trimEnd()
    return what.length < SENTENCE_AT
      ? [`${what.padEnd(SENTENCE_AT)}${sentence}`]
      : [what, `${''.padEnd(SENTENCE_AT)}${sentence}`]
  })
  return ['usage: kurir COMMAND', ...lines]
}
