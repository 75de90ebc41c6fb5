import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { packHeader } from '../../src/dicom/header-pack.ts'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import type { Admission } from '../../src/ledger/ledger.ts'
import { planEntryOf } from '../../src/plan/obligations.ts'
import { StudyMoments } from '../../src/plan/study-moments.ts'
import { headerOf } from '../dicom/slices.ts'
import { ctInstance } from '../support/data-set.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'
import { admission, PATIENT } from './admissions.ts'

let admin: AdminFixture

beforeEach(async () => {
  admin = await startAdmin()
  admin.rulesets.text = RULES
})
afterEach(async () => await admin[Symbol.asyncDispose]())

const RULES = `version: 1
destinations:
  archive: { dimse: { ae: "ARCHIVE@127.0.0.1:104" } }
  outbox: { folder: { path: out, layout: "{SOPInstanceUID}" } }
rules:
  - name: phantoms
    match: { PatientID: { starts_with: QA } }
    discard: a phantom
    stop: true
  - name: archive
    match: { PatientName: "${PATIENT.name}" }
    rewrite: [ { set: { PatientID: "CANARY-{PatientID}" } } ]
    forward: [archive]
    rules:
      - name: from CT01
        match: { calling_ae: CT01 }
        forward: [outbox]
otherwise: { hold: nobody wants it }
`

const EXPLAIN = `query ($input: RuleExplainInput!) { ruleExplain(input: $input) { __typename
  ... on Explanation { rulesetDigest moment held discarded asks waits notifies awaitsStudy
    forward { destination { name } member rules { name line } rewrite { tag keyword verb before after } }
    questions { service call arguments { name value } answered }
    steps { rule { name file line } depth matched because stopped } }
  ... on UserError { code message } ... on NotFound { id } ... on Invalid { path } } }`

const explain = (input: object, token = 'VIEWER_PHI') => admin.ask(EXPLAIN, { input }, token)
const given = (facts: Readonly<Record<string, string>>) => ({
  facts: Object.entries(facts).map(([name, value]) => ({ name, values: [value] })),
})

async function store(number = 1, changes: Partial<Admission> = {}): Promise<string> {
  const { dataSet, transferSyntaxUid } = ctInstance({
    sizeBytes: 1_024,
    patientName: PATIENT.name,
    patientId: PATIENT.id,
  })
  const header = packHeader(await headerOf(dataSet, transferSyntaxOf(transferSyntaxUid)))
  const [admitted] = await admin.ledger.admit([admission('1.2.3', number, { header, ...changes })])
  return btoa(`Instance:${admitted?.id}`)
}

test('an instance whose request named its destination is explained by that, for no rule is asked of it', async () => {
  const { reception } = admission('1.2.3', 1)
  const relayed = { ...reception, door: 'STOW', callingAe: 'KURIR', calledAe: 'ARCHIVE', associationId: 'r-1' } as const
  const rule = { name: 'request:r-1', line: 0 }
  const { data } = await explain({ instanceId: await store(1, { reception: relayed }) })
  expect(data.ruleExplain).toMatchObject({
    held: [],
    forward: [{ destination: { name: 'archive' }, rules: [rule], rewrite: [] }],
    steps: [{ rule, matched: true, because: 'its request named the destination' }],
  })
  const gone = await store(2, { reception: { ...relayed, calledAe: 'ELSEWHERE' } })
  expect((await explain({ instanceId: gone })).data.ruleExplain).toMatchObject({
    held: ['destination gone'],
    forward: [],
    steps: [{ rule }],
  })
})

