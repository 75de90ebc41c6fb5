// An Orthanc with its DICOMweb plug-in, on free ports and a folder of its own, seen through its REST API.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { end, freePort, quickPeerEnv, untilListening } from './processes.ts'

const PLUGINS = ['/usr/share/orthanc/plugins/libOrthancDicomWeb.so', '/usr/lib/orthanc/libOrthancDicomWeb.so']

/** Where the DICOMweb plug-in stands, undefined when it is not installed. */
export const dicomWebPlugin = (): string | undefined => PLUGINS.find((file) => existsSync(file))

export interface Orthanc extends AsyncDisposable {
  readonly httpPort: number
  readonly dicomPort: number
  /** `http://…/dicom-web` */
  readonly dicomWeb: string
  /** Its REST API; the body as bytes. */
  get(path: string): Promise<Buffer>
  post(path: string, body: string | Uint8Array): Promise<{ readonly status: number; readonly body: Buffer }>
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
  const at = (where: string): string => `http://127.0.0.1:${httpPort}${where}`
  const once = async (where: string): Promise<Buffer> => {
    const response = await fetch(at(where))
    if (!response.ok) throw new Error(`Orthanc answered ${response.status}`)
    return Buffer.from(await response.arrayBuffer())
  }
  const get = (where: string): Promise<Buffer> =>
    once(where).catch((error: unknown) => {
      const ended = child.exitCode ?? child.signalCode
      if (ended !== null) throw new Error(`Orthanc ended with ${ended} while it answered ${where}`)
      // A busy one now and then closes a connection in the middle of an answer: that is no word on what it has.
      if (error instanceof TypeError) return once(where)
      throw error
    })
  return {
    httpPort,
    dicomPort,
    dicomWeb: at('/dicom-web'),
    get,
    post: async (where, body) => {
      const response = await fetch(at(where), {
        method: 'POST',
        body: typeof body === 'string' ? body : Buffer.from(body),
      })
      return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
    },
    files: async () => {
      const ids: readonly string[] = JSON.parse((await get('/instances')).toString('utf8'))
      const files: Buffer[] = []
      for (const id of ids) files.push(await get(`/instances/${id}/file`))
      return files
    },
    [Symbol.asyncDispose]: () => end(child),
  }
}
