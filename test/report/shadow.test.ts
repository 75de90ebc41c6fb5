import { expect, test } from '@jest/globals'
import { instant, ms } from '../../src/base/clock.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import type { NewObligation } from '../../src/ledger/ledger.ts'
import type { PastDecision } from '../../src/ledger/views.ts'
import { factsOf } from '../../src/plan/facts.ts'
import { shadow } from '../../src/report/shadow.ts'
import type { ShadowReport } from '../../src/report/shadow-report.ts'
import { decide } from '../../src/rules/decide.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'
import { openLedger } from '../ledger/open-ledger.ts'
import { forward } from '../ledger/sample.ts'
import { rulesetOf } from '../rules/support.ts'
import { fillPast } from '../support/past-ledger.ts'

const PLAIN = 'rules: [ { name: all, forward: [a] } ]'
const CANDIDATE = `rules:
  - { name: phantoms, match: { PatientID: { starts_with: QA } }, discard: a phantom, stop: true }
  - { name: all, rewrite: [ { set: { StationName: "{calling_ae}" } } ], match: { calling_ae: CT1 }, forward: [a] }
  - { name: all the others, match: { not: { calling_ae: [CT1, CT3] } }, forward: [a, b] }
`
const since = instant(0)

async function replay(ruleset: Ruleset, candidate: Ruleset, against?: Ruleset): Promise<ShadowReport> {
  await using opened = await openLedger()
  const endsAt = opened.ledger.now()
  await fillPast(opened.ledger, { instances: 400, perStudy: 10, endsAt, ruleset })
  const told: number[] = []
  const { views } = opened.ledger
  const run = {
    views,
    candidate,
    against,
    since,
    before: endsAt,
    factsOf: facts,
    progress: (n: number) => told.push(n),
  }
  const report = await shadow(run)
  expect(told.at(-1)).toBe(400)
  return report
}

const facts = (past: PastDecision) => {
  const { amendments, answers } = past
  return { ...factsOf(past, undefined), amendments, answers }
}

test('the same rules change nothing, against the record and against themselves', async () => {
  const ruleset = rulesetOf(CANDIDATE)
  for (const against of [undefined, ruleset]) {
    const report = await replay(ruleset, ruleset, against)
    expect(report).toMatchObject({ instances: 400, studies: 40, unchanged: 400, candidate: ruleset.digest })
    expect(report.against).toBe(against?.digest ?? null)
    const changes = [...report.destinations, ...report.rules, report.held, report.discarded]
    expect(changes.flatMap(({ more, fewer }) => [more.count, fewer.count]).every((count) => count === 0)).toBe(true)
  }
})

test('what would go elsewhere, be edited otherwise, held and discarded is counted, with examples by our ids', async () => {
  for (const against of [undefined, rulesetOf(PLAIN)]) {
    const report = await replay(rulesetOf(PLAIN), rulesetOf(CANDIDATE), against)
    // Studies 0 to 39: every tenth patient a phantom (0, 10, 20, 30: callers 0 and 2), callers in turn.
    expect(report.discarded).toMatchObject({ before: 0, after: 40, more: { count: 40 } })
    expect(report.held).toMatchObject({ before: 0, after: 100, more: { count: 100 }, fewer: { count: 0 } })
    expect(report.reasons).toMatchObject([{ reason: 'unmatched', before: 0, after: 100 }])
    expect(report.destinations).toMatchObject([
      { name: 'a', before: 400, after: 260, more: { count: 0 }, fewer: { count: 140 }, otherEdits: { count: 100 } },
      { name: 'b', before: 0, after: 160, more: { count: 160 }, fewer: { count: 0 }, otherEdits: { count: 0 } },
    ])
    expect(report.rules.map(({ name, before, after }) => [name, before, after])).toEqual([
      ['all', 400, 100],
      ['all the others', 0, 160],
      ['phantoms', 0, 40],
    ])
    expect(report.unchanged).toBe(0)
    expect(report.discarded.more.examples).toHaveLength(5)
    expect(report.discarded.more.examples.every((id) => /^[0-9a-f-]{36}$/.test(id))).toBe(true)
    expect(JSON.stringify(report)).not.toMatch(/Example|QA\d|ACC0001/)
  }
})

test('rules of the study moment are replayed study by study', async () => {
  const study = rulesetOf(`rules:
  - { name: phantoms, match: { PatientID: { starts_with: QA } }, discard: a phantom }
  - { name: all, match: { calling_ae: [CT0, CT1] }, forward: [a] }
  - name: whole studies
    on: study
    match: { instance_count: { gte: 10 }, calling_ae: [CT1, CT2] }
    rewrite: [ { set: { StudyDescription: whole } } ]
    forward: [b]
  - { name: late hold, on: study, match: { calling_ae: CT3 }, hold: look at the study }
`)
  const plain = rulesetOf('rules: [ { name: all, forward: [a] } ]')
  for (const against of [undefined, plain]) {
    const report = await replay(plain, study, against)
    // Forty studies of ten: phantoms 0 and 20 by CT0, which go to a all the same, 10 and 30 by CT2.
    expect(report.discarded).toMatchObject({ after: 20 })
    expect(report.held).toMatchObject({ after: 100 })
    expect(report.destinations).toMatchObject([
      { name: 'a', before: 400, after: 200, fewer: { count: 200 } },
      { name: 'b', before: 0, after: 100 + 80, otherEdits: { count: 0 } },
    ])
    expect(report.rules.find(({ name }) => name === 'whole studies')).toMatchObject({ after: 180 })
  }
  expect(await replay(plain, study, study)).toMatchObject({ instances: 400, unchanged: 400 })
})

