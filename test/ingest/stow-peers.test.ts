import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect } from '@jest/globals'
import { chromium } from 'playwright-core'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { dicomWebPlugin, startOrthanc } from '../support/orthanc.ts'
import { peerPath, testWithPeers } from '../support/peers.ts'
import { startStow } from '../support/stow-harness.ts'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../..', import.meta.url))
const orthancPeers = dicomWebPlugin() === undefined ? ['Orthanc', 'libOrthancDicomWeb.so'] : ['Orthanc']

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

const files = [1, 2, 3].map((instanceNumber) => ctInstance({ instanceNumber, sizeBytes: 70_000 }).file)
const digests = (dataSets: readonly Buffer[]): readonly string[] => dataSets.map(sha256).toSorted()
const sent = digests(files.map(dataSetOf))

testWithPeers(
  orthancPeers,
  'Orthanc hands its instances in by STOW-RS, and they arrive as they are',
  async () => {
    const door = stack.use(await startStow())
    const kurir = { Url: `${door.url}/`, Username: 'any', Password: 'INGEST' }
    const orthanc = stack.use(await startOrthanc(door.folder, { DicomWeb: { Enable: true, Servers: { kurir } } }))
    const ids: string[] = []
    for (const file of files) ids.push(JSON.parse((await orthanc.post('/instances', file)).body.toString()).ID)
    const asked = JSON.stringify({ Resources: ids, Synchronous: true })
    const answered = await orthanc.post('/dicom-web/servers/kurir/stow', asked)
    expect({ status: answered.status, body: answered.status === 200 ? '' : answered.body.toString() }).toEqual({
      status: 200,
      body: '',
    })
    expect(digests(await door.dataSets())).toEqual(sent)
  },
  60_000,
)

testWithPeers(
  ['chromium'],
  'dicomweb-client stores from a browser, and reads the answer',
  async () => {
    const door = stack.use(await startStow())
    const executablePath = peerPath('chromium') ?? 'chromium'
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--no-first-run'] })
    stack.defer(() => browser.close())
    const page = await browser.newPage()
    const script = path.join(repository, 'node_modules/dicomweb-client/build/dicomweb-client.js')
    await page.route('**/page', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<script src="/client.js"></script>' }),
    )
    await page.route('**/client.js', (route) => route.fulfill({ path: script, contentType: 'text/javascript' }))
    await page.goto(`${door.url}/page`)
    const encoded = JSON.stringify(files.map((file) => file.toString('base64')))
    const answer = await page.evaluate(`(async () => {
      const datasets = ${encoded}.map((text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0)).buffer)
      const headers = { Authorization: 'Bearer INGEST' }
      const client = new DICOMwebClient.api.DICOMwebClient({ url: location.origin, headers })
      const stored = await client.storeInstances({ datasets, studyInstanceUID: '2.25.314159' })
      return typeof stored === 'string' ? stored : JSON.stringify(stored ?? null)
    })()`)
    expect(digests(await door.dataSets())).toEqual(sent)
    expect(String(answer)).toMatch(/null|2\.25\.314159\.1\.3/)
  },
  60_000,
)

testWithPeers(['curl', 'gzip'], 'the curl lines of the README do what it says', async () => {
  const readme = await readFile(path.join(repository, 'README.md'), 'utf8')
  const lines = readme
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => /\bcurl .*\/studies$/.test(line))
  expect(lines.length).toBeGreaterThanOrEqual(3)
  for (const line of lines) {
    const door = stack.use(await startStow())
    for (const [at, name] of ['image.dcm', 'one.dcm', 'two.dcm'].entries()) {
      await writeFile(path.join(door.folder, name), files[at] ?? '')
    }
    const command = line.replaceAll('http://127.0.0.1:8080', door.url).replace(/\bcurl /, 'curl -sS -f ')
    const { stdout } = await run('sh', ['-c', command], { cwd: door.folder, env: { ...process.env, TOKEN: 'INGEST' } })
    expect(stdout).toMatch(/00081199/)
    expect((await door.dataSets()).length).toBe(line.includes('two.dcm') ? 2 : 1)
  }
})
