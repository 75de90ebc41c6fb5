import { describe, expect, test } from '@jest/globals'
import { decide } from '../../src/rules/decide.ts'
import { decideStudy, decideStudyInSlices, explainStudy } from '../../src/rules/decide-study.ts'
import type { Answer } from '../../src/rules/facts.ts'
import type { StudyDecision, StudyFacts, StudyMember } from '../../src/rules/study-decision.ts'
import { factsFrom, rulesetOf } from './support.ts'

type Given = Readonly<Record<string, string | readonly string[]>>

const member = (given: Given, index: number, about: Partial<StudyMember> = {}): StudyMember => ({
  id: `i${index + 1}`,
  facts: factsFrom({ SOPInstanceUID: `1.2.${index + 1}`, ...given }),
  isNew: true,
  isHeld: false,
  isWanted: false,
  ...about,
})

const studyOf = (given: readonly Given[], more: Partial<StudyFacts> = {}): StudyFacts => ({
  members: given.map((one, index) => member(one, index)),
  settledBy: 'quiet',
  ...more,
})

const brief = (decision: StudyDecision) => ({
  to: decision.forwards.map(({ destination, members }) => `${destination}: ${members.map((one) => one.member).join()}`),
  held: decision.holds.map(({ rule, reason, members }) => `${rule?.name ?? '-'}: ${reason}: ${members.join()}`),
  discarded: decision.discards.map(({ rule, reason, members }) => `${rule?.name ?? '-'}: ${reason}: ${members.join()}`),
})

const run = (rules: string, study: StudyFacts): StudyDecision => decideStudy(rulesetOf(rules), study)
const CT_AND_SR = [
  { Modality: 'CT', PatientID: '7' },
  { Modality: 'SR', PatientID: '7' },
]

