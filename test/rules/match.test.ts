import { describe, expect, test } from '@jest/globals'
import { decide, explain } from '../../src/rules/decide.ts'
import { factsFrom, problemsOf, rulesetOf } from './support.ts'

type Given = Readonly<Record<string, string | readonly string[]>>

function matches(match: string, given: Given): boolean {
  const ruleset = rulesetOf(
    `lists: { vips: [A1, B2], scanners: [CT_IGD] }\nrules: [{ name: r, match: ${match}, forward: [a] }]\n`,
  )
  return decide(ruleset, factsFrom(given)).forwards.length === 1
}

const CASES: readonly (readonly [match: string, given: Given, holds: boolean])[] = [
  ['{ Modality: CT }', { Modality: 'CT' }, true],
  ['{ Modality: CT }', { Modality: 'ct' }, false],
  ['{ Modality: CT }', {}, false],
  ['{ PatientID: 00123 }', { PatientID: '00123' }, true],
  ['{ PatientID: "123" }', { PatientID: '00123' }, false],
  ['{ Modality: [CT, MR] }', { Modality: 'MR' }, true],
  ['{ ImageType: LOCALIZER }', { ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }, true],
  ['{ ImageType: { not: LOCALIZER } }', { ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }, false],
  ['{ ImageType: { not: LOCALIZER } }', {}, true],
  ['{ PatientID: { matches: "[0-9]{4}" } }', { PatientID: '1234' }, true],
  ['{ PatientID: { matches: "[0-9]{4}" } }', { PatientID: '12345' }, false],
  ['{ PatientID: { matches: "(?i)ab.*" } }', { PatientID: 'ABC' }, true],
  ['{ PatientID: { starts_with: QA } }', { PatientID: 'QA-1' }, true],
  ['{ PatientID: { ends_with: QA } }', { PatientID: 'QA-1' }, false],
  ['{ PatientID: { contains: "-" } }', { PatientID: 'QA-1' }, true],
  ['{ PatientID: { starts_with: Q, ends_with: "1" } }', { PatientID: 'QA-1' }, true],
  ['{ PatientID: { starts_with: Q, not: { ends_with: "1" } } }', { PatientID: 'QA-1' }, false],
  ['{ PatientID: { in_list: vips } }', { PatientID: 'B2' }, true],
  ['{ calling_ae: { in_list: scanners } }', { calling_ae: 'CT_IGD' }, true],
  ['{ PatientID: { present: true } }', { PatientID: '' }, false],
  ['{ PatientID: { present: false } }', { PatientID: '' }, true],
  ['{ PatientID: { present: false } }', {}, true],
  ['{ InstanceNumber: { gt: 9 } }', { InstanceNumber: '10' }, true],
  ['{ InstanceNumber: { gte: 10, lte: 10 } }', { InstanceNumber: '10' }, true],
  ['{ SliceThickness: { lt: 1.5 } }', { SliceThickness: '1.25' }, true],
  ['{ SliceThickness: { lt: 1.5 } }', { SliceThickness: 'thin' }, false],
  // Bounds hold for one and the same value.
  ['{ PixelSpacing: { gt: 1, lt: 5 } }', { PixelSpacing: ['0', '9'] }, false],
  ['{ StudyDate: { gte: 2026-01-31 } }', { StudyDate: '20260131' }, true],
  ['{ StudyDate: { lt: 20260131 } }', { StudyDate: '20260130' }, true],
  ['{ StudyDate: { lt: 20260131 } }', { StudyDate: '2026' }, false],
  ['{ StudyTime: { gt: "07:30" } }', { StudyTime: '073000.5' }, true],
  ['{ StudyTime: { lt: "0730" } }', { StudyTime: '07' }, true],
  ['{ AcquisitionDateTime: { gt: 20260101120000+0700 } }', { AcquisitionDateTime: '20260101060000+0000' }, true],
  ['{ peer: { within: 10.20.0.0/16 } }', { peer: '10.20.255.1' }, true],
  ['{ peer: { within: 10.20.0.0/16 } }', { peer: '10.21.0.1' }, false],
  ['{ peer: { within: 10.20.0.0/16 } }', { peer: '::ffff:10.20.1.1' }, true],
  ['{ peer: { within: "fd00::/8" } }', { peer: 'fd12::1' }, true],
  ['{ peer: { within: "fd00::/8" } }', { peer: '10.20.0.1' }, false],
  ['{ sop_class: CTImageStorage }', {}, true],
  ['{ sop_class: 1.2.840.10008.5.1.4.1.1.2 }', {}, true],
  ['{ sop_class: { ends_with: SRStorage } }', { sop_class: 'BasicTextSRStorage' }, true],
  ['{ transfer_syntax: ExplicitVRLittleEndian }', {}, true],
  ['{ not: { transfer_syntax: JPEG2000Lossless } }', { transfer_syntax: 'JPEG2000Lossless' }, false],
  ['{ called_ae: KURIR, door: dimse }', {}, true],
  ['{ any: [ { Modality: CT }, { Modality: MR } ] }', { Modality: 'MR' }, true],
  ['{ all: [ { Modality: CT }, { PatientID: x } ] }', { Modality: 'CT' }, false],
  ['{ not: { any: [ { Modality: CT }, { PatientID: x } ] } }', { Modality: 'MR' }, true],
  ['{ PatientName: SARI^DEWI }', { PatientName: 'SARI^DEWI=ideographic' }, true],
  // A name that is written in ideographs alone is one.
  ['{ PatientName: { present: true } }', { PatientName: '=山田^太郎' }, true],
  ['{ PatientName: { present: false } }', { PatientName: '=山田^太郎' }, false],
  ['{ PatientName: { present: false } }', { PatientName: '==' }, true],
  ['{ PatientName: 山田^太郎 }', { PatientName: '=山田^太郎' }, false],
  // What says nothing is no value, beside others neither.
  ['{ ImageType: { matches: "X?" } }', { ImageType: ['ORIGINAL', '', 'AXIAL'] }, false],
  ['{ calling_ae: { present: true } }', { calling_ae: '' }, false],
  ['{ calling_ae: { matches: ".*" } }', { calling_ae: '' }, false],
  ['{ PatientName: { matches: ".*=.*" } }', { PatientName: 'SARI^DEWI=ideographic' }, false],
  // One is composed, the other not: NFC makes them one.
  ['{ PatientID: "\u00e9" }', { PatientID: 'e\u0301' }, true],
  ['{ (0010,0020): x }'.replace('(0010,0020)', '"(0010,0020)"'), { PatientID: 'x' }, true],
  ['{ "(0009,1001)": x }', { '(0009,1001)': 'x' }, true],
  [
    '{ RequestAttributesSequence.ScheduledProcedureStepID: S1 }',
    { 'RequestAttributesSequence.ScheduledProcedureStepID': 'S1' },
    true,
  ],
  // A step without a number means every item, one with it that item alone, counted from 0.
  [
    '{ RequestAttributesSequence.ScheduledProcedureStepID: S2 }',
    {
      'RequestAttributesSequence[0].ScheduledProcedureStepID': 'S1',
      'RequestAttributesSequence[1].ScheduledProcedureStepID': 'S2',
    },
    true,
  ],
  [
    '{ "RequestAttributesSequence[0].ScheduledProcedureStepID": S2 }',
    {
      'RequestAttributesSequence[0].ScheduledProcedureStepID': 'S1',
      'RequestAttributesSequence[1].ScheduledProcedureStepID': 'S2',
    },
    false,
  ],
  [
    '{ "(0040,0275)[1].(0040,0009)": { present: true } }',
    { 'RequestAttributesSequence[0].ScheduledProcedureStepID': 'S1' },
    false,
  ],
  ['{ "RequestAttributesSequence.(0009,1001)": x }', { 'RequestAttributesSequence[0].(0009,1001)': 'x' }, true],
  ['{ RequestAttributesSequence: { present: true } }', { 'RequestAttributesSequence.StudyID': '1' }, true],
  ['{ Modality: { not: [CT, MR] } }', { Modality: 'US' }, true],
  ['{ Modality: { not: { not: CT } } }', { Modality: 'CT' }, true],
  ['{ PatientName: { in_list: vips } }', { PatientName: 'A1=B' }, true],
  ['{ Rows: { gte: 512 } }', { Rows: '512' }, true],
  ['{ Rows: 512 }', { Rows: '512' }, true],
  ['{ ImagePositionPatient: { lt: -1e2 } }', { ImagePositionPatient: ['0', '-100.5', '3'] }, true],
  ['{ PatientBirthDate: { gt: 2016-02-29 } }', { PatientBirthDate: '20160301' }, true],
  ['{ PatientBirthDate: { gt: 2016-02-29 } }', { PatientBirthDate: '20160230' }, false],
  ['{ StudyTime: { gte: "22:00" } }', { StudyTime: '235960' }, true],
  ['{ AcquisitionDateTime: { lt: 2026 } }', { AcquisitionDateTime: '20251231235959.999999' }, true],
  ['{ PatientID: { matches: "\\\\d+" } }', { PatientID: '0012' }, true],
  ['{ PatientID: { contains: " " } }', { PatientID: ' 0012 ' }, false],
  ['{ PatientID: 0012 }', { PatientID: ' 0012 ' }, true],
  ['{ ImageComments: { starts_with: " " } }', { ImageComments: ' two spaces ' }, true],
]

