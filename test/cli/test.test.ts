import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type SiteFolders, siteFolders } from '../support/app-in-process.ts'
import { commandLine } from './command-line.ts'

const RULES = `version: 1
destinations:
  outbox: { folder: { path: ./out, layout: "{SOPInstanceUID}.dcm" } }
  cloud: { dimse: { ae: "\${CLOUD_AE}" } }
rules:
  - name: phantoms
    match: { PatientID: { starts_with: QA } }
    discard: of nobody
    stop: true
  - name: everything
    forward: [outbox]
    rules:
      - { name: everything / CT, match: { Modality: CT }, forward: [cloud] }
tests:
  - name: a CT goes to both
    given: { Modality: CT, PatientID: 7 }
    expect: { forward: [outbox, cloud] }
`

let site: SiteFolders
beforeEach(async () => {
  site = await siteFolders(RULES)
})
afterEach(async () => await site[Symbol.asyncDispose]())

const testNamed = (name: string, given: string, expectation: string): string =>
  `  - name: ${name}\n    given: ${given}\n    expect: ${expectation}\n`

test('what passes is counted, and rules that no test touches are named; no environment is needed', async () => {
  expect(await commandLine({}).run('test', '--rules', site.rulesDir)).toEqual({
    code: 0,
    printed: ['1 passed, 0 failed; rules no test touches: phantoms'],
    complaints: [],
    progress: [],
  })
  await site.write({ '00.yaml': RULES + testNamed('a phantom', '{ PatientID: QA1 }', '{ discarded: of nobody }') })
  expect((await commandLine(site.environment).run('test')).printed).toEqual([
    '2 passed, 0 failed; rules no test touches: none',
  ])
})

test('each test that fails says where it stands, what it expected and what came', async () => {
  const wrong = testNamed('a phantom is kept', '{ PatientID: QA1 }', '{ forward: [outbox], held: because }')
  const sent = testNamed('sent as it is not', '{ PatientID: 7 }', '{ sends: { outbox: { PatientID: 8 } } }')
  await site.write({ '00.yaml': RULES + wrong + sent })
  expect(await commandLine(site.environment).run('test')).toMatchObject({
    code: 1,
    printed: ['1 passed, 2 failed; rules no test touches: none'],
    complaints: [
      'rules/00.yaml:18:5  The test "a phantom is kept" fails: it forwards to nothing, not to outbox; it is not held.',
      'rules/00.yaml:21:5  The test "sent as it is not" fails: outbox gets what is otherwise: PatientID is not 8.',
    ],
  })
})

test('the folder cases tests all files together', async () => {
  await site.write({ '00.yaml': RULES, '10.yaml': 'version: 1\nrules: [ { name: copy, forward: [cloud] } ]\n' })
  await mkdir(path.join(site.rulesDir, 'cases'))
  const cases = (expectation: string): string =>
    `version: 1\ntests:\n${testNamed('all of them', '{ Modality: MR, PatientID: 1 }', expectation)}`
  await writeFile(path.join(site.rulesDir, 'cases/all.yaml'), cases('{ forward: [outbox, cloud] }'))
  expect((await commandLine(site.environment).run('test')).printed).toEqual([
    '2 passed, 0 failed; rules no test touches: phantoms',
  ])
  await writeFile(path.join(site.rulesDir, 'cases/all.yaml'), cases('{ forward: [outbox] }'))
  expect((await commandLine(site.environment).run('test')).complaints).toEqual([
    'rules/cases/all.yaml:3:5  The test "all of them" fails: it forwards to cloud, outbox, not to outbox.',
  ])
})

test('rules that do not load are named as check names them, with an exit code of their own', async () => {
  await site.write({ '00.yaml': 'version: 1\nrulez: []\n' })
  const ran = await commandLine(site.environment).run('test')
  expect([ran.code, ran.complaints]).toEqual([
    2,
    ['rules/00.yaml:2:1  Unknown key rulez. Did you mean rules?', '1 problem; no test was run.'],
  ])
  const none = await commandLine(site.environment).run('test', '--rules', path.join(site.home, 'none'))
  const unread = `none:1:1  The rules folder ${path.join(site.home, 'none')} cannot be read: it does not exist.`
  expect([none.code, none.complaints[0]]).toEqual([2, unread])
  expect((await commandLine(site.environment).run('test', '--rulez', 'x')).code).toBe(2)
})

test('the rules that ship pass', async () => {
  expect(await commandLine({}).run('test')).toMatchObject({
    code: 0,
    printed: ['1 passed, 0 failed; rules no test touches: none'],
  })
})
