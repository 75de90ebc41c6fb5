// Real processes for flow tests, crash tests and the bench. No jest in here: the bench runs without it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const repositoryDir = fileURLToPath(new URL('../..', import.meta.url))

/** dcmtk waits 40 ms for a delayed acknowledgement at every object unless told not to. */
export const quickPeerEnv: NodeJS.ProcessEnv = { ...process.env, TCP_NODELAY: '1' }

/** A peer as it behaves when nobody has told it. */
export const plainPeerEnv: NodeJS.ProcessEnv = { ...process.env, TCP_NODELAY: undefined }

export async function temporaryDir(name: string): Promise<AsyncDisposable & { readonly path: string }> {
  const dir = await mkdtemp(path.join(tmpdir(), `kurir-${name}-`))
  return { path: dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true, maxRetries: 3 }) }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Resolves when somebody accepts connections there: foreign programs do not say when they are ready. */
export async function untilListening(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    if (await accepts(port)) return
    await delay(20)
  }
  throw new Error(`${child.spawnfile} ended with ${child.exitCode} before it listened on ${port}`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.end()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

export interface RunningProcess extends AsyncDisposable {
  readonly child: ChildProcess
  readonly port: number
}

/** Ends a process that may run under a wrapper: strace lets no signal through to the one it watches. */
async function endKurir(child: ChildProcess, pid: number, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  process.kill(pid, signal)
  await gone
}

/** Ends a child for good and waits until it has gone. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

/** dcmtk's storescp, writing bit-preserving files into `dir`. */
export async function startStorescp(dir: string, args: readonly string[] = [], port?: number): Promise<RunningProcess> {
  const chosen = port ?? (await freePort())
  const child = spawn('storescp', ['+B', '+xa', '-aet', 'ARCHIVE', '-od', dir, ...args, String(chosen)], {
    stdio: 'ignore',
    env: quickPeerEnv,
  })
  await untilListening(chosen, child)
  return { child, port: chosen, [Symbol.asyncDispose]: () => end(child) }
}

export type LogLine = Readonly<Record<string, unknown>>

export interface KurirProcess extends AsyncDisposable {
  readonly child: ChildProcess
  readonly dicomPort: number
  readonly httpPort: number
  readonly adminPort: number
  readonly dataDir: string
  /** Every line it logged so far, parsed. */
  readonly lines: readonly LogLine[]
  /** What it wrote to stderr. */
  readonly complaints: readonly string[]
  /** Resolves with the first line of that event that fits, already logged or still to come. */
  logged(event: string, fits?: (line: LogLine) => boolean): Promise<LogLine>
  kill(): Promise<void>
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>
}

export interface KurirOptions {
  readonly dataDir: string
  readonly rulesDir: string
  readonly environment?: Readonly<Record<string, string>>
  /** What to put in front: `['strace', '-f', …]`. */
  readonly wrapper?: readonly string[]
}

/** Starts a real Kurir on free ports and waits until its doors are open. */
export async function startKurir(options: KurirOptions): Promise<KurirProcess> {
  const command = [...(options.wrapper ?? []), process.execPath, path.join(repositoryDir, 'src/main.ts'), 'serve']
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: options.dataDir,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: kurirEnvironment(options),
  })
  const lines: LogLine[] = []
  const watchers = new Set<(line: LogLine) => void>()
  const complaints: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => complaints.push(line))
  createInterface({ input: child.stdout }).on('line', (text) => {
    // A killed process may leave half a line behind.
    if (!text.endsWith('}')) return
    const line: LogLine = JSON.parse(text)
    lines.push(line)
    for (const tell of [...watchers]) tell(line)
  })
  const logged = (event: string, fits: (line: LogLine) => boolean = () => true) => {
    const known = lines.find((line) => line['event'] === event && fits(line))
    if (known !== undefined) return Promise.resolve(known)
    return new Promise<LogLine>((resolve) => {
      const tell = (line: LogLine): void => {
        if (line['event'] !== event || !fits(line)) return
        watchers.delete(tell)
        resolve(line)
      }
      watchers.add(tell)
    })
  }
  // Not its exit: what it said last is still to be read then.
  const died = once(child, 'close').then(([code]) => {
    throw new Error(`kurir ended with ${code} before it was ready:\n${complaints.join('\n')}`)
  })
  const ready = await Promise.race([logged('ready'), died])
  died.catch(() => {})
  const pid = Number(ready['pid'])
  return {
    child,
    lines,
    complaints,
    logged,
    dataDir: options.dataDir,
    dicomPort: Number(ready['dicomPort']),
    httpPort: Number(ready['httpPort']),
    adminPort: Number(ready['adminPort']),
    kill: () => endKurir(child, pid, 'SIGKILL'),
    stop: async () => {
      await endKurir(child, pid, 'SIGTERM')
      return child.exitCode
    },
    [Symbol.asyncDispose]: () => endKurir(child, pid, 'SIGKILL'),
  }
}

function kurirEnvironment(options: KurirOptions): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('KURIR_'))
  return {
    ...Object.fromEntries(inherited),
    UV_THREADPOOL_SIZE: '16',
    KURIR_DICOM_HOST: '127.0.0.1',
    KURIR_DICOM_PORT: '0',
    KURIR_HTTP_HOST: '127.0.0.1',
    KURIR_HTTP_PORT: '0',
    KURIR_ADMIN_PORT: '0',
    KURIR_DATA_DIR: options.dataDir,
    KURIR_RULES_DIR: options.rulesDir,
    KURIR_SPOOL_FREE_MIN: '0',
    ...options.environment,
  }
}
