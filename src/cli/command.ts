import type { Environment } from '../settings/settings.ts'

/** What a command may touch of the world outside. */
export interface CommandContext {
  readonly environment: Environment
  readonly signal: AbortSignal
  /** Fires when the operator asks for the rules to be read again (SIGHUP). */
  onReload(reload: () => void): void
  print(line: string): void
  complain(line: string): void
  /** Progress is drawn only for a person: a stream whose current line can be written again, else undefined. */
  readonly terminal: { rewrite(line: string): void } | undefined
}

/** One word behind `kurir`. */
export interface Command {
  readonly name: string
  /** What follows the name, as the usage line shows it. */
  readonly usage: string
  readonly sentence: string
  /** Resolves with the exit code: 0 did it, 1 could not, 2 was asked wrongly. */
  run(args: readonly string[], context: CommandContext): Promise<number>
}

/** The command was asked for in a way that it cannot be: exit code 2, with the usage line. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
