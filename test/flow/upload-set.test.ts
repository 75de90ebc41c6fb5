import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { filesIn, untilHolds } from '../support/his-site.ts'
import { ingestToken } from '../support/ingest-token.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

test('what an upload sets is what rules match and what leaves, also when the same file came without it just before', async () => {
  const folders = stack.use(await siteFolders('version: 1\n'))
  await folders.write({
    '00.yaml': `version: 1
destinations:
  corrected: { folder: { path: ${JSON.stringify(`${folders.home}/corrected`)} } }
  others: { folder: { path: ${JSON.stringify(`${folders.home}/others`)} } }
rules:
  - { name: corrected, match: { AccessionNumber: RS-7 }, forward: [corrected], stop: true }
  - { name: others, forward: [others] }
`,
  })
  const kurir = stack.use(await startApp(folders))
  const authorization = `Bearer ${await ingestToken(kurir)}`
  const upload = async (fields: Readonly<Record<string, string>>): Promise<number> => {
    const body = new FormData()
    const { file } = ctInstance({ sizeBytes: 2_048, accessionNumber: 'WRONG', patientId: 'TMP-1' })
    body.append('file', new Blob([new Uint8Array(file)]), 'a.dcm')
    for (const [name, value] of Object.entries(fields)) body.append(name, value)
    const url = `http://127.0.0.1:${kurir.httpPort}/api/dicom/upload`
    return (await fetch(url, { method: 'POST', body, headers: { authorization } })).status
  }
  const texts = async (folder: string) => (await filesIn(folders.home, folder)).map((file) => file.toString('latin1'))
  expect(await upload({})).toBe(200)
  await untilHolds(async () => (await texts('others')).length === 1)
  expect(await upload({ acc: 'RS-7', patientid: '00-12' })).toBe(200)
  await untilHolds(async () => (await texts('corrected')).length === 1)
  const [text = ''] = await texts('corrected')
  expect(['RS-7', '00-12'].filter((value) => !text.includes(value))).toEqual([])
  expect(['WRONG', 'TMP-1'].filter((value) => text.includes(value))).toEqual([])
  expect(await texts('others')).toHaveLength(1)
})
