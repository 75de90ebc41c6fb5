// Starts receive-harness.ts as a process of its own, if need be under strace. No jest in here.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LedgerCounts } from '../../src/ledger/ledger.ts'
import type { SpoolCounts } from '../../src/spool/counts.ts'
import type { RecoveryReport } from '../../src/spool/recovery.ts'
import { quickPeerEnv } from './processes.ts'

const HARNESS = fileURLToPath(new URL('./receive-harness.ts', import.meta.url))

export interface ReceiverOptions {
  readonly folder: string
  /** What to put in front: `['strace', '-f', …]`. */
  readonly wrapper?: readonly string[]
  readonly nodeArgs?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly freeBytes?: number
}

export interface Receiver extends AsyncDisposable {
  readonly child: ChildProcess
  readonly pid: number
  readonly port: number
  readonly httpPort: number
  readonly recovery: RecoveryReport
  /** SIGTERM; what it has counted. */
  stop(): Promise<SpoolCounts & LedgerCounts & { readonly rss: number }>
  /** SIGKILL, and waits until it has gone. */
  kill(): Promise<void>
}

/** Resolves when its door is open. */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { folder, wrapper = [], nodeArgs = [], env = {}, freeBytes = 0 } = options
  const command = [...wrapper, process.execPath, '--disable-warning=ExperimentalWarning', ...nodeArgs, HARNESS, folder]
  const child = spawn(command[0] ?? '', [...command.slice(1), String(freeBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...quickPeerEnv, NODE_OPTIONS: '', UV_THREADPOOL_SIZE: '8', UV_USE_IO_URING: '0', ...env },
  })
  const gone = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const first = await lines.next()
  if (first.done === true) throw new Error('the receiver ended before it was ready')
  const ready: Pick<Receiver, 'port' | 'httpPort' | 'pid' | 'recovery'> = JSON.parse(first.value)
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      try {
        process.kill(ready.pid, name)
      } catch {
        // It has ended by itself.
      }
    }
    await gone
  }
  return {
    ...ready,
    child,
    stop: async () => {
      const last = lines.next()
      await signal('SIGTERM')
      return JSON.parse(String((await last).value))
    },
    kill: () => signal('SIGKILL'),
    [Symbol.asyncDispose]: () => signal('SIGKILL'),
  }
}
