// The law behind all rules: whatever they say, nothing is merely gone.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decide } from '../../src/rules/decide.ts'
import { decideStudy } from '../../src/rules/decide-study.ts'
import type { Answer } from '../../src/rules/facts.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'
import type { StudyMember } from '../../src/rules/study-decision.ts'
import { factsFrom, rulesetOf } from './support.ts'

const rules = (late: string, otherwise: string): Ruleset =>
  rulesetOf(`
study: { late: ${late} }
otherwise: ${otherwise}
services:
  his: { http: { url: "https://his.example" }, calls: { order: { get: "/o/{accession}", keep: [patient_id] }, arrived: { post: "/s", body: { accession: "{accession}" } } } }
rules:
  - { name: stops, match: { PatientID: QA }, discard: a test image, stop: true }
  - name: asks
    match: { AccessionNumber: { present: true }, Modality: CT }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" } } }
    rewrite: [{ set: { PatientID: "{order.patient_id}" } }]
    forward: [a]
  - { name: holds, match: { Modality: EEG }, hold: a person looks }
  - name: whole study
    on: study
    match: { Modality: [CT, MR] }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" }, on_missing: continue } }
    rules:
      - { name: found, match: { order.found: true }, rewrite: [{ prefix: { StudyID: ABCDEFGH } }], forward: [{ to: b, only: { Modality: { not: SR } }, with: { id: "{order.patient_id}" } }] }
      - { name: missing, match: { order.found: false }, forward: [{ to: b, only: { Modality: MR } }] }
  - { name: another, on: study, match: { instance_count: { gt: 2 } }, forward: [{ to: b, only: { Modality: [CT, PR] } }] }
  - { name: unwanted, on: study, match: { settled_by: operator }, discard: said the operator }
  - { name: tells, on: study, notify: [{ call: his.arrived, with: { accession: "{AccessionNumber}" } }] }
`)

const given = fc.record(
  {
    Modality: fc.constantFrom('CT', 'MR', 'SR', 'PR', 'EEG'),
    AccessionNumber: fc.constantFrom('A1', 'A1', 'A2', ''),
    PatientID: fc.constantFrom('QA', '7'),
    StudyID: fc.constantFrom('1', '123456789'),
  },
  { requiredKeys: ['Modality'] },
)
const answer: fc.Arbitrary<Answer | undefined> = fc.constantFrom(
  undefined,
  { found: false, fields: {} },
  { found: true, fields: {} },
  { found: true, fields: { patient_id: 'P1' } },
)
const ruleset = fc.constantFrom(
  ...['new_only', 'whole_study', 'ignore'].flatMap((late) => [
    rules(late, 'hold'),
    rules(late, '{ discard: nobody asked }'),
  ]),
)

test('an instance is sent, held, discarded, asked about, waited for, or awaits its study', () => {
  fc.assert(
    fc.property(ruleset, given, answer, (in_force, values, said) => {
      const facts = factsFrom(values)
      const [open] = decide(in_force, facts).asks
      const answers = new Map(open === undefined || said === undefined ? [] : [[open.key, said]])
      const decision = decide(in_force, { ...facts, answers })
      const { forwards, holds, discards, asks, waits, awaitsStudy } = decision
      const accounted = forwards.length + holds.length + discards.length + asks.length + waits.length
      expect(accounted > 0).toBe(!awaitsStudy)
      expect(decide(in_force, { ...facts, answers })).toEqual(decision)
      expect(asks.length === 0 || said === undefined).toBe(true)
    }),
    { numRuns: 300 },
  )
})

test('each new instance of a study is accounted for once nothing is asked or waited for, and none is sent twice to one place', () => {
  const member = fc.record({ values: given, isNew: fc.boolean(), isHeld: fc.boolean(), isWanted: fc.boolean() })
  const settledBy = fc.constantFrom('quiet' as const, 'operator' as const)
  fc.assert(
    fc.property(
      ruleset,
      fc.array(member, { minLength: 1, maxLength: 6 }),
      settledBy,
      answer,
      (in_force, all, by, said) => {
        const members = all.map(
          ({ values, isNew, isHeld, isWanted }, index): StudyMember => ({
            id: `i${index}`,
            facts: factsFrom({ SOPInstanceUID: `1.2.${index}`, ...values }),
            isNew,
            isHeld,
            isWanted: isWanted || !isNew,
          }),
        )
        const study = { members, settledBy: by }
        const [open] = decideStudy(in_force, study).asks
        const answers = new Map(open === undefined || said === undefined ? [] : [[open.key, said]])
        const decision = decideStudy(in_force, { ...study, answers })
        const sent = decision.forwards.flatMap(({ destination, members: to }) =>
          to.map((one) => `${one.member} to ${destination}`),
        )
        expect(new Set(sent).size).toBe(sent.length)
        if (decision.asks.length + decision.waits.length > 0) return
        const accounted = new Set([
          ...decision.forwards.flatMap((forward) => forward.members.map((one) => one.member)),
          ...[...decision.holds, ...decision.discards].flatMap((verdict) => verdict.members),
          ...members.filter((one) => one.isWanted).map((one) => one.id),
        ])
        expect(members.filter((one) => one.isNew && !accounted.has(one.id)).map((one) => one.id)).toEqual([])
      },
    ),
    { numRuns: 300 },
  )
})
