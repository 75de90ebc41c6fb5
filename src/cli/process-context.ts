import { hasErrno, systemRefusal } from '../base/failure.ts'
import type { Environment } from '../settings/settings.ts'
import type { CommandContext } from './command.ts'

/** sysexits.h: what was to be written could not be. */
const EX_IOERR = 74

/** The world of a real process: SIGTERM and SIGINT end it, SIGHUP reloads, what is printed goes to whoever reads. */
export function processContext(environment: Environment): CommandContext & Disposable {
  const stopping = new AbortController()
  const reloads: (() => void)[] = []
  const stop = (): void => stopping.abort()
  const reload = (): void => {
    for (const each of reloads) each()
  }
  process.stdout.on('error', notWritten)
  // Of this nothing can be said anywhere.
  process.stderr.on('error', () => {})
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

/**
 * `kurir status | head` has read what it wanted; what a disk did not take is a failure, whatever became of the command. Stays
 * when the command has ended: its last line may fail after that.
 */
function notWritten(error: Error): void {
  if (hasErrno(error, 'EPIPE')) return
  process.stderr.write(`kurir: what it says cannot be written: ${systemRefusal(error) ?? 'unknown'}\n`)
  process.once('exit', () => {
    process.exitCode = EX_IOERR
  })
}
