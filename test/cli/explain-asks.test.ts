// What the rules ask, wait for and say of studies, of facts by hand, and of instances on record.
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { LEDGER_FILE, NODE } from '../../src/app/names.ts'
import { systemClock } from '../../src/base/clock.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { admission } from '../ledger/sample.ts'
import { type SiteFolders, siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance } from '../support/data-set.ts'
import { fillPast } from '../support/past-ledger.ts'
import { storeAll } from '../support/store-all.ts'
import { type CommandLine, commandLine } from './command-line.ts'

const RULES = `version: 1
destinations:
  pacs: { folder: { path: ./pacs } }
  cloud: { folder: { path: ./cloud } }
services:
  his:
    http: { url: "\${HIS_URL}" }
    calls:
      order: { get: "/orders/{accession}", keep: [patient_id] }
      arrived: { post: "/studies", body: { study: "{study}" } }
rules:
  - name: archive
    match: { Modality: CT, not: { PatientID: { starts_with: QA } } }
    forward: [pacs]
  - name: phantoms
    match: { PatientID: { starts_with: QA } }
    discard: of nobody
  - name: reconcile
    match: { AccessionNumber: { matches: "[A-Z]+[0-9]+" } }
    lookup:
      order: { call: his.order, with: { accession: "{AccessionNumber}" }, on_missing: continue }
    rules:
      - name: reconcile / known
        match: { order.found: true }
        rewrite: [ { set: { PatientID: "{order.patient_id}" } } ]
        forward: [cloud]
  - name: whole studies
    on: study
    match: { instance_count: { gte: 2 } }
    rewrite: [ { set: { StudyDescription: whole } } ]
    forward: [ { to: cloud, only: { InstanceNumber: { gt: 1 } } } ]
  - name: tell
    on: study
    notify: [ { call: his.arrived, with: { study: "{StudyInstanceUID}" } } ]
`

let site: SiteFolders
let kurir: CommandLine
beforeEach(async () => {
  site = await siteFolders(RULES)
  kurir = commandLine(site.environment)
})
afterEach(async () => await site[Symbol.asyncDispose]())

async function put(name: string, options: Parameters<typeof ctInstance>[0]): Promise<string> {
  const file = path.join(site.home, name)
  await writeFile(file, ctInstance({ sizeBytes: 1024, ...options }).file)
  return file
}

test('facts by hand are explained; what would be asked is named and not asked', async () => {
  const facts = ['Modality=CT', 'AccessionNumber=RS0012', 'PatientID=7', 'calling_ae=CT1']
  const { code, printed } = await kurir.run('explain', ...facts.flatMap((fact) => ['--fact', fact]))
  expect(code).toBe(0)
  expect(printed).toEqual([
    'yes  archive     Modality is CT; PatientID does not start with QA',
    '       -> pacs   as received',
    'no   phantoms    PatientID does not start with QA',
    'yes  reconcile   AccessionNumber matches [A-Z]+[0-9]+; asks his.order',
    'asks       his.order, and goes on with the answer   (reconcile, rules/00.yaml:18)',
  ])
})

test('a fact with several values is given several times; one that cannot be is a sentence', async () => {
  const { printed } = await kurir.run('explain', '--fact', 'PatientID=8', '--fact', 'PatientID=QA 1')
  expect(printed[1]).toMatch(/^yes {2}phantoms/)
  expect(await kurir.run('explain', '--fact', 'Modalty=CT', '--fact', 'callin_ae=X')).toMatchObject({
    code: 1,
    complaints: [
      'kurir explain: Modalty is not a DICOM keyword. Did you mean Modality?\nThere is no name callin_ae. Did you mean calling_ae?',
    ],
  })
  expect((await kurir.run('explain', '--fact', 'CT')).code).toBe(2)
  expect((await kurir.run('explain', '--fact', 'Modality=CT', 'x.dcm')).code).toBe(2)
})

test('files that make a study are explained at its moment; what arrival discards is no part of it', async () => {
  const files = [
    await put('1.dcm', { instanceNumber: 1 }),
    await put('2.dcm', { instanceNumber: 2 }),
    await put('3.dcm', { instanceNumber: 3 }),
    await put('qa.dcm', { instanceNumber: 4, patientId: 'QA1', accessionNumber: '' }),
  ]
  const { code, printed } = await kurir.run('explain', '--study', ...files)
  expect(code).toBe(0)
  expect(printed).toEqual([
    '1 of 4 files are discarded on arrival and no part of it',
    'yes  whole studies   instance_count is at least 2',
    '       -> cloud      set StudyDescription; 2 of 3 instances',
    'yes  tell            tells his.arrived',
  ])
})

test('files of two studies are two', async () => {
  const files = [await put('a.dcm', { studyInstanceUid: '2.25.1' }), await put('b.dcm', { studyInstanceUid: '2.25.2' })]
  const { printed } = await kurir.run('explain', '--study', ...files)
  expect(printed).toEqual([
    `the study of ${files[0]}:`,
    'no   whole studies   instance_count is not at least 2',
    'yes  tell            tells his.arrived',
    `the study of ${files[1]}:`,
    'no   whole studies   instance_count is not at least 2',
    'yes  tell            tells his.arrived',
  ])
})

