import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { findFileMeta } from '../../src/dicom/file-meta.ts'
import { keyedHash } from '../../src/rules/hash-verb.ts'
import { mappedUid } from '../../src/rules/uid-verb.ts'
import { headerOf, openFile } from '../dicom/slices.ts'
import { ctInstance } from '../support/data-set.ts'
import { ask } from '../support/graphql-client.ts'
import { describeWithPeers } from '../support/peers.ts'
import { quickPeerEnv, startKurir, startStorescp, temporaryDir } from '../support/processes.ts'
import { untilSettled } from '../support/until-settled.ts'

const run = promisify(execFile)
const SECRET = 'a secret that nobody guesses'
const KEY = Buffer.from(SECRET)

const rules = (home: string, port: number): string => `version: 1
keys: { research: { file: ${home}/research-key } }
destinations:
  archive: { dimse: { ae: ARCHIVE@127.0.0.1:${port} } }
  outbox: { folder: { path: ${home}/outbox, layout: "{StudyInstanceUID}/{SOPInstanceUID}.dcm" } }
rules:
  - name: research
    rewrite:
      - hash: { of: [PatientID], key: research, length: 16 }
      - uid: { of: [StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID, FrameOfReferenceUID], key: research }
      - set: { PatientName: "{PatientID}" }
    forward: [archive, outbox]
`

describeWithPeers(['storescu', 'storescp'], 'a study for research', () => {
  let stack = new AsyncDisposableStack()
  beforeEach(() => {
    stack = new AsyncDisposableStack()
  })
  afterEach(() => stack.disposeAsync())

  test('leaves under new identities everywhere, the same over instances and destinations; the secret is nowhere', async () => {
    const home = stack.use(await temporaryDir('research')).path
    const [dataDir, rulesDir, through] = ['data', 'rules', 'through'].map((name) => path.join(home, name))
    for (const dir of [dataDir, rulesDir, through]) await mkdir(dir ?? '')
    const archive = stack.use(await startStorescp(through ?? ''))
    await writeFile(path.join(home, 'research-key'), `${SECRET}\n`)
    await writeFile(path.join(rulesDir ?? '', '00.yaml'), rules(home, archive.port))
    const kurir = stack.use(await startKurir({ dataDir: dataDir ?? '', rulesDir: rulesDir ?? '' }))
    const made = [1, 2].map((instanceNumber) => ctInstance({ instanceNumber, sizeBytes: 60_000, patientId: 'P-77' }))
    for (const [i, { file }] of made.entries()) {
      await writeFile(path.join(home, `${i}.dcm`), file)
      await run(
        'storescu',
        ['-R', '-aec', 'KURIR', '127.0.0.1', String(kurir.dicomPort), path.join(home, `${i}.dcm`)],
        {
          env: quickPeerEnv,
        },
      )
    }
    await untilSettled(kurir)

    const expected = made.map(({ sopInstanceUid }) => mappedUid(sopInstanceUid, KEY)).sort()
    const study = mappedUid((await headerFrom(path.join(home, '0.dcm'))).studyInstanceUid ?? '', KEY)
    const outbox = path.join(home, 'outbox', study)
    expect((await readdir(outbox)).sort()).toEqual(expected.map((uid) => `${uid}.dcm`))
    for (const dir of [through ?? '', outbox]) {
      const files = (await readdir(dir)).map((name) => path.join(dir, name))
      const arrived = await Promise.all(files.map(identityOf))
      // What the command or the file says it is, it is inside.
      expect(arrived.map(({ stated }) => stated).sort()).toEqual(expected)
      for (const { stated, header } of arrived) {
        expect([header.sopInstanceUid, header.studyInstanceUid]).toEqual([stated, study])
        expect([header.patientId, header.patientName]).toEqual(Array(2).fill(keyedHash('P-77', KEY, 16)))
      }
    }
    const { deliveries } = await ask<{ deliveries: { nodes: readonly { rewrite: readonly { keyword: string }[] }[] } }>(
      kurir,
      '{ deliveries(first: 10) { nodes { rewrite { keyword verb } } } }',
    )
    expect(deliveries.nodes).toHaveLength(4)
    for (const { rewrite } of deliveries.nodes)
      expect(rewrite).toContainEqual({ keyword: 'SOPInstanceUID', verb: 'uid' })
    await expectNowhere(dataDir ?? '')
  }, 60_000)
})

async function headerFrom(file: string) {
  const opened = openFile(await readFile(file))
  if (opened === undefined) throw new Error('not DICOM')
  return await headerOf(opened.dataSet, opened.transferSyntax)
}

async function identityOf(file: string) {
  const found = findFileMeta(await readFile(file), true)
  if (found.outcome !== 'found') throw new Error('not DICOM')
  return { stated: found.meta.sopInstanceUid, header: await headerFrom(file) }
}

async function expectNowhere(dir: string): Promise<void> {
  const names = await readdir(dir, { recursive: true, withFileTypes: true })
  for (const entry of names) {
    if (!entry.isFile()) continue
    const bytes = await readFile(path.join(entry.parentPath, entry.name))
    for (const form of [SECRET, KEY.toString('hex'), KEY.toString('base64')]) expect(bytes.includes(form)).toBe(false)
  }
}
