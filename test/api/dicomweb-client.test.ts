import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect } from '@jest/globals'
import { chromium } from 'playwright-core'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { peerPath, testWithPeers } from '../support/peers.ts'
import { openApi } from './api-harness.ts'

const CLIENT = fileURLToPath(new URL('../../node_modules/dicomweb-client/build/dicomweb-client.js', import.meta.url))
const ARGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking']

type Row = Readonly<Record<string, { readonly Value?: readonly unknown[] }>>
interface Client {
  searchForStudies(options: { queryParams: Record<string, string> }): Promise<readonly Row[]>
  retrieveSeriesMetadata(uids: Record<string, string>): Promise<readonly Row[]>
  retrieveSeries(uids: Record<string, string>): Promise<readonly ArrayBuffer[]>
}
/** What the script puts into a page. */
interface ClientScript {
  readonly DICOMwebClient: { readonly api: { readonly DICOMwebClient: new (options: object) => Client } }
}

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

testWithPeers(
  existsSync(CLIENT) ? ['chromium'] : ['chromium', 'dicomweb-client'],
  'dicomweb-client in a browser searches, reads metadata and fetches a series',
  async () => {
    const api = stack.use(await openApi())
    const instances = [1, 2, 3].map((instanceNumber) => ctInstance({ instanceNumber, sizeBytes: 4_096 }))
    for (const { file } of instances) await api.keep(file)
    const browser = await chromium.launch({ executablePath: peerPath('chromium') ?? 'chromium', args: ARGS })
    stack.defer(() => browser.close())
    const page = await browser.newPage()
    // A page of our own origin: the port allows no other.
    await page.goto(`${api.url}/nothing-here`)
    await page.addScriptTag({ path: CLIENT })
    const seen = await page.evaluate(
      async ([url, study, series]) => {
        const headers = { Authorization: 'Bearer INTEGRATOR' }
        const { DICOMwebClient } = (globalThis as unknown as ClientScript).DICOMwebClient.api
        const client = new DICOMwebClient({ url, headers })
        const uids = { studyInstanceUID: study, seriesInstanceUID: series }
        const studies = await client.searchForStudies({ queryParams: { PatientID: 'ID0001' } })
        const metadata = await client.retrieveSeriesMetadata(uids)
        const files = await client.retrieveSeries(uids)
        const none = await client.searchForStudies({ queryParams: { PatientID: 'NOBODY' } })
        return {
          studies: studies.map((row) => row['0020000D']?.Value?.[0]),
          numbers: metadata.map((row) => row['00200013']?.Value?.[0]),
          files: files.map((file) => Array.from(new Uint8Array(file))),
          none: none.length,
        }
      },
      [api.url, '2.25.314159', '2.25.314159.1'] as const,
    )
    expect(seen).toMatchObject({ studies: ['2.25.314159'], numbers: [1, 2, 3], none: 0 })
    const digests = seen.files.map((bytes) => sha256(dataSetOf(Buffer.from(bytes)))).sort()
    expect(digests).toEqual(instances.map(({ dataSet }) => sha256(dataSet)).sort())
  },
  40_000,
)
