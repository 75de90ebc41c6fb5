// A replay of what a running Kurir really decided, at both moments.
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance, withoutElement } from '../support/data-set.ts'
import { HisDouble } from '../support/his-double.ts'
import { storeAll } from '../support/store-all.ts'
import { untilSettled } from '../support/until-settled.ts'
import { commandLine } from './command-line.ts'

const rules = (late: string): string => `version: 1
study: { quiet: 300ms }
destinations:
  pacs: { folder: { path: ./pacs } }
  research: { folder: { path: ./research } }
rules:
  - name: phantoms
    match: { PatientID: { starts_with: QA } }
    discard: of nobody
  - name: archive
    match: { not: { PatientID: { starts_with: QA } } }
    rewrite: [ { set: { StationName: "{calling_ae}" } } ]
    forward: [pacs]
  - name: whole studies
    on: study
    match: { instance_count: { gte: 2 } }
    rewrite: [ { set: { StudyDescription: ${late} } } ]
    forward: [research]
`

test('its own rules change nothing; others are held against what it did', async () => {
  await using site = await siteFolders(rules('whole'))
  await using app = await startApp(site)
  const study = (studyInstanceUid: string, count: number, patientId: string): readonly Buffer[] =>
    Array.from({ length: count }, (_, index) => {
      return ctInstance({ studyInstanceUid, instanceNumber: index + 1, patientId, sizeBytes: 1024 }).file
    })
  const files = [...study('2.25.1', 3, 'P1'), ...study('2.25.2', 1, 'P2'), ...study('2.25.3', 2, 'QA3')]
  await storeAll(
    app.dicomPort,
    () => files,
    () => {},
  )
  // Each study's moment: the whole one goes to research.
  const arrived = `{ deliveries(first: 50) { nodes { state destination { name } } } }`
  const toResearch = async (): Promise<number> => {
    const { deliveries } = await app.ask<{
      deliveries: { nodes: { state: string; destination: { name: string } }[] }
    }>(arrived)
    return deliveries.nodes.filter(({ state, destination }) => state === 'DELIVERED' && destination.name === 'research')
      .length
  }
  while ((await toResearch()) < 3) await new Promise((resolve) => setTimeout(resolve, 50))
  await untilSettled(app)

  const kurir = commandLine(site.environment)
  const same = await kurir.run('shadow', '--rules', site.rulesDir)
  expect(same.complaints).toEqual([])
  expect(same.printed.slice(0, 2)).toEqual([
    expect.stringMatching(/^6 instances of 3 studies since .*, against what was decided then\.$/),
    '0 would be decided otherwise, 6 not.',
  ])
  const other = path.join(site.home, 'other')
  await mkdir(other)
  await writeFile(path.join(other, '00.yaml'), rules('all of it').replace('gte: 2', 'gte: 1'))
  const { printed } = await kurir.run('shadow', '--rules', other)
  expect(printed[1]).toBe('4 would be decided otherwise, 2 not.')
  expect(printed.find((line) => line.startsWith('research'))).toMatch(/^research +3 +4 +1 +0 +3$/)
})

const asking = (home: string): string => `version: 1
study: { quiet: 300ms }
destinations:
  pacs: { folder: { path: ${path.join(home, 'pacs')} } }
  research: { folder: { path: ${path.join(home, 'research')} } }
services:
  his:
    http: { url: "\${HIS_URL}", retry: { first: 100ms, longest: 1h, give_up_after: 1d } }
    calls: { order: { get: "/orders/{accession}", keep: { ward: /data/ward } } }
rules:
  - name: at once or never
    match: { AccessionNumber: A1 }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" } } }
    forward: [pacs]
  - name: tried for days
    match: { AccessionNumber: A2 }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" }, try_for: 2d } }
    forward: [pacs]
  - { name: plain, match: { AccessionNumber: A3 }, forward: [pacs] }
  - name: studies
    on: study
    match: { AccessionNumber: [A3, A4] }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" }, try_for: 2d } }
    forward: [research]
  - name: studies at once or never
    on: study
    match: { AccessionNumber: A5 }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" } } }
    forward: [research]
  - { name: whole studies, on: study, match: { AccessionNumber: A6 }, forward: [research] }
`

test('nor do they where nothing was found, where a study waits, and where an instance names no study', async () => {
  await using his = await HisDouble.open()
  await using site = await siteFolders('version: 1\n', { HIS_URL: his.url })
  await site.write({ '00.yaml': asking(site.home) })
  await using app = await startApp(site)
  const files = ['A1', 'A2', 'A3', 'A4', 'A5'].flatMap((accessionNumber, study) =>
    [1, 2].map(
      (instanceNumber) =>
        ctInstance({ studyInstanceUid: `2.25.${study}`, accessionNumber, instanceNumber, sizeBytes: 1024 }).file,
    ),
  )
  const studyless = withoutElement(ctInstance({ accessionNumber: 'A6', sizeBytes: 1024 }).file, '20000d005549')
  await storeAll(
    app.dicomPort,
    () => [...files, studyless],
    () => {},
  )
  const waiting = async (): Promise<readonly string[]> => {
    const query = `{ instances(first: 50) { nodes { obligations { kind state reason } } } }`
    const { instances } = await app.ask<{
      instances: { nodes: { obligations: { kind: string; state: string; reason: string | null }[] }[] }
    }>(query)
    return instances.nodes.flatMap(({ obligations }) =>
      obligations.map(({ kind, reason }) => (kind === 'DELIVER' ? kind : `${kind} ${reason}`)),
    )
  }
  const decided = [
    ...['DELIVER', 'DELIVER', 'HOLD order: not found', 'HOLD order: not found'],
    ...['HOLD order: not found', 'HOLD order: not found', 'HOLD unmatched'],
    ...['WAIT order: not found', 'WAIT order: not found', 'WAIT order: not found', 'WAIT order: not found'],
    'WAIT order: not found',
  ]
  while (JSON.stringify((await waiting()).toSorted()) !== JSON.stringify(decided)) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }

  const kurir = commandLine(site.environment)
  for (const against of ['record', 'current']) {
    const same = await kurir.run('shadow', '--rules', site.rulesDir, '--against', against)
    expect(same.complaints).toEqual([])
    expect(same.printed[1]).toBe('0 would be decided otherwise, 11 not.')
  }
})
