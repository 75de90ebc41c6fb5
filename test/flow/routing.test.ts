import { execFile, spawn } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { findFileMeta } from '../../src/dicom/file-meta.ts'
import { corpusFiles, testWithCorpus } from '../support/corpus.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetDigests, dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { ask } from '../support/graphql-client.ts'
import { describeWithPeers, hasPeer } from '../support/peers.ts'
import {
  end,
  freePort,
  type KurirProcess,
  quickPeerEnv,
  startKurir,
  startStorescp,
  temporaryDir,
  untilListening,
} from '../support/processes.ts'
import { untilSettled } from '../support/until-settled.ts'

const run = promisify(execFile)

const toArchive = (port: number, rewrite = ''): string => `version: 1
destinations:
  archive:
    dimse: { ae: ARCHIVE@127.0.0.1:${port} }
    retry: { first: 50ms, longest: 200ms, give_up_after: 1h }
rules:
  - name: everything to the archive
    ${rewrite}
    forward: [archive]
`

const toBoth = (orthanc: number, judge: number): string => `version: 1
destinations:
  orthanc:
    dimse: { ae: ARCHIVE@127.0.0.1:${orthanc} }
    retry: { first: 50ms, longest: 200ms, give_up_after: 1s }
  judge:
    dimse: { ae: ARCHIVE@127.0.0.1:${judge} }
rules:
  - name: everything to both
    forward: [orthanc, judge]
`

