import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { hasErrno, KurirError } from '../base/failure.ts'
import type { Settings } from '../settings/table.ts'

/** What a running Kurir says of itself in `<data>/ready.json`. */
export interface ReadyFile {
  readonly dicomPort: number
  readonly adminPort: number
  readonly pid: number
}

export const readyFile = (dataDir: string): string => path.join(dataDir, 'ready.json')
export const adminTokenFile = (dataDir: string): string => path.join(dataDir, 'admin-token')

/** Where the Kurir of this data directory answers; undefined when none is running. */
export async function findRunning(settings: Pick<Settings, 'dataDir'>): Promise<ReadyFile | undefined> {
  const text = await readIfThere(readyFile(settings.dataDir))
  if (text === undefined) return undefined
  const ready = parseJson(text)
  return isReadyFile(ready) && isAlive(ready.pid) ? ready : undefined
}

function isReadyFile(value: unknown): value is ReadyFile {
  if (typeof value !== 'object' || value === null) return false
  if (!('dicomPort' in value && 'adminPort' in value && 'pid' in value)) return false
  return [value.dicomPort, value.adminPort, value.pid].every((number) => typeof number === 'number')
}

/** A ready file outlives a process that was killed, so its word alone is not enough. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasErrno(error, 'EPERM')
  }
}

/**
 * One GraphQL request to the running Kurir, with the administrator's token of its data directory.
 *
 * @throws KurirError `not-found` when none is running, `connection-refused` when it does not answer, `refused` when it
 *   answers with errors
 */
export async function askRunning(
  settings: Pick<Settings, 'dataDir' | 'adminHost'>,
  query: string,
  variables: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  const running = await findRunning(settings)
  if (running === undefined) {
    throw new KurirError(
      'not-found',
      'transient',
      `no Kurir is running on ${settings.dataDir}; start it with "npm start"`,
    )
  }
  const token = await readIfThere(adminTokenFile(settings.dataDir))
  if (token === undefined) {
    throw new KurirError('not-found', 'permanent', `${adminTokenFile(settings.dataDir)} is not there to log in with`)
  }
  const origin = `http://${reachableHost(settings.adminHost)}:${running.adminPort}`
  const response = await post(origin, token.trim(), { query, variables })
  const answer = parseJson(await response.text())
  if (typeof answer !== 'object' || answer === null || !('data' in answer) || 'errors' in answer) {
    throw new KurirError('refused', 'permanent', `the admin listener answered ${response.status} and no data`)
  }
  return answer.data
}

async function post(origin: string, token: string, body: object): Promise<Response> {
  try {
    return await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    })
  } catch (cause) {
    throw new KurirError('connection-refused', 'transient', `the running Kurir does not answer on ${origin}`, { cause })
  }
}

/** What a process that was killed left may be half a file. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A listener on every address is called on this machine's own. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw error
  }
}
