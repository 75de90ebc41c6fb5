import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { ask } from '../support/graphql-client.ts'
import { HisDouble } from '../support/his-double.ts'
import { untilHolds } from '../support/his-site.ts'
import { describeWithPeers } from '../support/peers.ts'
import { end, type KurirProcess } from '../support/processes.ts'
import { type Archive, digestOf, inLedger, openSite, type Site, storeOnce } from '../support/site.ts'
import { untilSettled } from '../support/until-settled.ts'

const STUDY = '2.25.700'
const image = (n: number, accessionNumber = 'RS000123', studyInstanceUid = STUDY): Buffer =>
  ctInstance({ instanceNumber: n, sizeBytes: 4096, studyInstanceUid, accessionNumber }).file

const whenFinished = (port: number, quiet: string, more = ''): string => `version: 1
study: { quiet: ${quiet}, longest: 1m }
destinations:
  archive:
    dimse: { ae: ARCHIVE@127.0.0.1:${port} }
    retry: { first: 50ms, longest: 200ms, give_up_after: 1h }
rules:
  - name: finished studies
    on: study
    forward: [archive]
${more}`

const SERVICES = `version: 1
services:
  his:
    http: { url: "\${HIS_URL}", timeout: 2s, retry: { first: 200ms, longest: 1s, give_up_after: 2d } }
    calls:
      order: { get: "/orders/{accession}", found: [200], missing: [404], keep: { mrn: /data/patient/mrn } }
      arrived: { post: "/studies", body: { accession: "{accession}" }, accept: [200, 201], already: [406, 409] }
`
const LOOKUP = `  - name: known orders
    match: { AccessionNumber: { present: true } }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" }, on_missing: hold, try_for: 48h } }
    rewrite: [{ set: { PatientID: "{order.mrn}" } }]
    forward: [checked]
`
const TELL = `  - name: tell HIS
    on: study
    notify: [{ call: his.arrived, with: { accession: "{AccessionNumber}" } }]
`

describeWithPeers(['storescp'], 'a study moment', () => {
  let site: Site
  let archive: Archive
  beforeEach(async () => {
    site = await openSite('moment')
    archive = await site.archive('archive')
  })
  afterEach(async () => {
    await site[Symbol.asyncDispose]()
  })

  const arrived = async (count: number, at: Archive = archive): Promise<readonly string[]> => {
    for (;;) {
      // One that is being written may not have its file meta yet.
      const digests = await at.digests('left-out')
      if (digests.length >= count) return digests
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const kill = async (kurir: KurirProcess): Promise<void> => {
    await end(kurir.child, 'SIGKILL')
  }

  test('comes once for all associations that brought the study, though Kurir dies in between', async () => {
    // How long a start takes is the machine's affair: the quiet is long until the last image has come.
    const quiet = (of: string) => site.rules(whenFinished(archive.port, of).replace('longest: 1m', 'longest: 1h'))
    await quiet('30m')
    const first = await site.start()
    const files = [1, 2, 3, 4].map((n) => image(n))
    await storeOnce(first, files.slice(0, 2))
    await storeOnce(first, files.slice(2, 3))
    await kill(first)
    const second = await site.start()
    await storeOnce(second, files.slice(3))
    await untilSettled(second)
    expect(await archive.digests()).toEqual([])
    const reload = 'mutation { rulesetReload { __typename } }'
    await quiet('500ms')
    await ask(second, reload)
    expect(await arrived(4)).toEqual(files.map(digestOf).sort())
    expect(inLedger(site.dataDir, 'SELECT settled_by FROM study_round')).toEqual(['quiet'])
    expect(inLedger(site.dataDir, 'SELECT count(*) FROM delivery')).toEqual([4])
    // What comes later takes part in a round of its own; a person need not wait for it.
    await quiet('30m')
    await ask(second, reload)
    await storeOnce(second, [image(5)])
    const settle = `mutation { studySettle(input: { studyInstanceUid: "${STUDY}" }) { __typename } }`
    await untilHolds(async () => {
      const { studySettle } = await ask<{ studySettle: { __typename: string } }>(second, settle)
      return studySettle.__typename === 'StudySettleSuccess'
    })
    expect(await arrived(5)).toHaveLength(5)
    expect(inLedger(site.dataDir, 'SELECT number FROM study_round ORDER BY number')).toEqual([1, 2])
    expect(inLedger(site.dataDir, 'SELECT count(*) FROM delivery')).toEqual([5])
  })

  test('a question is asked once for a study, waited for over a crash, and the service told when all is there', async () => {
    await using his = await HisDouble.open()
    const checked = await site.archive('checked')
    const more = `  checked:\n    dimse: { ae: ARCHIVE@127.0.0.1:${checked.port} }\nrules:\n`
    await site.rules(whenFinished(archive.port, '1s', LOOKUP + TELL).replace('rules:\n', more))
    await site.rules(SERVICES, '10.yaml')
    his.always('GET /orders', { kind: 'answer', status: 503 })
    const first = await site.start({ HIS_URL: his.url })
    await storeOnce(
      first,
      [1, 2, 3].map((n) => image(n)),
    )
    await arrived(3)
    await his.until(1, 'GET /orders')
    expect(await checked.digests()).toEqual([])
    await kill(first)
    his.orders.set('RS000123', { mrn: '00-12', name: 'SARI^DEWI', ward: 'ICU' })
    his.always('GET /orders')
    const asked = his.count('GET /orders')
    await site.start({ HIS_URL: his.url })
    expect(await arrived(3, checked)).toHaveLength(3)
    await his.until(1, 'POST /studies')
    expect(his.count('GET /orders') - asked).toBe(1)
    expect(his.arrived.get('RS000123')).toBe(1)
    expect(inLedger(site.dataDir, 'SELECT count(*) FROM delivery')).toEqual([6])
  })

  test('new rules decide again what the old ones held, though they came while nobody ran', async () => {
    const destination = `version: 1
destinations:
  archive: { dimse: { ae: ARCHIVE@127.0.0.1:${archive.port} } }
rules:
`
    await site.rules(`${destination}  - { name: nothing, match: { Modality: XX }, forward: [archive] }\n`)
    const first = await site.start()
    const files = [1, 2].map((n) => image(n))
    await storeOnce(first, files)
    await untilSettled(first)
    await kill(first)
    expect(inLedger(site.dataDir, "SELECT reason FROM obligation WHERE state = 'HELD'")).toEqual([
      'unmatched',
      'unmatched',
    ])
    await site.rules(`${destination}  - { name: all, forward: [archive] }\n`)
    await site.start()
    expect(await arrived(2)).toEqual(files.map(digestOf).sort())
    expect(inLedger(site.dataDir, "SELECT count(*) FROM obligation WHERE state = 'HELD'")).toEqual([0])
  })
})
