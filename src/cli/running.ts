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
export async function findRunning(settings: Pick<Settings, 'dataDir' | 'adminHost'>): Promise<ReadyFile | undefined> {
  const text = await readIfThere(readyFile(settings.dataDir))
  if (text === undefined) return undefined
  const ready = parseJson(text)
  if (!isReadyFile(ready) || !isAlive(ready.pid)) return undefined
  return (await isRefused(originOf(settings.adminHost, ready))) ? undefined : ready
}

function isReadyFile(value: unknown): value is ReadyFile {
  if (typeof value !== 'object' || value === null) return false
  if (!('dicomPort' in value && 'adminPort' in value && 'pid' in value)) return false
  return [value.dicomPort, value.adminPort, value.pid].every((number) => typeof number === 'number')
}

/** Its number may be another process's by now, in a container above all: then nobody is at the port. */
async function isRefused(origin: string): Promise<boolean> {
  try {
    const answer = await fetch(`${origin}/livez`, { signal: AbortSignal.timeout(10_000) })
    await answer.body?.cancel()
    return false
  } catch (error) {
    return Error.isError(error) && hasErrno(error.cause, 'ECONNREFUSED')
  }
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
  const file = adminTokenFile(settings.dataDir)
  const token = await readIfThere(file)
  if (token === undefined) throw new KurirError('not-found', 'permanent', `${file} is not there to log in with`)
  const response = await post(originOf(settings.adminHost, running), token.trim(), { query, variables })
  const answer = parseJson(await response.text())
  if (typeof answer === 'object' && answer !== null && 'data' in answer && !('errors' in answer)) return answer.data
  throw new KurirError('refused', 'permanent', sayRefusal(response.status, answer, file))
}

/** What can be done about it is said; anything else is in the log of the Kurir that runs. */
function sayRefusal(status: number, answer: unknown, file: string): string {
  if (status === 401) {
    return `the running Kurir does not know the token in ${file}; while it is stopped, "kurir token create --name NAME --role ADMIN,PHI_READER" makes one to put there`
  }
  const role = /"(This needs the role [A-Z_]+)\."/.exec(JSON.stringify(answer))?.[1]
  if (role !== undefined) return `the token in ${file} does not suffice: ${role.replace('This', 'this')}`
  return `the admin listener answered ${status} and no data`
}

const originOf = (host: string, { adminPort }: ReadyFile): string => `http://${reachableHost(host)}:${adminPort}`

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
