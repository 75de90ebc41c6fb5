import { expect, test } from '@jest/globals'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf } from '../support/data-set-bytes.ts'

const RULES = `version: 1
callers:
  his: { from: 127.0.0.1/32, http: [INGEST, INTEGRATOR] }
destinations:
  nowhere: { dimse: { ae: NONE@127.0.0.1:1 } }
rules:
  - name: everything
    forward: [nowhere]
`

test('what is uploaded can be searched for, fetched and downloaded, through one port', async () => {
  await using folders = await siteFolders(RULES)
  await using app = await startApp(folders)
  const at = (path: string): string => `http://127.0.0.1:${app.httpPort}${path}`
  expect(await (await fetch(at('/health'))).json()).toEqual({ status: 'ok' })
  expect(await (await fetch(at('/version'))).json()).toEqual({ name: 'kurir', version: expect.any(String) })
  for (const path of ['/health', '/version']) {
    const asked = await fetch(at(path), { method: 'HEAD' })
    expect([asked.status, asked.headers.get('content-type')]).toEqual([200, expect.stringContaining('json')])
  }
  const { file, sopInstanceUid } = ctInstance({ sizeBytes: 4_096 })
  const form = new FormData()
  form.append('file', new Blob([new Uint8Array(file)]), 'a.dcm')
  const uploaded = await fetch(at('/api/dicom/upload'), { method: 'POST', body: form })
  expect([uploaded.status, await uploaded.json()]).toMatchObject([200, { status: 'success', study: '2.25.314159' }])
  const found = await fetch(at('/studies?PatientID=ID0001'))
  expect(await found.json()).toMatchObject([{ '0020000D': { Value: ['2.25.314159'] } }])
  const given = Buffer.from(await (await fetch(at(`/api/dicom/download/${sopInstanceUid}`))).arrayBuffer())
  expect(dataSetOf(given).equals(dataSetOf(file))).toBe(true)
})