test('an instance that only its study may want waits for it', async () => {
  const { printed } = await kurir.run('explain', '--fact', 'Modality=MR')
  expect(printed.at(-1)).toBe('waits      for its study: a rule of that moment may want it')
})

test('an instance on record is explained by the folder’s rules when no Kurir runs', async () => {
  await mkdir(site.dataDir)
  const file = path.join(site.dataDir, LEDGER_FILE)
  let id = ''
  {
    await using ledger = await openSqliteLedger({ file, node: NODE, clock: systemClock })
    await fillPast(ledger, { instances: 2, perStudy: 1, endsAt: ledger.now() })
    id = (await ledger.unplanned(2))[1]?.id ?? ''
  }
  const expected = [
    'by the rules of the folder',
    'yes  archive     Modality is CT; PatientID does not start with QA',
    '       -> pacs   as received',
    'no   phantoms    PatientID does not start with QA',
    'yes  reconcile   AccessionNumber matches [A-Z]+[0-9]+; asks his.order',
    'asks       his.order, and goes on with the answer   (reconcile, rules/00.yaml:18)',
  ]
  expect(await kurir.run('explain', '--instance', id)).toEqual({
    code: 0,
    printed: expected,
    complaints: [],
    progress: [],
  })
  const asGraphQl = Buffer.from(`Instance:${id}`).toString('base64')
  expect((await kurir.run('explain', '--instance', asGraphQl)).printed).toEqual(expected)
  expect((await kurir.run('explain', '--instance', 'none')).complaints).toEqual([
    'kurir explain: there is no instance none on record',
  ])
})

test('one that contradicts what it was announced as is held, though its header can be read', async () => {
  await mkdir(site.dataDir)
  const file = path.join(site.dataDir, LEDGER_FILE)
  const contradicting = admission({ unreadable: 'sop-instance-uid-differs' })
  {
    await using ledger = await openSqliteLedger({ file, node: NODE, clock: systemClock })
    await ledger.admit([contradicting])
  }
  expect((await kurir.run('explain', '--instance', contradicting.id)).printed).toEqual([
    'by the rules of the folder',
    'held       unreadable: sop-instance-uid-differs',
  ])
})

test('one whose request named its destination is explained by that', async () => {
  await site.write({
    '00.yaml': `${RULES.replace('pacs: {', 'archive: { dimse: { ae: "ARCHIVE@127.0.0.1:104" } }\n  pacs: {')}`,
  })
  await mkdir(site.dataDir)
  const file = path.join(site.dataDir, LEDGER_FILE)
  let id = ''
  {
    await using ledger = await openSqliteLedger({ file, node: NODE, clock: systemClock })
    await fillPast(ledger, { instances: 1, perStudy: 1, endsAt: ledger.now() })
    const [past] = await ledger.unplanned(1)
    if (past === undefined) throw new Error('nothing in the past')
    const reception = { ...past.reception, door: 'STOW', callingAe: 'KURIR', calledAe: 'ARCHIVE' } as const
    const relayed = { ...admission({}), header: past.header, reception: { ...reception, associationId: 'r-1' } }
    await ledger.admit([relayed])
    id = relayed.id
  }
  expect((await kurir.run('explain', '--instance', id)).printed).toEqual([
    'by the rules of the folder',
    'yes  request:r-1    its request named the destination',
    '       -> archive   as received',
  ])
})

test('a running Kurir is asked, and answers by the rules in force', async () => {
  await using app = await startApp(site)
  await storeAll(
    app.dicomPort,
    () => [ctInstance({ sizeBytes: 1024 }).file],
    () => {},
  )
  const ids = '{ instances(first: 1) { nodes { id } } }'
  const { instances } = await app.ask<{ instances: { nodes: { id: string }[] } }>(ids)
  const id = instances.nodes[0]?.id ?? ''
  const before = await kurir.run('explain', '--instance', id)
  expect(before).toEqual({
    code: 0,
    printed: [
      expect.stringMatching(/^by the rules in force, [0-9a-f]{12}$/),
      'yes  archive     Modality is CT; PatientID does not start with QA',
      '       -> pacs   as received',
      'no   phantoms    PatientID does not start with QA',
      'yes  reconcile   AccessionNumber matches [A-Z]+[0-9]+; asks his.order',
      'asks       his.order, and goes on with the answer   (reconcile, rules/00.yaml:18)',
    ],
    complaints: [],
    progress: [],
  })
  const plain = Buffer.from(id, 'base64').toString().replace('Instance:', '')
  expect(await kurir.run('explain', '--instance', plain)).toEqual(before)
  expect(await kurir.run('explain', '--instance', 'none')).toMatchObject({
    code: 1,
    complaints: ['kurir explain: there is no instance none on record'],
  })
})

test('without a ledger that is said', async () => {
  expect((await kurir.run('explain', '--instance', 'x')).complaints).toEqual([
    `kurir explain: there is no ledger in ${site.dataDir}; KURIR_DATA_DIR names another folder`,
  ])
})
