import { execFile } from 'node:child_process'
import { copyFileSync, existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect } from '@jest/globals'
import { corpusDir, testWithCorpus } from '../support/corpus.ts'
import { ask } from '../support/graphql-client.ts'
import { HisDouble } from '../support/his-double.ts'
import { accessionOf, knowOrders, studies, untilHolds } from '../support/his-site.ts'
import { dicomWebPlugin, type Orthanc, startOrthanc } from '../support/orthanc.ts'
import { describeWithPeers } from '../support/peers.ts'
import { quickPeerEnv } from '../support/processes.ts'
import { openSite, type Site } from '../support/site.ts'

const run = promisify(execFile)
const peers = ['storescu', dicomWebPlugin() === undefined ? 'libOrthancDicomWeb.so' : 'Orthanc']

const STUDIES = 3
const KNOWN = 2
const IMAGES = 2
const TOKEN = 'a-token-in-a-file'
const sample = path.join(corpusDir() ?? '', '..', 'rules', '20-his.yaml')

/** What a site writes itself, so that the sample works there. */
const declared = (home: string, orthanc: Orthanc): string => `version: 1
study: { quiet: 500ms }
callers: { anybody: { ae: "*" } }
destinations:
  cloud_archive:
    stow: { url: ${JSON.stringify(orthanc.dicomWeb)} }
    retry: { first: 100ms, longest: 1s, give_up_after: 1d }
services:
  his:
    http:
      url: "\${HIS_URL}"
      bearer_file: ${JSON.stringify(path.join(home, 'his-token'))}
      timeout: 2s
      retry: { first: 100ms, longest: 1s, give_up_after: 1d }
    calls:
      order:
        get: "/orders/{accession}"
        keep: { patient_id: /data/patient/mrn, patient_name: /data/patient/name, ward: /data/ward }
      arrived:
        post: /studies
        body: { accession: "{accession}", study: "{study_uid}", images: "{images}" }
        accept: [200, 201]
        already: [406]
`

async function storescu(site: Site, port: number): Promise<void> {
  const folder = path.join(site.home, 'sent')
  await mkdir(folder, { recursive: true })
  let count = 0
  for (const file of studies(STUDIES, IMAGES)) await writeFile(path.join(folder, `${++count}.dcm`), file)
  const args = ['-aet', 'CT01', '-aec', 'KURIR', '+sd', '127.0.0.1', String(port), folder]
  await run('storescu', args, { env: quickPeerEnv })
}

describeWithPeers(peers, 'the sample of a HIS', () => {
  testWithCorpus(
    'runs unchanged: identity put right, the unknown held, each study told once, killed in the middle of both',
    async () => {
      if (!existsSync(sample)) return
      await using his = await HisDouble.open()
      knowOrders(his, KNOWN)
      await using site = await openSite('his-sample')
      await using orthanc = await startOrthanc(site.home)
      await writeFile(path.join(site.home, 'his-token'), TOKEN)
      copyFileSync(sample, path.join(site.rulesDir, '20-his.yaml'))
      await site.rules(declared(site.home, orthanc))
      const environment = { HIS_URL: his.url }

      // Explaining asks nobody, and says what would be asked.
      his.always('GET /orders', { kind: 'stall' })
      let kurir = await site.start(environment)
      const facts = [{ name: 'AccessionNumber', values: [accessionOf(1)] }]
      const explain =
        'query ($facts: [FactInput!]!) { ruleExplain(input: { facts: $facts }) { ... on Explanation { asks } } }'
      expect(await ask(kurir, explain, { facts })).toEqual({ ruleExplain: { asks: ['his.order'] } })
      expect(his.count()).toBe(0)

      // Killed while the first questions stand unanswered …
      await storescu(site, kurir.dicomPort)
      await his.until(1, 'GET /orders')
      await kurir.kill()

      // … and again when HIS has taken what it was told, but not said so.
      his.always('GET /orders')
      his.always('POST /studies', { kind: 'reset-after' })
      kurir = await site.start(environment)
      await his.until(1, 'POST /studies')
      await kurir.kill()

      his.always('POST /studies')
      kurir = await site.start(environment)
      await untilHolds(async () => (await orthanc.files()).length === KNOWN * IMAGES)
      const lists = '{ holds { nodes { reason } } errands { nodes { state } } }'
      const seen = async () =>
        await ask<{ holds: { nodes: { reason: string }[] }; errands: { nodes: { state: string }[] } }>(kurir, lists)
      await untilHolds(async () => {
        const { errands } = await seen()
        return errands.nodes.length >= STUDIES && errands.nodes.every(({ state }) => state === 'DELIVERED')
      })

      const { holds } = await seen()
      expect(holds.nodes).toEqual(Array(IMAGES).fill({ reason: 'no order in HIS for this accession number' }))
      expect([...his.arrived].sort()).toEqual(Array.from({ length: STUDIES }, (_, n) => [accessionOf(n + 1), 1]))
      const tokens = new Set(his.received.map(({ headers }) => headers['authorization']))
      expect([...tokens]).toEqual([`Bearer ${TOKEN}`])
      await expectAtOrthanc(orthanc)
      expect(await kurir.stop()).toBe(0)
    },
    60_000,
  )
})

async function expectAtOrthanc(orthanc: Orthanc): Promise<void> {
  const ids: readonly string[] = JSON.parse((await orthanc.get('/instances')).toString('utf8'))
  const tags = await Promise.all(
    ids.map(async (id) => JSON.parse((await orthanc.get(`/instances/${id}/simplified-tags`)).toString('utf8'))),
  )
  const identities = tags.map(({ PatientID, PatientName, OtherPatientIDs, AccessionNumber, StudyDescription }) =>
    [PatientID, PatientName, OtherPatientIDs, AccessionNumber, StudyDescription].join(' | '),
  )
  const expected = Array.from({ length: KNOWN }, (_, n) => n + 1).flatMap((study) =>
    Array<string>(IMAGES).fill(`00-12-${study} | SARI^DEWI^${study} | TMP-${study} | RS-${study} | [ICU] Chest`),
  )
  expect(identities.sort()).toEqual(expected.sort())
}
