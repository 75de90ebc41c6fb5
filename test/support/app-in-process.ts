// A whole Kurir inside the test's own process, on free ports and a folder of its own.
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type App, createApp, type OpenPorts } from '../../src/app.ts'
import type { Clock } from '../../src/base/clock.ts'
import { readSettings } from '../../src/settings/settings.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'
import { ask } from './graphql-client.ts'
import { temporaryDir } from './processes.ts'

/** Folders for one site: its data, its rules by file name, and room for what arrives. */
export interface SiteFolders extends AsyncDisposable {
  readonly home: string
  readonly dataDir: string
  readonly rulesDir: string
  readonly environment: Readonly<Record<string, string>>
  /** Replaces the rule files by these. */
  write(files: Readonly<Record<string, string>>): Promise<void>
}

/** @param rules the text of the one rule file there is at first */
export async function siteFolders(
  rules: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<SiteFolders> {
  const dir = await temporaryDir('app')
  const home = dir.path
  const dataDir = path.join(home, 'data')
  const rulesDir = path.join(home, 'rules')
  const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
    await rm(rulesDir, { recursive: true, force: true })
    await mkdir(rulesDir)
    // A folder that the rules name from here is the site's, not one of the project.
    for (const [name, text] of Object.entries(files))
      await writeFile(path.join(rulesDir, name), text.replaceAll('path: ./', `path: ${home}/`))
  }
  await write({ '00.yaml': rules })
  return {
    home,
    dataDir,
    rulesDir,
    write,
    environment: {
      KURIR_DICOM_HOST: '127.0.0.1',
      KURIR_DICOM_PORT: '0',
      KURIR_HTTP_HOST: '127.0.0.1',
      KURIR_HTTP_PORT: '0',
      KURIR_ADMIN_PORT: '0',
      KURIR_DATA_DIR: dataDir,
      KURIR_RULES_DIR: rulesDir,
      KURIR_SPOOL_FREE_MIN: '0',
      KURIR_LOG_LEVEL: 'silent',
      KURIR_STOP_TIMEOUT: '1s',
      ...environment,
    },
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  }
}

export interface RunningApp extends AsyncDisposable, OpenPorts {
  readonly app: App
  readonly log: ReadableLog
  readonly dataDir: string
  /** As its administrator. */
  ask<Data>(query: string, variables?: Readonly<Record<string, unknown>>): Promise<Data>
}

/** Resolves when its doors are open. @param clock the system's unless told otherwise */
export async function startApp(
  folders: Pick<SiteFolders, 'environment' | 'dataDir'>,
  clock?: Clock,
): Promise<RunningApp> {
  const { environment, dataDir } = folders
  const log = new ReadableLog()
  const app = await createApp({
    settings: readSettings(environment),
    environment,
    log,
    ...(clock === undefined ? {} : { clock }),
  })
  try {
    const ports = await app.start()
    return {
      app,
      log,
      dataDir,
      ...ports,
      ask: (query, variables) => ask({ adminPort: ports.adminPort, dataDir }, query, variables),
      [Symbol.asyncDispose]: async () => await app[Symbol.asyncDispose](),
    }
  } catch (error) {
    await app[Symbol.asyncDispose]()
    throw error
  }
}
