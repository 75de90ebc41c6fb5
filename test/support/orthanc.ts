// An Orthanc with its DICOMweb plug-in, on free ports and a folder of its own, seen through its REST API.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { type RequestOptions, request } from 'node:http'
import path from 'node:path'
import { end, freePort, quickPeerEnv, untilListening } from './processes.ts'

const PLUGINS = ['/usr/share/orthanc/plugins/libOrthancDicomWeb.so', '/usr/lib/orthanc/libOrthancDicomWeb.so']

/** Where the DICOMweb plug-in stands, undefined when it is not installed. */
export const dicomWebPlugin = (): string | undefined => PLUGINS.find((file) => existsSync(file))

interface Answer {
  readonly status: number
  readonly body: Buffer
}

export interface Orthanc extends AsyncDisposable {
  readonly httpPort: number
  readonly dicomPort: number
  /** `http://…/dicom-web` */
  readonly dicomWeb: string
  /** Its REST API; the body as bytes. */
  get(path: string): Promise<Buffer>
  post(path: string, body: string | Uint8Array): Promise<Answer>
  /** The Part 10 files of all instances it holds. */
  files(): Promise<readonly Buffer[]>
}

/** @param more configuration, put beside ours */
export async function startOrthanc(home: string, more: Readonly<Record<string, unknown>> = {}): Promise<Orthanc> {
  const folder = path.join(home, 'orthanc')
  await mkdir(folder, { recursive: true })
  const [httpPort, dicomPort] = [await freePort(), await freePort()]
  const configuration = {
    Name: 'test',
    StorageDirectory: folder,
    IndexDirectory: folder,
    HttpPort: httpPort,
    DicomPort: dicomPort,
    DicomAet: 'ORTHANC',
    RemoteAccessAllowed: true,
    AuthenticationEnabled: false,
    DicomAlwaysAllowStore: true,
    Plugins: [dicomWebPlugin()].filter((plugin) => plugin !== undefined),
    ...more,
  }
  const file = path.join(folder, 'orthanc.json')
  await writeFile(file, JSON.stringify(configuration))
  const child = spawn('Orthanc', [file], { stdio: 'ignore', env: quickPeerEnv })
  await untilListening(httpPort, child)
  const call = (method: string, where: string, body?: string | Uint8Array): Promise<Answer> =>
    answered({ port: httpPort, method, path: where }, body).catch((error: unknown) => {
      const ended = child.exitCode ?? child.signalCode
      throw new Error(`${method} ${where}: Orthanc ${ended === null ? 'is running' : `ended with ${ended}`}`, {
        cause: error,
      })
    })
  const get = async (where: string): Promise<Buffer> => {
    // Asked again: on a busy machine an answer has ended in the middle, or not come at all.
    const { status, body } = await call('GET', where).catch(() => call('GET', where))
    if (status !== 200) throw new Error(`Orthanc answered ${status} to GET ${where}`)
    return body
  }
  return {
    httpPort,
    dicomPort,
    dicomWeb: `http://127.0.0.1:${httpPort}/dicom-web`,
    get,
    post: (where, body) => call('POST', where, body),
    files: async () => {
      const ids: readonly string[] = JSON.parse((await get('/instances')).toString('utf8'))
      const files: Buffer[] = []
      for (const id of ids) files.push(await get(`/instances/${id}/file`))
      return files
    },
    [Symbol.asyncDispose]: () => end(child),
  }
}

/** A request on a connection of its own: in whole runs of the tests, answers on kept ones have ended in the middle. */
function answered(options: RequestOptions, body?: string | Uint8Array): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const signal = AbortSignal.timeout(20_000)
  const asking = request({ host: '127.0.0.1', agent: false, signal, ...options }, (response) => {
    const parts: Buffer[] = []
    response.on('data', (part: Buffer) => parts.push(part))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }))
    response.on('error', (cause) => {
      const came = parts.reduce((sum, part) => sum + part.length, 0)
      reject(new Error(`ended after ${came} of ${response.headers['content-length']} bytes`, { cause }))
    })
  })
  asking.on('error', reject)
  asking.end(body)
  return promise
}
