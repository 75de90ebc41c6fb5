import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type SiteFolders, siteFolders } from '../support/app-in-process.ts'
import { ctInstance, part10, withoutElement } from '../support/data-set.ts'
import { type CommandLine, commandLine } from './command-line.ts'

const RULES = `version: 1
lists: { er_scanners: [CT_IGD, MR_IGD] }
maps: { stations: { CT_ONE: CT_IGD } }
destinations:
  pacs_main: { folder: { path: ./main, layout: "{SOPInstanceUID}.dcm" } }
  pacs_er: { folder: { path: ./er, layout: "{SOPInstanceUID}.dcm" } }
rules:
  - name: phantom and service images
    match: { any: [ { PatientID: { starts_with: QA } }, { PatientName: { matches: "PHANTOM.*" } } ] }
    discard: not of a patient
    stop: true
  - name: archive
    match: { Modality: CT }
    rewrite:
      - set: { InstitutionName: RSUD Harapan }
      - map: { in: StationName, using: stations, otherwise: keep }
      - set_if_missing: { SeriesDescription: "{Modality}" }
    forward: [pacs_main]
    rules:
      - name: archive / emergency
        match: { calling_ae: { in_list: er_scanners } }
        forward: [pacs_er]
`

let site: SiteFolders
let kurir: CommandLine
let chest: string

beforeEach(async () => {
  site = await siteFolders(RULES)
  kurir = commandLine(site.environment)
  chest = await put('chest.dcm', ctInstance({ sizeBytes: 4_096 }).file)
})
afterEach(async () => await site[Symbol.asyncDispose]())

async function put(name: string, bytes: Buffer): Promise<string> {
  const file = path.join(site.home, name)
  await writeFile(file, bytes)
  return file
}

test('each rule says whether it applied and why, in its own words, and what leaves', async () => {
  expect(await kurir.run('explain', '--calling-ae', 'CT_IGD', chest)).toEqual({
    code: 0,
    printed: [
      'no   phantom and service images   PatientID does not start with QA; PatientName does not match PHANTOM.*',
      'yes  archive                      Modality is CT',
      '       -> pacs_main               set InstitutionName; map StationName; set_if_missing SeriesDescription',
      'yes    archive / emergency        calling_ae is in er_scanners',
      '       -> pacs_er                 as pacs_main',
    ],
    complaints: [],
    progress: [],
  })
})

test('a rule that stops, a discard and what nothing wants are said', async () => {
  const phantom = await put('phantom.dcm', ctInstance({ patientId: 'QA1', sizeBytes: 4_096 }).file)
  const stopped = await kurir.run('explain', phantom)
  expect(stopped.printed).toEqual([
    'yes  phantom and service images   PatientID starts with QA  (stop)',
    'discarded  not of a patient   (phantom and service images, rules/00.yaml:8)',
  ])
  await site.write({
    '00.yaml': 'version: 1\nrules: [ { name: nobody, match: { Modality: XX }, discard: as the test says } ]\n',
  })
  const unwanted = await kurir.run('explain', chest)
  expect(unwanted.code).toBe(0)
  expect(unwanted.printed[0]).toBe('no   nobody   Modality is not XX')
  expect(unwanted.printed[1]).toMatch(/^held {7}\S/)
})

test('two rules that would send different contents to one place hold it', async () => {
  await site.write({
    '00.yaml': `version: 1
destinations: { out: { folder: { path: ./out, layout: "{SOPInstanceUID}.dcm" } } }
rules:
  - { name: plain, forward: [out] }
  - { name: changed, rewrite: [ { set: { StationName: X } } ], forward: [out] }
`,
  })
  const { printed } = await kurir.run('explain', chest)
  expect(printed).toEqual([
    'yes  plain',
    '       -> out   not now, see below',
    'yes  changed',
    '       -> out   not now, see below',
    'held       conflict: plain and changed send different contents to out   (changed, rules/00.yaml:5)',
  ])
})

test('several files are told apart; one that cannot be understood is said to be held, and the exit code tells', async () => {
  const whole = ctInstance({ sizeBytes: 4_096 }).file
  const lying = Buffer.from(whole)
  // The first length of the data set reaches far beyond what comes.
  lying.writeUInt16LE(0xfff0, lying.indexOf('ISO_IR 100') - 2)
  const torn = await put('torn.dcm', lying.subarray(0, 400))
  const { code, printed } = await kurir.run('explain', chest, torn)
  expect(code).toBe(1)
  expect(printed[0]).toBe(`${chest}:`)
  expect(printed.at(-2)).toBe(`${torn}:`)
  expect(printed.at(-1)).toMatch(/^held {2}unreadable: \S/)
})

test('no value of the file is on the terminal', async () => {
  const file = await put('a.dcm', ctInstance({ patientName: 'Kenari^Kuning', patientId: 'KNR-4711' }).file)
  const { printed } = await kurir.run('explain', file)
  expect(printed.join('\n')).not.toMatch(/Kenari|KNR|RSUD/)
})

test.each([
  ['missing.dcm', undefined, 'does not exist'],
  ['text.dcm', 'no DICOM at all', 'is not a DICOM file'],
])('a file that is none is a sentence: %s', async (name, text, sentence) => {
  const file = path.join(site.home, name)
  if (text !== undefined) await writeFile(file, text)
  expect(await kurir.run('explain', file)).toMatchObject({
    code: 1,
    complaints: [`kurir explain: ${file} ${sentence}`],
  })
})

