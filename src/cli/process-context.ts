import { hasErrno } from '../base/failure.ts'
import type { Environment } from '../settings/settings.ts'
import type { CommandContext } from './command.ts'

/** The world of a real process: SIGTERM and SIGINT end it, SIGHUP reloads, what is printed goes to whoever reads. */
export function processContext(environment: Environment): CommandContext & Disposable {
  const stopping = new AbortController()
  const reloads: (() => void)[] = []
  const stop = (): void => stopping.abort()
  const reload = (): void => {
    for (const each of reloads) each()
  }
  for (const stream of [process.stdout, process.stderr]) stream.on('error', passOverReaderGone)
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', reload)
  return {
    environment,
    signal: stopping.signal,
    onReload: (each) => void reloads.push(each),
    print: (line) => void process.stdout.write(`${line}\n`),
    complain: (line) => void process.stderr.write(`${line}\n`),
    terminal: process.stderr.isTTY ? { rewrite: (line) => void process.stderr.write(`\r\u001b[K${line}`) } : undefined,
    [Symbol.dispose]: () => {
      process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', reload)
    },
  }
}

/** `kurir status | head` has read what it wanted. Stays when the command has ended: its last line may fail after that. */
function passOverReaderGone(error: Error): void {
  if (!hasErrno(error, 'EPIPE')) throw error
}
