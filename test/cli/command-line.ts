import { runCommand } from '../../src/cli/run.ts'
import type { Environment } from '../../src/settings/settings.ts'

/** What a command did. */
export interface Ran {
  readonly code: number
  /** What it printed, line by line. */
  readonly printed: readonly string[]
  readonly complaints: readonly string[]
  /** The states of the line that is written again and again, when there was a terminal. */
  readonly progress: readonly string[]
}

export interface CommandLine {
  run(...args: readonly string[]): Promise<Ran>
  /** As SIGTERM does, for what runs then and later. */
  stop(): void
  /** As SIGHUP does. */
  reload(): void
}

/** A command line in this process: no streams, no signals, this environment alone. */
export function commandLine(environment: Environment, hasTerminal = false): CommandLine {
  const stopping = new AbortController()
  const reloads: (() => void)[] = []
  return {
    async run(...args) {
      const printed: string[] = []
      const complaints: string[] = []
      const progress: string[] = []
      const code = await runCommand(args, {
        environment,
        signal: stopping.signal,
        onReload: (reload) => void reloads.push(reload),
        print: (line) => void printed.push(line),
        complain: (line) => void complaints.push(line),
        terminal: hasTerminal ? { rewrite: (line) => void progress.push(line) } : undefined,
      })
      return { code, printed, complaints, progress }
    },
    stop: () => stopping.abort(),
    reload: () => {
      for (const reload of reloads) reload()
    },
  }
}