describe('a match', () => {
  test.each(CASES)('%s of %j: %s', (match, given, holds) => {
    expect(matches(match, given)).toBe(holds)
  })
})

test('explain says every rule that was asked and why, in the words of the rules, without a value of the instance', () => {
  const ruleset = rulesetOf(`
lists: { er_scanners: [CT_IGD] }
rules:
  - name: phantom
    match: { any: [ { PatientID: { starts_with: QA } }, { PatientName: { matches: "(?i)phantom.*" } } ] }
    discard: quality assurance
    stop: true
  - name: archive
    match: { Modality: [CT, MR] }
    forward: [a]
    rules:
      - name: emergency
        match: { calling_ae: { in_list: er_scanners } }
        forward: [b]
  - name: rest
    stop: true
    hold: a person looks
`)
  const { steps, decision } = explain(ruleset, factsFrom({ Modality: 'CT', PatientID: 'SECRET', calling_ae: 'CT_IGD' }))
  expect(steps.map(({ rule, depth, matched, because }) => [depth, rule.name, matched, because])).toEqual([
    [0, 'phantom', false, ['PatientID does not start with QA', 'PatientName does not match (?i)phantom.*']],
    [0, 'archive', true, ['Modality is one of CT, MR']],
    [1, 'emergency', true, ['calling_ae is in er_scanners']],
    [0, 'rest', true, []],
  ])
  expect(steps.map(({ stopped }) => stopped)).toEqual([false, false, false, true])
  expect(JSON.stringify(steps)).not.toContain('SECRET')
  expect(decision).toEqual(decide(ruleset, factsFrom({ Modality: 'CT', PatientID: 'SECRET', calling_ae: 'CT_IGD' })))
})

test('a pattern whose repetitions multiply is refused at load', () => {
  expect(
    problemsOf(
      'version: 1\nrules: [{ name: r, match: { PatientID: { matches: "((a{100}){100}){100}" } }, forward: [a] }]\n',
    ),
  ).toHaveLength(1)
})
