import { describe, expect, test } from '@jest/globals'
import { amendedView, amendmentProblem } from '../../src/rules/amendment.ts'
import { decide } from '../../src/rules/decide.ts'
import { decideStudy } from '../../src/rules/decide-study.ts'
import type { Amendment } from '../../src/rules/facts.ts'
import { parseAttribute } from '../../src/rules/name.ts'
import { factsFrom, rulesetOf } from './support.ts'

const RULES = rulesetOf(`
rules:
  - { name: known, match: { PatientID: 00-77 }, forward: [a], rules: [{ name: marked, rewrite: [{ suffix: { PatientID: "-X" } }], forward: [b] }] }
  - { name: old, match: { PatientAddress: { present: true } }, forward: [c] }
  - { name: study, on: study, match: { PatientID: 00-77 }, forward: [{ to: c, with: { patient: "{PatientID}" } }] }`)
const AMENDMENTS: readonly Amendment[] = [
  { name: 'PatientID', value: 'wrong' },
  { name: 'PatientID', value: '00-77' },
  { name: 'PatientAddress', value: null },
  { name: 'AccessionNumber', value: '' },
]
const facts = {
  ...factsFrom({ PatientID: 'TEMP', PatientAddress: 'Jl. Mawar', AccessionNumber: 'A1' }),
  amendments: AMENDMENTS,
}

describe('amendments', () => {
  test('are what match sees, the last one of an attribute', () => {
    expect(decide(RULES, facts).forwards.map(({ destination }) => destination)).toEqual(['a', 'b'])
  })

  test('leave with every delivery, under what the rules change', () => {
    const changes = decide(RULES, facts).forwards.map((forward) =>
      forward.changes.map(({ keyword, verb, before, after }) => [keyword, verb, before, after]),
    )
    const others = [
      ['AccessionNumber', 'amend', 'A1', ''],
      ['PatientAddress', 'amend', 'Jl. Mawar', null],
    ]
    expect(changes[0]).toEqual(expect.arrayContaining([...others, ['PatientID', 'amend', 'TEMP', '00-77']]))
    expect(changes[1]).toEqual(expect.arrayContaining([...others, ['PatientID', 'suffix', 'TEMP', '00-77-X']]))
  })

  test('are seen at the study moment too', () => {
    const member = { id: 'i1', facts, isNew: true, isHeld: false, isWanted: true }
    const decision = decideStudy(RULES, { members: [member], settledBy: 'operator' })
    expect(decision.forwards).toMatchObject([{ destination: 'c', with: { patient: '00-77' } }])
    expect(decision.forwards[0]?.members[0]?.changes).toHaveLength(3)
  })

  test('that cannot be written hold what they would leave with', () => {
    const long = { ...facts, amendments: [...AMENDMENTS, { name: 'StudyID', value: 'x'.repeat(17) }] }
    const { forwards, holds } = decide(RULES, long)
    expect(forwards).toEqual([])
    expect(holds.map(({ reason }) => reason)).toContain('rewrite: StudyID is 17 characters; SH holds 16')
  })

  test('make a header look as if it had come so', () => {
    const view = amendedView(facts.header, AMENDMENTS)
    const at = (keyword: string) => {
      const name = parseAttribute(keyword)
      if ('problem' in name) throw new Error(name.problem)
      return [view.has(name.path), view.values(name.path)]
    }
    expect(at('PatientID')).toEqual([true, ['00-77']])
    expect(at('PatientAddress')).toEqual([false, []])
    expect(at('AccessionNumber')).toEqual([true, []])
    expect(amendedView(facts.header, [])).toBe(facts.header)
  })
})

test.each([
  [{ name: 'PatientID', value: '1' }, undefined],
  [{ name: 'PatientID', value: null }, undefined],
  [{ name: 'RequestAttributesSequence[0].ScheduledProcedureStepID', value: 'S1' }, undefined],
  [
    { name: 'PatientBirthDate', value: '1970' },
    'The value for PatientBirthDate does not fit DA, which is a date as YYYYMMDD.',
  ],
  [{ name: 'Patient', value: '1' }, expect.stringContaining('Patient is not a DICOM keyword.')],
  [{ name: 'calling_ae', value: '1' }, expect.stringContaining('not a DICOM keyword')],
  [{ name: 'StudyInstanceUID', value: '1.2' }, expect.stringContaining('StudyInstanceUID')],
  [{ name: 'SOPClassUID', value: '1.2' }, 'SOPClassUID cannot be rewritten: it says what the instance is.'],
  [{ name: 'PixelData', value: null }, expect.stringContaining('pixel data')],
  [
    { name: 'RequestAttributesSequence', value: 'x' },
    'RequestAttributesSequence is SQ; a correction writes text and numbers only.',
  ],
])('%j can be an amendment, or says why not', (amendment, problem) => {
  expect(amendmentProblem(amendment)).toEqual(problem)
})