test('a study of which no rule is asked is told so', async () => {
  expect(await kurir.run('explain', '--study', chest)).toEqual({
    code: 0,
    printed: ['no rule is asked when a study is finished'],
    complaints: [],
    progress: [],
  })
})

test('what names no study has no moment of one: nothing waits for that, and --study says so', async () => {
  const rules = '  - { name: whole studies, on: study, match: { Modality: MR }, forward: [pacs_main] }\n'
  await site.write({ '00.yaml': `${RULES.replace('match: { Modality: CT }', 'match: { Modality: DX }')}${rules}` })
  const alone = await put('alone.dcm', ctInstance({ studyInstanceUid: '', sizeBytes: 4_096 }).file)
  const last = async (...args: readonly string[]) => (await kurir.run('explain', ...args)).printed.at(-1)
  expect(await last(chest)).toBe('waits      for its study: a rule of that moment may want it')
  expect(await last(alone)).toBe('held       unmatched')
  const { code, printed } = await kurir.run('explain', '--study', alone)
  expect([code, printed[0], printed.at(-1)]).toEqual([
    0,
    'it names no study, so only the rules for an instance are asked',
    'held       unmatched',
  ])
})

test('a folder, and a path through a file, are sentences', async () => {
  expect((await kurir.run('explain', site.home)).complaints).toEqual([`kurir explain: ${site.home} is a folder`])
  expect((await kurir.run('explain', `${chest}/x`)).complaints).toEqual([`kurir explain: ${chest}/x cannot be read`])
})

test('asked wrongly, it says how to ask', async () => {
  const usage =
    'usage: kurir explain [--calling-ae AE] [--called-ae AE] [--peer ADDRESS] [--study] FILE… | --instance ID | --fact NAME=VALUE…'
  expect(await kurir.run('explain')).toMatchObject({
    code: 2,
    complaints: ['kurir explain: which file? Or one --instance, or facts by --fact', usage],
  })
  const unknown = await kurir.run('explain', '--what', chest)
  expect([unknown.code, unknown.complaints.at(-1)]).toEqual([2, usage])
})

test('rules that do not load are named instead', async () => {
  await site.write({ '00.yaml': 'version: 1\nrulez: []\n' })
  const { code, complaints } = await kurir.run('explain', chest)
  expect(code).toBe(1)
  expect(complaints.join('\n')).toMatch(/the rules do not load:\nrules\/00.yaml:2:1 /)
})

test('a file whose meta information and data set disagree on what it is is held, as a door holds it', async () => {
  const made = ctInstance({ sizeBytes: 4_096 })
  const other = await put('other.dcm', part10({ ...made, sopInstanceUid: '2.25.99' }))
  const kind = await put('kind.dcm', part10({ ...made, sopClassUid: '1.2.840.10008.5.1.4.1.1.4' }))
  expect(await kurir.run('explain', other)).toMatchObject({
    code: 1,
    printed: ['held  unreadable: sop-instance-uid-differs'],
  })
  expect((await kurir.run('explain', '--study', kind)).printed[0]).toBe('held  unreadable: sop-class-uid-differs')
})

test('text of no declared character set is read as the caller’s entry says', async () => {
  // In ISO_IR 144 a name; in ISO_IR 100 none.
  const { file: declaring } = ctInstance({ patientName: '\xb8\xd2\xd0\xdd^A', sizeBytes: 4_096 })
  const file = await put('a.dcm', withoutElement(declaring, '080005004353'))
  await site.write({
    '00.yaml': `version: 1
callers: { old: { ae: OLD_CT, default_charset: ISO_IR 144 }, others: { ae: "*" } }
rules: [ { name: one, match: { PatientName: Иван^A }, hold: it is he } ]
`,
  })
  const read = async (callingAe: string) => (await kurir.run('explain', '--calling-ae', callingAe, file)).printed[0]
  expect(await read('OLD_CT')).toBe('yes  one   PatientName is Иван^A')
  expect(await read('NEW_CT')).toBe('no   one   PatientName is not Иван^A')
})

test('what names no study waits for no study’s moment, and what says nowhere what it is is not explained', async () => {
  await site.write({
    '00.yaml': `version: 1
destinations: { out: { folder: { path: ./out } } }
rules: [ { name: whole, on: study, forward: [out] } ]
`,
  })
  const studyless = await put('studyless.dcm', withoutElement(ctInstance({ sizeBytes: 4_096 }).file, '20000d005549'))
  expect((await kurir.run('explain', studyless)).printed).toEqual(['held       unmatched'])
  expect((await kurir.run('explain', '--study', studyless)).printed).toEqual([
    'it names no study, so only the rules for an instance are asked',
    'held       unmatched',
  ])
  expect((await kurir.run('explain', chest)).printed).toEqual([
    'waits      for its study: a rule of that moment may want it',
  ])
})

test('told to stop, it does not read the rest', async () => {
  kurir.stop()
  expect(await kurir.run('explain', chest, chest)).toMatchObject({
    code: 1,
    printed: [],
    complaints: [`kurir explain: stopped before ${chest}`],
  })
})
