import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { ask } from '../support/graphql-client.ts'
import { ingestToken } from '../support/ingest-token.ts'
import { describeWithPeers } from '../support/peers.ts'
import {
  freePort,
  type KurirProcess,
  quickPeerEnv,
  startKurir,
  startStorescp,
  temporaryDir,
} from '../support/processes.ts'
import { untilSettled } from '../support/until-settled.ts'

const run = promisify(execFile)

/** Every text by which this patient could be known; none of them is a word of ours. */
const CANARY = {
  patientName: 'Kenari^Kuning',
  patientId: 'KNR-4711',
  accessionNumber: 'ACCKNR99',
  studyInstanceUid: '2.25.777000777',
} as const
const TELLTALES = ['Kenari', 'Kuning', 'KNR-4711', 'ACCKNR99', '2.25.777000777']

const rules = (port: number, deadPort: number): string => `version: 1
destinations:
  archive: { dimse: { ae: "ARCHIVE@127.0.0.1:${port}" } }
  dead: { dimse: { ae: "DEAD@127.0.0.1:${deadPort}" } }
rules:
  - name: delivered
    match: { InstanceNumber: "1" }
    forward: [archive, dead]
  - name: too long to be rewritten
    match: { InstanceNumber: "2" }
    rewrite: [ { suffix: { AccessionNumber: "-{PatientName}-{PatientID}" } } ]
    forward: [archive]
  - name: discarded
    match: { InstanceNumber: "3" }
    discard: as the test says
`

describeWithPeers(['storescu', 'storescp'], 'the canary patient', () => {
  const stack = new AsyncDisposableStack()
  afterEach(() => stack.disposeAsync())

  test('is in no log line, metric, error or health answer, whatever becomes of the images', async () => {
    const home = stack.use(await temporaryDir('canary')).path
    const folders = { dataDir: path.join(home, 'data'), rulesDir: path.join(home, 'rules') }
    for (const dir of [folders.dataDir, folders.rulesDir, path.join(home, 'arrived')]) await mkdir(dir)
    const archive = stack.use(await startStorescp(path.join(home, 'arrived')))
    await writeFile(path.join(folders.rulesDir, '00.yaml'), rules(archive.port, await freePort()))
    const kurir = stack.use(await startKurir({ ...folders, environment: { KURIR_LOG_LEVEL: 'debug' } }))

    for (const instanceNumber of [1, 2, 3, 4]) {
      await send(home, kurir, ctInstance({ ...CANARY, instanceNumber, sizeBytes: 4096 }).file, instanceNumber)
    }
    await sendUnreadable(home, kurir)
    await storeByHttp(kurir)
    await untilSettled(kurir, ['archive'])
    const spoken = await everythingAsked(kurir)
    await kurir.stop()

    const said = [...kurir.lines.map((line) => JSON.stringify(line)), ...kurir.complaints, ...spoken].join('\n')
    expect(TELLTALES.filter((telltale) => said.includes(telltale))).toEqual([])
    // What is shown on purpose is shown, so the telltales are the right ones.
    expect(kurir.lines.map((line) => line['event'])).toContain('instance-admitted')
  }, 60_000)
})

async function send(home: string, kurir: KurirProcess, file: Buffer, number: number): Promise<void> {
  const name = path.join(home, `${number}.dcm`)
  await writeFile(name, file)
  await run('storescu', ['-aec', 'KURIR', '127.0.0.1', String(kurir.dicomPort), name], { env: quickPeerEnv })
}

/** The same patient in a data set whose first lengths lie. */
async function sendUnreadable(home: string, kurir: KurirProcess): Promise<void> {
  const whole = ctInstance({ ...CANARY, instanceNumber: 5, sizeBytes: 4096 })
  await send(home, kurir, Buffer.concat([whole.file.subarray(0, whole.file.length - 3000)]), 5).catch(() => {})
}

/** The same patient by STOW-RS: stored, refused, broken off, in a model, in addresses that lead nowhere. */
async function storeByHttp(kurir: KurirProcess): Promise<void> {
  const token = await ingestToken(kurir)
  const { file } = ctInstance({ ...CANARY, instanceNumber: 6, sizeBytes: 4096 })
  const post = async (where: string, type: string, body: Buffer): Promise<number> => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': type,
      'x-correlation-id': CANARY.accessionNumber,
    }
    const url = `http://127.0.0.1:${kurir.httpPort}${where}`
    return (await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) })).status
  }
  const model = JSON.stringify({
    '00080018': { vr: 'UI', Value: [CANARY.studyInstanceUid] },
    '00100010': { vr: 'PN', Value: [CANARY.patientName] },
  })
  const answers = [
    await post(`/studies/${CANARY.studyInstanceUid}`, 'application/dicom', file),
    await post('/studies/1.2.3', 'application/dicom', file),
    await post('/studies', 'multipart/related; boundary=b', Buffer.concat([Buffer.from('--b\r\n\r\n'), file])),
    await post('/studies', 'application/dicom+json', Buffer.from(model)),
    await post('/studies', `text/${CANARY.accessionNumber}`, file),
    await post(`/studies/${CANARY.accessionNumber}`, 'application/dicom', file),
    await post(`/${CANARY.accessionNumber}`, 'application/dicom', file),
  ]
  expect(answers).toEqual([200, 409, 400, 409, 415, 400, 404])
}

/** Everything a caller without PHI_READER can make Kurir say, errors included. */
async function everythingAsked(kurir: KurirProcess): Promise<readonly string[]> {
  const token = (await readFile(path.join(kurir.dataDir, 'admin-token'), 'utf8')).trim()
  const base = `http://127.0.0.1:${kurir.adminPort}`
  const said: string[] = []
  for (const url of ['/metrics', '/readyz', '/livez', `/${CANARY.accessionNumber}`]) {
    const response = await fetch(`${base}${url}`, { headers: { authorization: `Bearer ${token}` } })
    said.push(url.includes(CANARY.accessionNumber) ? '' : await response.text())
  }
  await ask(kurir, 'query($u: Uid!) { study(studyInstanceUid: $u) { id } }', { u: CANARY.studyInstanceUid })
  await ask(kurir, 'query { studies(first: 1, after: "nonsense") { nodes { id } } }').catch(() => {})
  await ask(
    kurir,
    `query { studies(first: 1, filter: { accessionNumber: "${CANARY.accessionNumber}" }) { nope } }`,
  ).catch(() => {})
  return said
}