test('an instance on record is explained rule by rule, with what stands before and after each change', async () => {
  const instanceId = await store()
  const { data, errors } = await explain({ instanceId })
  expect(errors).toBeUndefined()
  const rewrite = [
    {
      tag: '(0010,0020)',
      keyword: 'PatientID',
      verb: 'set',
      before: PATIENT.id,
      after: `CANARY-${PATIENT.id}`,
    },
  ]
  const file = 'rules/00.yaml'
  expect(data.ruleExplain).toEqual({
    __typename: 'Explanation',
    rulesetDigest: admin.rulesets.compiled().digest,
    moment: 'INSTANCE',
    held: [],
    discarded: [],
    asks: [],
    questions: [],
    waits: [],
    notifies: [],
    awaitsStudy: false,
    forward: [
      { destination: { name: 'archive' }, member: null, rules: [{ name: 'archive', line: 10 }], rewrite },
      { destination: { name: 'outbox' }, member: null, rules: [{ name: 'from CT01', line: 15 }], rewrite },
    ],
    steps: [
      {
        rule: { name: 'phantoms', file, line: 6 },
        depth: 0,
        matched: false,
        because: 'PatientID does not start with QA',
        stopped: false,
      },
      {
        rule: { name: 'archive', file, line: 10 },
        depth: 0,
        matched: true,
        because: `PatientName is ${PATIENT.name}`,
        stopped: false,
      },
      {
        rule: { name: 'from CT01', file, line: 15 },
        depth: 1,
        matched: true,
        because: 'calling_ae is CT01',
        stopped: false,
      },
    ],
  })
  // It was only explained.
  expect(await admin.ledger.unplanned(9)).toHaveLength(1)
})

test('what a decision rests on is shown to a PHI_READER only, and audited', async () => {
  const instanceId = await store()
  for (const role of ['VIEWER', 'OPERATOR', 'ADMIN']) {
    const { data, errors } = await explain({ instanceId }, role)
    expect(errors).toBeUndefined()
    expect(data.ruleExplain.forward).toHaveLength(2)
    expect(JSON.stringify(data)).not.toContain('CANARY')
  }
  await explain({ instanceId })
  const { data } = await admin.ask('{ auditEvents { nodes { event actor detail } } }')
  const reads = data.auditEvents.nodes.filter((node: { event: string }) => /Accessed/.test(node.event))
  expect(reads).toEqual([
    {
      event: 'DICOM Instances Accessed',
      actor: 'viewer_phi',
      detail: JSON.stringify({
        what: 'AttributeChange.after, AttributeChange.before, ExplainedStep.because',
        count: 7,
      }),
    },
  ])
  expect(admin.log.text()).not.toContain('CANARY')
})

test('facts typed in by hand are decided as an instance with them would be', async () => {
  const phantom = await explain(given({ PatientID: 'QA-1', PatientName: PATIENT.name }))
  expect(phantom.data.ruleExplain).toMatchObject({ discarded: ['a phantom'], forward: [], held: [] })
  expect(phantom.data.ruleExplain.steps).toMatchObject([{ matched: true, stopped: true }])
  const unwanted = await explain(given({ calling_ae: 'CT01' }))
  expect(unwanted.data.ruleExplain).toMatchObject({ held: ['nobody wants it'], discarded: [] })
  const wanted = await explain(given({ PatientName: PATIENT.name, calling_ae: 'MR01' }))
  expect(wanted.data.ruleExplain.forward.map((each: { destination: object }) => each.destination)).toEqual([
    { name: 'archive' },
  ])
})

test('facts that are none are named, with where they stand', async () => {
  const wrong = { name: 'Modalty', values: ['CT'] }
  const right = { name: 'Modality', values: ['CT'] }
  expect((await explain({ facts: [right, wrong] })).data.ruleExplain).toEqual({
    __typename: 'Invalid',
    code: 'INVALID',
    message: expect.stringContaining('Modality'),
    path: ['input', 'facts', '1', 'name'],
  })
  expect((await explain({ facts: [right, right] })).data.ruleExplain).toMatchObject({
    path: ['input', 'facts', '1', 'name'],
  })
  for (const input of [{}, { instanceId: 'x', facts: [] }, { instanceId: null }]) {
    expect((await explain(input)).status).toBe(400)
  }
})