describeWithPeers(['storescu', 'storescp', 'dcmdump'], 'from a modality to an archive', () => {
  let stack = new AsyncDisposableStack()
  beforeEach(() => {
    stack = new AsyncDisposableStack()
  })
  afterEach(() => stack.disposeAsync())

  async function folders(rules: string): Promise<{ dataDir: string; rulesDir: string; home: string }> {
    const home = stack.use(await temporaryDir('flow')).path
    const made = { home, dataDir: path.join(home, 'data'), rulesDir: path.join(home, 'rules') }
    await mkdir(made.dataDir)
    await mkdir(made.rulesDir)
    await writeFile(path.join(made.rulesDir, '00.yaml'), rules)
    return made
  }

  async function folder(home: string, name: string): Promise<string> {
    const dir = path.join(home, name)
    await mkdir(dir)
    return dir
  }

  /** storescu sends each file on an association of its own, so that one it cannot read stops no other. */
  async function storescu(files: readonly string[], port: number, aec: string): Promise<readonly string[]> {
    const sent: string[] = []
    for (const file of files) {
      const args = ['-R', ...proposing(await readFile(file)), '-aec', aec, '127.0.0.1', String(port), file]
      const done = await run('storescu', args, { env: quickPeerEnv }).then(
        () => true,
        () => false,
      )
      if (done) sent.push(file)
    }
    return sent
  }

  async function releaseConflicts(kurir: KurirProcess): Promise<void> {
    await ask(kurir, 'mutation { deliveriesRetry(input: { filter: { state: [HELD] }, limit: 200 }) { __typename } }')
    await untilSettled(kurir)
  }

  testWithCorpus(
    'every data set of the corpus arrives as it was sent',
    async () => {
      const files = [...corpusFiles('modality'), ...corpusFiles('syntax')].map((file) => file.path)
      const { home, dataDir, rulesDir } = await folders(toArchive(0))
      const direct = await folder(home, 'direct')
      const through = await folder(home, 'through')
      const straight = stack.use(await startStorescp(direct, ['+uf']))
      const archive = stack.use(await startStorescp(through, ['+uf']))
      await writeFile(path.join(rulesDir, '00.yaml'), toArchive(archive.port))
      const kurir = stack.use(await startKurir({ dataDir, rulesDir }))

      const sentStraight = await storescu(files, straight.port, 'ARCHIVE')
      const sentThrough = await storescu(files, kurir.dicomPort, 'KURIR')
      // storescp takes fewer SOP classes than Kurir does.
      expect(sentThrough).toEqual(expect.arrayContaining([...sentStraight]))
      expect(sentStraight.length).toBeGreaterThan(65)
      await untilSettled(kurir)
      // Several files of the corpus share a SOP Instance UID with other bytes: held as a conflict until a person says so.
      await releaseConflicts(kurir)

      const expected = new Set(await dataSetDigests(direct))
      const arrived = new Set(await dataSetDigests(through))
      expect([...expected].filter((digest) => !arrived.has(digest))).toEqual([])
    },
    180_000,
  )

  test('a rewrite changes what it says and not another byte', async () => {
    const { home, dataDir, rulesDir } = await folders(toArchive(0))
    const through = await folder(home, 'through')
    const archive = stack.use(await startStorescp(through))
    const rewrite = `rewrite:
      - set: { InstitutionName: RSUD Harapan }
      - prefix: { AccessionNumber: "RS-" }
      - remove: [StationName]`
    await writeFile(path.join(rulesDir, '00.yaml'), toArchive(archive.port, rewrite))
    const kurir = stack.use(await startKurir({ dataDir, rulesDir }))
    const file = path.join(home, 'ct.dcm')
    await writeFile(file, ctInstance({ instanceNumber: 7, sizeBytes: 524_288 }).file)
    expect(await storescu([file], kurir.dicomPort, 'KURIR')).toHaveLength(1)
    await untilSettled(kurir)

    const [arrived] = await dcmFiles(through)
    const before = await dump(file)
    const after = await dump(arrived ?? '')
    const gone = before.filter((line) => !after.includes(line)).map(tagOfLine)
    const come = after.filter((line) => !before.includes(line))
    expect(new Set(gone)).toEqual(
      new Set(['0008,0050', '0008,0080', '0008,1010'].filter((tag) => before.some((line) => tagOfLine(line) === tag))),
    )
    expect(come.map(tagOfLine).sort()).toEqual(['0008,0050', '0008,0080'])
    expect(come.find((line) => line.includes('(0008,0080)'))).toContain('RSUD Harapan')
  }, 60_000)

  test('an archive that is down gets everything when it is back, and GraphQL shows each step', async () => {
    const { home, dataDir, rulesDir } = await folders(toArchive(0))
    const through = await folder(home, 'through')
    const port = await freePort()
    await writeFile(path.join(rulesDir, '00.yaml'), toArchive(port))
    const kurir = stack.use(await startKurir({ dataDir, rulesDir }))
    const file = path.join(home, 'ct.dcm')
    await writeFile(file, ctInstance({ instanceNumber: 8, sizeBytes: 60_000 }).file)
    expect(await storescu([file], kurir.dicomPort, 'KURIR')).toHaveLength(1)
    await kurir.logged('destination-down')
    const down = await ask<{ destinations: readonly { name: string; state: string }[] }>(
      kurir,
      '{ destinations { name state } }',
    )
    expect(down.destinations).toContainEqual({ name: 'archive', state: 'DOWN' })

    const archive = stack.use(await startStorescp(through, [], port))
    expect(archive.port).toBe(port)
    await untilSettled(kurir)
    expect(await dataSetDigests(through)).toEqual([sha256(dataSetOf(await readFile(file)))])
    const { deliveries } = await ask<{ deliveries: { nodes: readonly unknown[] } }>(
      kurir,
      '{ deliveries(first: 5) { nodes { state attempts { nodes { outcome status } } } } }',
    )
    expect(deliveries.nodes).toEqual([
      { state: 'DELIVERED', attempts: { nodes: [{ outcome: 'DELIVERED', status: '0x0000' }] } },
    ])
  }, 60_000)

  const withOrthanc = hasPeer('Orthanc') ? testWithCorpus : test.skip
  withOrthanc(
    'Orthanc behind Kurir holds the very bytes that a storescp got beside it',
    async () => {
      const { home, dataDir, rulesDir } = await folders(toArchive(0))
      const [port, http] = [await freePort(), await freePort()]
      const configuration = {
        StorageDirectory: path.join(home, 'orthanc'),
        IndexDirectory: path.join(home, 'orthanc'),
        DicomPort: port,
        HttpPort: http,
        AuthenticationEnabled: false,
        RemoteAccessAllowed: false,
        DicomAet: 'ARCHIVE',
      }
      await writeFile(path.join(home, 'orthanc.json'), JSON.stringify(configuration))
      const orthanc = spawn('Orthanc', [path.join(home, 'orthanc.json')], { stdio: 'ignore', env: quickPeerEnv })
      stack.defer(() => end(orthanc))
      await untilListening(port, orthanc)
      await untilListening(http, orthanc)
      const direct = await folder(home, 'direct')
      const judge = stack.use(await startStorescp(direct, ['+uf']))
      // What lacks a Patient ID Orthanc answers with A700H, as if it were full: tried again until it is given up.
      await writeFile(path.join(rulesDir, '00.yaml'), toBoth(port, judge.port))
      const kurir = stack.use(await startKurir({ dataDir, rulesDir }))
      const files = [...corpusFiles('modality'), ...corpusFiles('syntax')].map((file) => file.path)
      await storescu(files, kurir.dicomPort, 'KURIR')
      await untilSettled(kurir)

      const ids = (await (await fetch(`http://127.0.0.1:${http}/instances`)).json()) as readonly string[]
      const held = await Promise.all(
        ids.map(async (id) => {
          const response = await fetch(`http://127.0.0.1:${http}/instances/${id}/file`)
          return Buffer.from(await response.arrayBuffer())
        }),
      )
      // Orthanc inflates and deflates again what came deflated; everything else it keeps.
      const digests = held.filter((file) => !isDeflated(file)).map((file) => sha256(dataSetOf(file)))
      const known = new Set(await dataSetDigests(direct))
      expect(ids.length).toBeGreaterThan(40)
      expect(digests.filter((digest) => !known.has(digest))).toEqual([])
    },
    180_000,
  )
})

