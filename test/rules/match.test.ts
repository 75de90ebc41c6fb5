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
  ['{ PatientName: { contains: "=" } }', { PatientName: 'SARI^DEWI=ideographic' }, false],
  // One is composed, the other not: NFC makes them one.
  ['{ PatientID: "\u00e9" }', { PatientID: 'e\u0301' }, true],
  ['{ (0010,0020): x }'.replace('(0010,0020)', '"(0010,0020)"'), { PatientID: 'x' }, true],
  ['{ "(0009,1001)": x }', { '(0009,1001)': 'x' }, true],
  [
    '{ RequestAttributesSequence.ScheduledProcedureStepID: S1 }',
    { 'RequestAttributesSequence.ScheduledProcedureStepID': 'S1' },
    true,
  ],
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

test.each(['(a*)*b', '(a|aa)+$', '(.*a){20}', '([a-z]+)*[0-9]', '(?i)(x+x+)+y'])(
  'the pattern %s takes no time on 64 KB',
  (pattern) => {
    const ruleset = rulesetOf(
      `rules: [{ name: r, match: { ImageComments: { matches: "${pattern}" } }, forward: [a] }]\n`,
    )
    const facts = factsFrom({ ImageComments: 'a'.repeat(65_535) })
    const began = performance.now()
    decide(ruleset, facts)
    expect(performance.now() - began).toBeLessThan(1_000)
  },
)

test('a pattern whose repetitions multiply is refused at load', () => {
  expect(
    problemsOf(
      'version: 1\nrules: [{ name: r, match: { PatientID: { matches: "((a{100}){100}){100}" } }, forward: [a] }]\n',
    ),
  ).toHaveLength(1)
})