test('what would be asked waits', async () => {
  const asking =
    rulesetOf(`services: { his: { http: { url: "http://his" }, calls: { order: { get: "/o/{accession}" } } } }
rules:
  - name: ask
    match: { AccessionNumber: { present: true } }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" } } }
    forward: [a]
`)
  const report = await replay(rulesetOf(PLAIN), asking)
  expect(report.waiting).toMatchObject({ before: 0, after: 400, more: { count: 400 } })
  expect(report.destinations).toMatchObject([{ name: 'a', after: 0, fewer: { count: 400 } }])
})

test('amendments are seen, and an answer on record serves', async () => {
  await using opened = await openLedger()
  const { ledger } = opened
  const endsAt = ledger.now()
  await fillPast(ledger, { instances: 2, perStudy: 1, endsAt })
  const asking =
    rulesetOf(`services: { his: { http: { url: "http://his" }, calls: { order: { get: "/o/{accession}", keep: [ward] } } } }
rules:
  - name: ask
    match: { StudyDescription: amended }
    lookup: { order: { call: his.order, with: { accession: "{AccessionNumber}" } } }
    rules: [ { name: answered, match: { order.ward: ICU }, forward: [a] } ]
`)
  const [first] = await ledger.unplanned(1)
  if (first === undefined) throw new Error('nothing was admitted')
  const amendment = { attributes: [{ name: 'StudyDescription', value: 'amended' }], changes: [], reason: 'because' }
  await ledger.instanceAmend(first.id, amendment, { name: 'ani' })
  const [amended] = await ledger.unplanned(1)
  const [ask] = decide(asking, { ...factsOf(first, undefined), amendments: amendment.attributes }).asks
  if (ask === undefined || amended === undefined) throw new Error('nothing is asked')
  const question = { ...ask, dueAt: endsAt, isNew: true }
  const wait = { kind: 'WAIT', rule: ask.rule, reason: 'order', question, until: null } as const
  await ledger.plan([{ instance: first.id, expectedVersion: amended.version, rulesetDigest: 'r', obligations: [wait] }])
  const run = { views: ledger.views, candidate: asking, against: asking, since, before: endsAt, factsOf: facts }
  expect(await shadow(run)).toMatchObject({ waiting: { after: 1 }, held: { after: 1 } })

  const [claimed] = await ledger.claimQuestions(1, ms(60_000))
  if (claimed === undefined) throw new Error('no question is due')
  await ledger.settleQuestion(claimed.key, claimed.token, {
    kind: 'answered',
    answer: { found: true, fields: { ward: 'ICU' } },
    keepFor: ms(60_000),
    nextAttemptAt: endsAt,
    status: '200',
  })
  expect(await shadow(run)).toMatchObject({ waiting: { after: 0 }, destinations: [{ name: 'a', after: 1 }] })
})

test('what says nothing about rules is left out, and says why', async () => {
  await using opened = await openLedger()
  const { ledger } = opened
  const endsAt = ledger.now()
  await fillPast(ledger, { instances: 4, perStudy: 1, endsAt })
  const waiting = await ledger.unplanned(10)
  const requested = { rules: [{ name: 'request:r1', file: '', line: 1, rulesetDigest: 'r' }] }
  const owed: readonly NewObligation[] = [
    forward('a', { outgoingUid: '1', ...requested }),
    { kind: 'DISCARD', rule: null, reason: 'duplicate' },
    { kind: 'HOLD', rule: null, reason: 'unmatched' },
  ]
  await ledger.plan(
    owed.map((obligation, index) => {
      const { id, version } = waiting[index] as (typeof waiting)[number]
      return { instance: id, expectedVersion: version, rulesetDigest: 'r', obligations: [obligation] }
    }),
  )
  const run = { views: ledger.views, candidate: rulesetOf(PLAIN), since, before: endsAt, factsOf: facts }
  expect(await shadow({ ...run, against: undefined })).toMatchObject({
    instances: 1,
    leftOut: { duplicate: 1, requested: 1, undecided: 1, unreadable: 0 },
  })
  // Against rules, what is not decided yet can be decided twice all the same.
  expect(await shadow({ ...run, against: rulesetOf(PLAIN) })).toMatchObject({ instances: 2, unchanged: 2 })
})

test('a header that cannot be read is left out, and one that our own mistake trips over is held as the planner holds it', async () => {
  const past: PastDecision = {
    id: 'i1' as InstanceId,
    isDecided: true,
    obligations: [],
    amendments: [],
    answers: new Map(),
    header: new Uint8Array([9]),
    reception: { at: since, door: 'DIMSE', callingAe: null, calledAe: null, peer: null, associationId: null },
    identity: {
      sopClassUid: '',
      sopInstanceUid: '',
      transferSyntaxUid: '',
      studyInstanceUid: null,
      seriesInstanceUid: null,
      accessionNumber: null,
      patientId: null,
      patientName: null,
      modality: null,
    },
  }
  const views = { pastDecisions: async () => ({ rows: [past], next: null }) }
  const run = { views, candidate: rulesetOf(PLAIN), against: undefined, since, before: since }
  expect(await shadow({ ...run, factsOf: facts })).toMatchObject({ instances: 0, leftOut: { unreadable: 1 } })
  const mistaken = (): never => {
    throw new TypeError('a mistake')
  }
  expect(await shadow({ ...run, factsOf: mistaken })).toMatchObject({
    instances: 1,
    studies: 0,
    reasons: [{ reason: 'internal', after: 1 }],
  })
})
