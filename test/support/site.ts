// A Kurir with its folders and the archives around it, for tests of the whole process.
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import { ctInstance } from './data-set.ts'
import { dataSetDigests, dataSetOf, sha256 } from './data-set-bytes.ts'
import {
  type KurirProcess,
  quickPeerEnv,
  type RunningProcess,
  startKurir,
  startStorescp,
  temporaryDir,
} from './processes.ts'
import { storeAll } from './store-all.ts'

const run = promisify(execFile)

/** A storescp and what has arrived at it. */
export interface Archive extends RunningProcess {
  /** SHA-256 of the data set of every file, sorted; an object that came twice counts twice. */
  digests(cut?: 'left-out'): Promise<readonly string[]>
}

export interface Site extends AsyncDisposable {
  readonly home: string
  readonly dataDir: string
  readonly rulesDir: string
  /** Writes a file of the rules folder. */
  rules(text: string, file?: string): Promise<void>
  start(environment?: Readonly<Record<string, string>>): Promise<KurirProcess>
  /** Starts a storescp whose files stand in a folder of that name; again under the same name: the same folder. */
  archive(name: string, args?: readonly string[], port?: number): Promise<Archive>
}

/** Everything that was started here ends when it is disposed. `dataDir`: on another volume. */
export async function openSite(name: string, dataDir?: string): Promise<Site> {
  const stack = new AsyncDisposableStack()
  const home = stack.use(await temporaryDir(name)).path
  const folders = { dataDir: dataDir ?? path.join(home, 'data'), rulesDir: path.join(home, 'rules') }
  for (const dir of Object.values(folders)) await mkdir(dir, { recursive: true })
  return {
    home,
    ...folders,
    rules: (text, file = '00.yaml') => writeFile(path.join(folders.rulesDir, file), text),
    start: async (environment = {}) =>
      stack.use(await startKurir({ ...folders, environment: { KURIR_LOG_LEVEL: 'debug', ...environment } })),
    archive: async (folder, args = [], port) => {
      const dir = path.join(home, folder)
      await mkdir(dir, { recursive: true })
      const running = stack.use(await startStorescp(dir, ['+uf', ...args], port))
      return { ...running, digests: (cut?: 'left-out') => dataSetDigests(dir, cut) }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Rules that forward everything to destinations at these ports of this machine, and try again quickly. */
export function forwardTo(ports: Readonly<Record<string, number>>, more = ''): string {
  const destinations = Object.entries(ports).map(
    ([name, port]) => `  ${name}:
    dimse: { ae: ARCHIVE@127.0.0.1:${port}, associations: 2 }
    retry: { first: 50ms, longest: 200ms, give_up_after: 1h }
`,
  )
  return `version: 1
destinations:
${destinations.join('')}rules:
  - name: everything
    forward: [${Object.keys(ports).join(', ')}]
${more}`
}

/** CT images with numbers of their own. */
export const ctFiles = (first: number, count: number, sizeBytes = 4096): readonly Buffer[] =>
  Array.from({ length: count }, (_, index) => ctInstance({ instanceNumber: first + index, sizeBytes }).file)

export const digestOf = (file: Buffer): string => sha256(dataSetOf(file))

/** Stores the files on one association, and gives the status of each that was answered. */
export async function storeOnce(kurir: KurirProcess, files: readonly Buffer[]): Promise<readonly number[]> {
  const statuses: number[] = []
  await storeAll(
    kurir.dicomPort,
    () => files,
    (_file, status) => statuses.push(status),
  )
  return statuses
}

/** Whether dcmtk's echoscu is answered. */
export function isEchoed(kurir: KurirProcess): Promise<boolean> {
  return run('echoscu', ['-aec', 'KURIR', '-to', '5', '127.0.0.1', String(kurir.dicomPort)], {
    env: quickPeerEnv,
  }).then(
    () => true,
    () => false,
  )
}

/** The first column of what the ledger of a stopped (or running) Kurir answers. */
export function inLedger(dataDir: string, sql: string): readonly unknown[] {
  const database = new Database(path.join(dataDir, 'ledger.db'), { readonly: true })
  try {
    return database.prepare(sql).pluck().all()
  } finally {
    database.close()
  }
}