describe('the study moment', () => {
  test('asks the rules of the study, the instance moment those of the instance', () => {
    const rules = 'rules: [{ name: i, forward: [a] }, { name: s, on: study, forward: [b] }]'
    expect(brief(run(rules, studyOf(CT_AND_SR)))).toEqual({ to: ['b: i1,i2'], held: [], discarded: [] })
    expect(decide(rulesetOf(rules), factsFrom({})).forwards.map(({ destination }) => destination)).toEqual(['a'])
  })

  test.each([
    ['{ Modality: SR }', true],
    ['{ Modality: { not: SR } }', false],
    ['{ Modality: MR }', false],
    ['{ all: [{ Modality: CT }, { Modality: SR }] }', true],
    ['{ PatientAddress: { present: false } }', true],
    ['{ modalities: SR, instance_count: 2 }', true],
    ['{ instance_count: { gte: 2, lt: 10 } }', true],
    ['{ series_count: { gt: 2 } }', false],
    ['{ settled_by: [quiet, longest] }', true],
    ['{ settled_by: operator }', false],
  ])('sees the values over all instances: %s', (match, matches) => {
    const decision = run(`rules: [{ name: s, on: study, match: ${match}, forward: [a] }]`, studyOf(CT_AND_SR))
    expect(decision.forwards.length === 1).toBe(matches)
  })

  test('only: chooses the instances of a forward, each by itself', () => {
    const rules =
      'rules: [{ name: s, on: study, forward: [{ to: a, only: { Modality: CT } }, b, { to: c, only: { Modality: MR } }] }]'
    expect(brief(run(rules, studyOf(CT_AND_SR))).to).toEqual(['a: i1', 'b: i1,i2'])
  })

  test('rewrites each instance by itself, and tells the destination what is the same in all that leaves', () => {
    const decision = run(
      `rules:
  - name: s
    on: study
    rewrite: [{ prefix: { PatientID: "R-" } }, { set: { StudyDescription: "{Modality} of {instance_count}" } }]
    forward: [{ to: a, with: { patient: "{PatientID}", count: "{instance_count}", none: "{PatientAddress}" } }]`,
      studyOf(CT_AND_SR),
    )
    expect(decision.forwards[0]?.with).toEqual({ patient: 'R-7', count: '2' })
    expect(decision.forwards[0]?.members.map(({ changes }) => changes.map(({ after }) => after))).toEqual([
      ['CT of 2', 'R-7'],
      ['SR of 2', 'R-7'],
    ])
    expect(decision.forwards[0]?.members.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(['1.2.1', '1.2.2'])
  })

  test('what a destination is told may not differ from instance to instance', () => {
    const rules = 'rules: [{ name: s, on: study, forward: [{ to: a, with: { kind: "{Modality}" } }, b] }]'
    expect(brief(run(rules, studyOf(CT_AND_SR)))).toEqual({
      to: ['b: i1,i2'],
      held: ['s: with: Modality has several different values: i1,i2'],
      discarded: [],
    })
  })

  test('a rewrite that cannot be carried out holds that instance alone', () => {
    const rules = 'rules: [{ name: s, on: study, rewrite: [{ prefix: { AccessionNumber: ABCDEFGH } }], forward: [a] }]'
    const study = studyOf([{ AccessionNumber: '1' }, { AccessionNumber: '123456789' }])
    expect(brief(run(rules, study))).toEqual({
      to: ['a: i1'],
      held: ['s: rewrite: AccessionNumber is 17 characters; SH holds 16: i2'],
      discarded: [],
    })
  })

  test('the same bytes twice are one forward of both rules; other bytes are a conflict of those instances', () => {
    const rules = `
rules:
  - { name: p, on: study, forward: [{ to: a, only: { Modality: CT } }, b] }
  - { name: q, on: study, forward: [a] }
  - { name: r, on: study, rewrite: [{ set: { PatientID: X } }], forward: [{ to: b, only: { Modality: SR } }] }`
    const decision = run(rules, studyOf(CT_AND_SR))
    expect(brief(decision)).toEqual({
      to: ['a: i1,i2', 'b: i1'],
      held: ['r: conflict: p and r send different contents to b: i2'],
      discarded: [],
    })
    expect(decision.forwards[0]?.members.map(({ rules: by }) => by.map(({ name }) => name))).toEqual([
      ['p', 'q'],
      ['q'],
    ])
  })

  test('hold and discard speak of the whole study; a discard only of what nothing else wants', () => {
    expect(brief(run('rules: [{ name: s, on: study, hold: look }]', studyOf(CT_AND_SR)))).toEqual({
      to: [],
      held: ['s: look: i1,i2'],
      discarded: [],
    })
    const rules =
      'rules: [{ name: s, on: study, forward: [{ to: a, only: { Modality: CT } }] }, { name: d, on: study, discard: not kept }]'
    expect(brief(run(rules, studyOf(CT_AND_SR)))).toEqual({ to: ['a: i1'], held: [], discarded: ['d: not kept: i2'] })
  })

  test('stop ends the list for the study moment alone', () => {
    const rules =
      'rules: [{ name: i, stop: true, forward: [a] }, { name: s, on: study, stop: true, forward: [b] }, { name: t, on: study, match: { Modality: CT }, forward: [c] }]'
    expect(() => run(rules, studyOf(CT_AND_SR))).toThrow('The rule t can never be reached')
    const matching = rules.replace('on: study, stop', 'on: study, match: { Modality: SR }, stop')
    expect(brief(run(matching, studyOf(CT_AND_SR))).to).toEqual(['b: i1,i2'])
    expect(brief(run(matching, studyOf([{ Modality: 'CT' }]))).to).toEqual(['c: i1'])
  })
})

describe('late instances', () => {
  const rules = (late: string) =>
    `study: { late: ${late} }\nrules: [{ name: s, on: study, match: { Modality: CT }, forward: [a] }]`
  const late: StudyFacts = {
    members: [
      member({ Modality: 'CT' }, 0, { isNew: false, isWanted: true }),
      member({ Modality: 'SR' }, 1, { isNew: true }),
    ],
    settledBy: 'quiet',
  }
  test.each([
    ['new_only', ['a: i2']],
    ['whole_study', ['a: i1,i2']],
    ['ignore', []],
  ])('%s: the rules match over the whole study', (word, to) => {
    expect(brief(run(rules(word), late)).to).toEqual(to)
  })

  test('ignored ones that nothing wanted are held or discarded as otherwise says', () => {
    expect(brief(run(rules('ignore'), late)).held).toEqual(['-: unmatched: i2'])
  })
})

describe('otherwise', () => {
  test('is asked after the study moment where a rule of it may still want the instance', () => {
    const rules = 'rules: [{ name: s, on: study, match: { Modality: CT }, forward: [a] }]'
    const instance = decide(rulesetOf(rules), factsFrom({ Modality: 'EEG' }))
    expect(instance).toMatchObject({ awaitsStudy: true, forwards: [], holds: [], discards: [] })
    expect(brief(run(rules, studyOf([{ Modality: 'EEG' }]))).held).toEqual(['-: unmatched: i1'])
    const discarding = `otherwise: { discard: nobody asked }\n${rules}`
    expect(brief(run(discarding, studyOf([{ Modality: 'EEG' }]))).discarded).toEqual(['-: nobody asked: i1'])
    // What names no study has no such moment to wait for.
    const alone = decide(rulesetOf(rules), { ...factsFrom({ Modality: 'EEG' }), isOfNoStudy: true })
    expect(alone).toMatchObject({ awaitsStudy: false, holds: [{ reason: 'unmatched' }] })
  })

  test('passes over what was wanted before, and what a rule of the study wants', () => {
    const rules = 'rules: [{ name: s, on: study, forward: [{ to: a, only: { Modality: CT } }] }]'
    const study: StudyFacts = {
      members: [
        member({ Modality: 'CT' }, 0),
        member({ Modality: 'SR' }, 1, { isWanted: true }),
        member({ Modality: 'PR' }, 2),
      ],
      settledBy: 'quiet',
    }
    expect(brief(run(rules, study)).held).toEqual(['-: unmatched: i3'])
  })

  test('does not wait for a study whose rules only tell somebody', () => {
    const rules = `${SERVICES}rules: [{ name: t, on: study, notify: [{ call: his.arrived, with: { accession: "{AccessionNumber}" } }] }]`
    expect(decide(rulesetOf(rules), factsFrom({})).holds.map(({ reason }) => reason)).toEqual(['unmatched'])
  })
})

const SERVICES = `services:
  his:
    http: { url: "https://his.example" }
    calls:
      order: { get: "/orders/{accession}", keep: [patient_id, ward] }
      arrived: { post: "/studies", body: { accession: "{accession}" } }
`

describe('a lookup of the study moment', () => {
  const rules = `${SERVICES}
rules:
  - name: asks
    on: study
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" }, try_for: 2d } }
    rewrite: [{ set: { PatientID: "{order.patient_id}" } }]
    forward: [{ to: a, with: { ward: "{order.ward}" } }]
  - { name: others, on: study, forward: [b] }`
  const study = studyOf([{ AccessionNumber: 'A1' }, { AccessionNumber: 'A1' }])

  test('makes its branch wait, and no other', () => {
    const decision = run(rules, study)
    expect(brief(decision)).toEqual({ to: ['b: i1,i2'], held: [], discarded: [] })
    expect(decision.asks).toEqual([
      {
        key: expect.stringMatching(/^[0-9a-f]{64}$/),
        alias: 'order',
        service: 'his',
        call: 'order',
        arguments: { accession: 'A1' },
        onMissing: 'hold',
        tryFor: 172_800_000,
        rule: expect.objectContaining({ name: 'asks' }),
      },
    ])
    expect(decision.asked).toEqual(decision.asks)
  })

  const answered = (answer: Answer): StudyDecision => {
    const [ask] = run(rules, study).asks
    return run(rules, { ...study, answers: new Map([[ask?.key ?? '', answer]]) })
  }

  test('goes on with its answer', () => {
    const decision = answered({ found: true, fields: { patient_id: '00-1', ward: 'ICU' } })
    expect(brief(decision).to).toEqual(['a: i1,i2', 'b: i1,i2'])
    expect(decision.forwards[0]?.with).toEqual({ ward: 'ICU' })
    expect(decision.forwards[0]?.members[0]?.changes.map(({ after }) => after)).toEqual(['00-1'])
    expect(decision.asks).toEqual([])
    expect(decision.asked).toHaveLength(1)
  })

  test('waits while nothing is found, with the question that is asked again', () => {
    const decision = answered({ found: false, fields: {} })
    expect(decision.waits).toMatchObject([{ reason: 'order: not found', ask: { tryFor: 172_800_000 } }])
    expect(brief(decision)).toEqual({ to: ['b: i1,i2'], held: [], discarded: [] })
  })

  test('holds where a template needs what the answer does not say', () => {
    expect(brief(answered({ found: true, fields: { ward: 'ICU' } })).held).toEqual([
      'asks: rewrite: order.patient_id has no value: i1,i2',
    ])
    expect(brief(answered({ found: true, fields: { patient_id: '1', ward: ' ' } })).held).toEqual([
      'asks: with: order.ward has no value: i1,i2',
    ])
  })

  test('holds where the study does not agree with itself, or has nothing to ask about', () => {
    const torn = studyOf([{ AccessionNumber: 'A1' }, { AccessionNumber: 'A2' }])
    expect(brief(run(rules, torn)).held).toEqual(['asks: order: AccessionNumber has several different values: i1,i2'])
    expect(brief(run(rules, studyOf([{ Modality: 'CT' }]))).held).toEqual(['asks: order: accession has no value: i1'])
  })
})

describe('notify', () => {
  const rules = (more: string) =>
    `${SERVICES}rules: [{ name: t, on: study, notify: [{ call: his.arrived, with: { accession: "{AccessionNumber}" }${more} }] }]`

  test('says whom to tell what, and after what', () => {
    const study = studyOf([{ AccessionNumber: 'A1' }])
    expect(run(rules(''), study).notifies).toEqual([
      {
        key: expect.stringMatching(/^[0-9a-f]{64}$/),
        service: 'his',
        call: 'arrived',
        arguments: { accession: 'A1' },
        after: null,
        rule: expect.objectContaining({ name: 't' }),
      },
    ])
    expect(run(rules(', after: received'), study).notifies[0]?.after).toBe('received')
    expect(run(rules(', after: [a, b]'), study).notifies[0]?.after).toEqual(['a', 'b'])
  })

  test('leaves out what has no value, and holds what has several', () => {
    expect(run(rules(''), studyOf([{}])).notifies[0]?.arguments).toEqual({})
    const torn = studyOf([{ AccessionNumber: 'A1' }, { AccessionNumber: 'A2' }])
    expect(brief(run(rules(''), torn)).held).toEqual([
      't: his.arrived: AccessionNumber has several different values: i1,i2',
    ])
  })
})

test('explain says of a study why its rules matched, whom they ask and whom they tell', () => {
  const { steps } = explainStudy(
    rulesetOf(`${SERVICES}
rules:
  - { name: i, forward: [a] }
  - name: s
    on: study
    match: { instance_count: { gte: 2 } }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" } } }
    notify: [{ call: his.arrived, with: { accession: "{AccessionNumber}" } }]
    forward: [b]`),
    studyOf([{ AccessionNumber: 'SECRET' }, {}]),
  )
  expect(steps).toMatchObject([
    {
      rule: { name: 's' },
      because: ['instance_count is at least 2'],
      asks: ['his.order'],
      notifies: ['his.arrived'],
      forward: ['b'],
    },
  ])
  expect(JSON.stringify(steps)).not.toContain('SECRET')
})

test('a large study is decided in slices, looking at each member once a pass', () => {
  const looks: number[] = []
  const members = Array.from({ length: 100 }, (_, index): StudyMember => {
    const { facts, ...rest } = member({ Modality: 'CT' }, index)
    looks.push(0)
    return {
      ...rest,
      get facts() {
        looks[index] = (looks[index] ?? 0) + 1
        return facts
      },
    }
  })
  const ruleset = rulesetOf('rules: [{ name: s, on: study, match: { Modality: CT }, forward: [a, b] }]')
  const slices = decideStudyInSlices(ruleset, { members, settledBy: 'quiet' })
  let pauses = 0
  let next = slices.next()
  while (next.done !== true) {
    pauses++
    next = slices.next()
  }
  expect(next.value.forwards.map((forward) => forward.members.length)).toEqual([100, 100])
  expect(pauses).toBe(12)
  expect(new Set(looks)).toEqual(new Set([2]))
})