/** How storescu is told to propose a file's own transfer syntax; it knows no others. */
const PROPOSING: Readonly<Record<string, string>> = {
  '1.2.840.10008.1.2': '-xi',
  '1.2.840.10008.1.2.2': '-xb',
  '1.2.840.10008.1.2.1.99': '-xd',
  '1.2.840.10008.1.2.4.50': '-xy',
  '1.2.840.10008.1.2.4.51': '-xx',
  '1.2.840.10008.1.2.4.57': '-xs',
  '1.2.840.10008.1.2.4.70': '-xs',
  '1.2.840.10008.1.2.4.80': '-xt',
  '1.2.840.10008.1.2.4.81': '-xu',
  '1.2.840.10008.1.2.4.90': '-xv',
  '1.2.840.10008.1.2.4.91': '-xw',
  '1.2.840.10008.1.2.5': '-xr',
}

function proposing(file: Buffer): readonly string[] {
  const found = findFileMeta(file, true)
  const option = found.outcome === 'found' ? PROPOSING[found.transferSyntaxUid] : undefined
  return option === undefined ? [] : [option]
}

function isDeflated(file: Buffer): boolean {
  const found = findFileMeta(file, true)
  return found.outcome === 'found' && found.transferSyntaxUid === '1.2.840.10008.1.2.1.99'
}

/** Every file below a folder. */
async function dcmFiles(dir: string): Promise<readonly string[]> {
  return (await readdir(dir)).map((name) => path.join(dir, name))
}

/** What dcmdump says of a file's data set, a line an element; the meta information is everybody's own. */
async function dump(file: string): Promise<readonly string[]> {
  const { stdout } = await run('dcmdump', ['-q', '+L', '-M', file])
  return stdout.split('\n').filter((line) => /^ *\([0-9a-f]{4},/.test(line) && !line.startsWith('(0002,'))
}

const tagOfLine = (line: string): string => line.trim().slice(1, 10)
