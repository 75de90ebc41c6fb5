import { expect, test } from '@jest/globals'
import { rulesetOf } from './support.ts'

const said = (rules: string): readonly string[] =>
  rulesetOf(rules).warnings.map(({ message }) => message.replace(/; such an instance.*/, ''))

const X = 'rewrite: [{ set: { PatientID: X } }]'
const Y = 'rewrite: [{ set: { PatientID: Y } }]'
const SERVICES =
  'services: { his: { http: { url: "https://his.example" }, calls: { order: { get: "/o/{accession}", keep: [ward] } } } }\n'
const LOOKUP = 'lookup: { order: { call: his.order, with: { accession: x }, on_missing: continue } }'

test.each([
  ['one rewrites and the other does not', `rules: [{ name: p, forward: [a] }, { name: q, ${X}, forward: [a] }]`],
  ['both rewrite', `rules: [{ name: p, ${X}, forward: [a] }, { name: q, ${Y}, forward: [a] }]`],
  ['a child rewrites more', `rules: [{ name: p, forward: [a], rules: [{ name: q, ${X}, forward: [a] }] }]`],
  [
    'their matches can hold together',
    `rules: [{ name: p, match: { ImageType: A }, forward: [a] }, { name: q, match: { ImageType: B }, ${X}, forward: [a] }]`,
  ],
  [
    'a study may have both',
    `rules: [{ name: p, on: study, match: { Modality: CT }, forward: [a] }, { name: q, on: study, match: { Modality: SR }, ${X}, forward: [a] }]`,
  ],
  ['they belong to two moments', `rules: [{ name: p, forward: [a] }, { name: q, on: study, ${X}, forward: [a] }]`],
])('check warns of two rules that may send different contents to one destination: %s', (_why, rules) => {
  expect(said(rules)).toEqual([
    expect.stringMatching(/^q and p \(rules\/10\.yaml:\d+\) may send different contents of one instance to a$/),
  ])
})

test.each([
  ['they send the same', 'rules: [{ name: p, forward: [a] }, { name: q, forward: [a] }]'],
  ['they inherit the same', `rules: [{ name: p, ${X}, forward: [a], rules: [{ name: q, forward: [a] }] }]`],
  [
    'they ask for different values of one attribute',
    `rules: [{ name: p, match: { Modality: [CT, MR] }, forward: [a] }, { name: q, match: { Modality: US }, ${X}, forward: [a] }]`,
  ],
  [
    'one asks for what the other excludes',
    `rules: [{ name: p, match: { not: { calling_ae: [A, B] } }, forward: [a] }, { name: q, match: { calling_ae: B }, ${X}, forward: [a] }]`,
  ],
  [
    'the first stops before the second',
    `rules: [{ name: p, match: { Modality: CT }, stop: true, forward: [a] }, { name: q, ${X}, forward: [a] }]`,
  ],
  [
    'an answer is found or is not',
    `${SERVICES}rules: [{ name: r, ${LOOKUP}, rules: [{ name: p, match: { order.found: true }, forward: [a] }, { name: q, match: { order.found: false }, ${X}, forward: [a] }] }]`,
  ],
])('and not where it shows that they never do: %s', (_why, rules) => {
  expect(said(rules)).toEqual([])
})

test('what a destination is told may differ too', () => {
  expect(said('rules: [{ name: p, forward: [a] }, { name: q, forward: [{ to: a, with: { why: q } }] }]')).toHaveLength(
    1,
  )
})

test('what is read of a caller and not acted upon yet is said too', () => {
  expect(
    said(
      'callers: { ct: { ae: CT, expect: { silent_after: 4h }, report_to: CT@10.0.0.1:104 } }\nrules: [{ name: r, forward: [a] }]',
    ),
  ).toEqual([
    'Nothing watches yet whether ct sends what is expected of it.',
    'This version sends no storage commitment reports to ct yet.',
  ])
})

test('roles under http that let nobody do anything are said: the admin listener always asks for a token', () => {
  const caller = (roles: string): readonly string[] =>
    said(`callers: { his: { from: 10.1.0.5/32, http: [${roles}] } }\nrules: [{ name: r, forward: [a] }]`)
  expect(caller('INGEST, INTEGRATOR')).toEqual([])
  expect(caller('VIEWER, INGEST, OPERATOR')).toEqual([
    'VIEWER and OPERATOR under http lets his do nothing: the admin listener always asks for a token.',
  ])
})