test('what is not there is not found; a header that cannot be read is held, and no rule is asked', async () => {
  for (const instanceId of ['x', btoa('Instance:none'), btoa('Delivery:none')]) {
    expect((await explain({ instanceId })).data.ruleExplain).toMatchObject({ __typename: 'NotFound', id: instanceId })
  }
  const [broken] = await admin.ledger.admit([admission('1.2.3', 1, { header: null, unreadable: 'header-truncated' })])
  expect((await explain({ instanceId: btoa(`Instance:${broken?.id}`) })).data.ruleExplain).toMatchObject({
    __typename: 'Explanation',
    held: [expect.any(String)],
    forward: [],
    steps: [],
  })
})

test('what contradicts what it was announced as is held like one that cannot be read, though its header can', async () => {
  const instanceId = await store(1, { unreadable: 'sop-instance-uid-differs' })
  expect((await explain({ instanceId })).data.ruleExplain).toMatchObject({
    held: ['unreadable: sop-instance-uid-differs'],
    forward: [],
    steps: [],
  })
})

const STUDY_RULES = `version: 1
destinations:
  archive: { dimse: { ae: "ARCHIVE@127.0.0.1:104" } }
services:
  his: { http: { url: "http://127.0.0.1:9" }, calls: { order: { get: "/orders/{accession}", keep: { ward: /ward } }, arrived: { post: "/studies", body: { accession: "{accession}" } } } }
rules:
  - name: whole studies
    on: study
    match: { instance_count: { gte: 2 }, settled_by: quiet }
    rewrite: [ { set: { PatientID: CANARY } } ]
    forward: [archive]
    notify: [ { call: his.arrived, with: { accession: "{PatientID}" } } ]
  - name: ordered
    match: { Modality: MR }
    lookup: { order: { call: his.order, with: { accession: "{PatientID}" } } }
    forward: [archive]
otherwise: { hold: nobody wants it }
`

test('a study on record is explained as if its moment came now', async () => {
  admin.rulesets.text = STUDY_RULES
  const [first, second] = [await store(1), await store(2)]
  await store(3, { header: null, unreadable: 'header-truncated' })
  await store(4, { unreadable: 'sop-instance-uid-differs' })
  const { data, errors } = await explain({ studyInstanceUid: '1.2.3' })
  expect(errors).toBeUndefined()
  const sent = { destination: { name: 'archive' }, rewrite: [{ keyword: 'PatientID', before: PATIENT.id }] }
  expect(data.ruleExplain).toMatchObject({
    moment: 'STUDY',
    forward: [
      { ...sent, member: first },
      { ...sent, member: second },
    ],
    notifies: ['his.arrived'],
    held: [],
    steps: [{ rule: { name: 'whole studies' }, matched: true }],
  })
  expect((await explain({ studyInstanceUid: '1.2.9' })).data.ruleExplain).toMatchObject({ __typename: 'NotFound' })
})

test('a study typed in by hand is decided as such, and a mistake in it is named', async () => {
  admin.rulesets.text = STUDY_RULES
  const member = given({ Modality: 'CT' })
  const whole = await explain({ study: { members: [member, member] } })
  expect(whole.data.ruleExplain).toMatchObject({ moment: 'STUDY', forward: [{ member: '0' }, { member: '1' }] })
  const other = await explain({ study: { members: [member, member], settledBy: 'LONGEST' } })
  expect(other.data.ruleExplain).toMatchObject({ forward: [], held: ['nobody wants it'] })
  const wrong = await explain({ study: { members: [member, given({ Modalty: 'CT' })] } })
  expect(wrong.data.ruleExplain).toMatchObject({ path: ['input', 'study', 'members', '1', 'facts', '0', 'name'] })
  const many = await explain({ study: { members: Array.from({ length: 501 }, () => member) } })
  expect(many.data.ruleExplain).toMatchObject({ __typename: 'Invalid', path: ['input', 'study', 'members'] })
})

test('what would be asked is shown without asking; with what, to a PHI_READER', async () => {
  admin.rulesets.text = STUDY_RULES
  const facts = given({ Modality: 'MR', PatientID: PATIENT.id })
  const asked = { service: 'his', call: 'order', answered: false }
  const { data } = await explain(facts)
  expect(data.ruleExplain).toMatchObject({
    asks: ['his.order'],
    questions: [{ ...asked, arguments: [{ name: 'accession', value: PATIENT.id }] }],
    forward: [],
    held: [],
    awaitsStudy: false,
  })
  const hidden = await explain(facts, 'VIEWER')
  expect(hidden.data.ruleExplain.questions).toEqual([{ ...asked, arguments: null }])
  expect((await explain(given({ Modality: 'CT' }))).data.ruleExplain).toMatchObject({ awaitsStudy: true, held: [] })
})

const NAMES_NO_STUDY = `version: 1
destinations:
  archive: { dimse: { ae: "ARCHIVE@127.0.0.1:104" } }
rules:
  - { name: whole studies, on: study, match: { Modality: MR }, forward: [archive] }
otherwise: { hold: nobody wants it }
`

/** What the planner made of all that has come in. */
async function plan(): Promise<void> {
  const waiting = await admin.ledger.unplanned(9)
  const ruleset = admin.rulesets.compiled()
  await admin.ledger.plan(waiting.map((instance) => planEntryOf(instance, ruleset)))
}

test('what names no study waits for no moment of one, and otherwise is asked at once', async () => {
  admin.rulesets.text = NAMES_NO_STUDY
  const named = await store(1)
  const { identity } = admission('1.2.3', 2)
  const nameless = await store(2, { identity: { ...identity, studyInstanceUid: null } })
  expect((await explain({ instanceId: named })).data.ruleExplain).toMatchObject({ awaitsStudy: true, held: [] })
  expect((await explain({ instanceId: nameless })).data.ruleExplain).toMatchObject({
    awaitsStudy: false,
    held: ['nobody wants it'],
  })
})

test('a study whose instances only wait for its moment is explained with what otherwise says, before it and after', async () => {
  admin.rulesets.text = NAMES_NO_STUDY
  await store(1)
  await plan()
  const unwanted = { moment: 'STUDY', forward: [], held: ['nobody wants it'] }
  expect((await explain({ studyInstanceUid: '1.2.3' })).data.ruleExplain).toMatchObject(unwanted)
  await admin.ledger.openRound('1.2.3', 'operator')
  const ruleset = admin.rulesets.compiled()
  const moments = new StudyMoments({
    ledger: admin.ledger,
    ruleset: () => ruleset,
    kept: async () => undefined,
    sweepAgain: () => {},
    associations: { isOpen: () => false },
    log: admin.log,
  })
  await moments.work(new AbortController().signal)
  const { data } = await admin.ask('{ obligationCounts { waiting held } }')
  expect(data.obligationCounts).toEqual({ waiting: 0, held: 1 })
  expect((await explain({ studyInstanceUid: '1.2.3' })).data.ruleExplain).toMatchObject(unwanted)
})

const ASKING = `version: 1
destinations:
  archive: { dimse: { ae: "ARCHIVE@127.0.0.1:104" } }
services:
  his: { http: { url: "http://127.0.0.1:9" }, calls: { order: { get: "/orders/{accession}" } } }
rules:
  - name: ordered
    lookup: { order: { call: his.order, with: { accession: "{Modality}" } } }
    forward: [archive]
`

test.each([
  ['', { held: ['order: not found'], waits: [] }],
  [', try_for: 2d', { held: [], waits: ['order: not found'] }],
])('what was asked for in vain is held, or waits while its rule tries: "%s"', async (tryFor, expected) => {
  admin.rulesets.text = ASKING.replace('{Modality}" }', `{Modality}" }${tryFor}`)
  const instanceId = await store(1)
  await plan()
  const [claimed] = await admin.ledger.claimQuestions(1, ms(60_000))
  if (claimed === undefined) throw new Error('nothing is asked')
  await admin.ledger.settleQuestion(claimed.key, claimed.token, {
    kind: 'answered',
    answer: { found: false, fields: {} },
    keepFor: ms(60_000),
    nextAttemptAt: admin.ledger.now(),
    status: '404',
  })
  expect((await explain({ instanceId })).data.ruleExplain).toMatchObject(expected)
})
