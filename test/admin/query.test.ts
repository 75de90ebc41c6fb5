import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { RulesetRow } from '../../src/ledger/views.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'
import { admission, admit, attempt, PATIENT, plan, RULESET, tellHis } from './admissions.ts'

let admin: AdminFixture

beforeEach(async () => {
  admin = await startAdmin()
})
afterEach(async () => await admin[Symbol.asyncDispose]())

const UID = '1.2.826.0.1.3680043.10.1'

test('a study shows its instances, what is owed for them, and each attempt', async () => {
  await admit(admin.ledger, UID, 2)
  await plan(admin.ledger, ['ARCHIVE'])
  await attempt(admin.ledger, 'ARCHIVE', 'DELIVERED', 'DELIVERED')
  const { data, errors } = await admin.ask(
    `query ($uid: Uid!) { study(studyInstanceUid: $uid) {
      studyInstanceUid accessionNumber patientId patientName modalities state firstReceivedAt lastReceivedAt
      instances(first: 1) { nodes {
        sopInstanceUid size state heldReason spooled sopClass { uid name } transferSyntax { name }
        received { at door callingAe calledAe peer } study { studyInstanceUid }
        obligations { id kind state reason until rule { name file line rulesetDigest } delivery { state } }
        deliveries { totalCount nodes { state destination { name } } }
      } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
      deliveries(filter: { state: [DELIVERED] }) { nodes {
        state reason urgent plannedAt settledAt nextAttemptAt sentTo { name } rules { name }
        rewrite { tag keyword verb before after } instance { sopInstanceUid }
        attempts { edges { cursor node { id number startedAt took outcome status reason } } }
      } }
    } }`,
    { uid: UID },
  )
  expect(errors).toBeUndefined()
  const { study } = data
  expect(study).toMatchObject({ studyInstanceUid: UID, patientName: PATIENT.name, modalities: ['CT'], state: 'OPEN' })
  expect(study.firstReceivedAt).toMatch(/^\d{4}-.*Z$/)
  expect(study.instances.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false })
  expect(study.instances.nodes[0]).toMatchObject({
    sopInstanceUid: `${UID}.2`,
    size: 524_288,
    state: 'SETTLED',
    spooled: true,
    sopClass: { uid: '1.2.840.10008.5.1.4.1.1.2', name: 'CT Image Storage' },
    transferSyntax: { name: 'Explicit VR Little Endian' },
    received: { door: 'DIMSE', callingAe: 'CT01', calledAe: 'KURIR', peer: '10.0.0.9' },
    obligations: [
      { kind: 'DELIVER', state: 'DELIVERED', rule: { name: 'everything', line: 3 }, delivery: { state: 'DELIVERED' } },
    ],
    deliveries: { totalCount: null, nodes: [{ state: 'DELIVERED', destination: { name: 'ARCHIVE' } }] },
  })
  expect(study.deliveries.nodes).toHaveLength(2)
  expect(study.deliveries.nodes[0]).toMatchObject({
    rules: [{ name: 'everything' }],
    rewrite: [{ tag: '(0010,0030)', verb: 'set', before: PATIENT.birth }],
    attempts: { edges: [{ node: { number: 1, took: 12, outcome: 'DELIVERED', status: '0x0000', reason: null } }] },
  })
})

test('pages go forth and back over the same rows, and cursors stay where they were when rows arrive', async () => {
  await admit(admin.ledger, UID, 5)
  const page = (args: string) =>
    admin.ask(
      `{ instances(${args}) { nodes { sopInstanceUid } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`,
    )
  const first = await page('first: 2')
  expect(uids(first)).toEqual([`${UID}.5`, `${UID}.4`])
  await admit(admin.ledger, `${UID}.9`, 1)
  const second = await page(`first: 2, after: "${first.data.instances.pageInfo.endCursor}"`)
  expect(uids(second)).toEqual([`${UID}.3`, `${UID}.2`])
  const back = await page(`last: 2, before: "${second.data.instances.pageInfo.startCursor}"`)
  expect(uids(back)).toEqual([`${UID}.5`, `${UID}.4`])
  expect(back.data.instances.pageInfo.hasPreviousPage).toBe(true)
  const oldest = await page('last: 1')
  expect(uids(oldest)).toEqual([`${UID}.1`])
})

const uids = (asked: { data: { instances: { nodes: { sopInstanceUid: string }[] } } }): string[] =>
  asked.data.instances.nodes.map((node) => node.sopInstanceUid)

test('lists are filtered, and searching by accession number needs no right to see it', async () => {
  await admit(admin.ledger, UID, 1)
  await plan(admin.ledger, ['ARCHIVE', 'outbox'])
  const { data, errors } = await admin.ask(
    `query ($accession: String!) {
      hit: studies(filter: { accessionNumber: $accession, receivedAfter: "2020-01-01T00:00:00Z" }) { nodes { accessionNumber } }
      miss: studies(filter: { accessionNumber: "other" }) { nodes { id } }
      held: instances(filter: { state: HELD }) { nodes { id } }
      ct: instances(filter: { state: PENDING, callingAe: "CT01", sopClassUid: "1.2.840.10008.5.1.4.1.1.2" }) { nodes { id } }
      outbox: deliveries(filter: { state: [READY, HELD], destination: "outbox", rule: "everything" }) { totalCount nodes { id } }
    }`,
    { accession: PATIENT.accession },
    'VIEWER',
  )
  expect(errors).toBeUndefined()
  expect(data.hit.nodes).toEqual([{ accessionNumber: null }])
  expect([data.miss.nodes, data.held.nodes, data.ct.nodes].map((nodes) => nodes.length)).toEqual([0, 0, 1])
  expect(data.outbox).toMatchObject({ totalCount: 1, nodes: [{}] })
})

test('an instance whose header could not be read is held, under no study', async () => {
  const broken = admission(UID, 1, { header: null, unreadable: 'header-truncated' })
  await admin.ledger.admit([{ ...broken, identity: { ...broken.identity, studyInstanceUid: null } }])
  const { data } = await admin.ask(
    '{ instances { nodes { state heldReason study { id } obligations { kind state rule { name } } } } }',
  )
  expect(data.instances.nodes).toEqual([
    {
      state: 'HELD',
      heldReason: expect.any(String),
      study: null,
      obligations: [{ kind: 'HOLD', state: 'HELD', rule: null }],
    },
  ])
})

test('destinations show state, queue and address, also one that the rules no longer declare', async () => {
  await admit(admin.ledger, UID, 3)
  await plan(admin.ledger, ['ARCHIVE', 'gone'])
  await attempt(admin.ledger, 'ARCHIVE', 'REJECTED', 'PERMANENT')
  const { data, errors } = await admin.ask(
    '{ destinations { name kind address state pausedBy queue { ready waiting sending awaitingCommitment held rejected failed oldestReadyAt } } }',
  )
  expect(errors).toBeUndefined()
  expect(data.destinations).toMatchObject([
    { name: 'ARCHIVE', kind: 'DIMSE', address: 'ARCHIVE@10.0.0.5:104', state: 'UP', queue: { ready: 0, rejected: 3 } },
    { name: 'outbox', kind: 'FOLDER', state: 'UP', queue: { ready: 0, oldestReadyAt: null } },
    { name: 'unset', kind: null, address: null, state: 'DOWN' },
    { name: 'gone', kind: null, state: 'DOWN', queue: { ready: 3, oldestReadyAt: expect.any(String) } },
  ])
  const one = await admin.ask(
    `{ destination(name: "gone") { deliveries(first: 2) { totalCount nodes { destination { name } } }
       none: deliveries(filter: { destination: "ARCHIVE" }) { nodes { id } } } missing: destination(name: "nowhere") { id } }`,
  )
  expect(one.data.destination.deliveries).toMatchObject({ totalCount: 3, nodes: [{}, {}] })
  expect(one.data.destination.none.nodes).toEqual([])
  expect(one.data.missing).toBeNull()
})

test('everything with an id is found by it again, and nothing else is', async () => {
  await admit(admin.ledger, UID, 1)
  await plan(admin.ledger, ['ARCHIVE'])
  await keep(RULESET, ['# rules'])
  await tellHis(admin.ledger, `${UID}.7`)
  await attempt(admin.ledger, 'ARCHIVE', 'FAILED', 'AMBIGUOUS')
  const { data } = await admin.ask(`{
    studies { nodes { id } } instances { nodes { id obligations { id } } }
    deliveries { nodes { id attempts { nodes { id } } } } destinations { id } ruleset { id } errands { nodes { id } } auditEvents { nodes { id } } }`)
  const ids = new Set<string>(JSON.stringify(data).match(/(?<="id":")[^"]+/g))
  const kinds = new Set<string>()
  for (const id of ids) {
    const found = await admin.ask('query ($id: ID!) { node(id: $id) { __typename id } }', { id })
    expect(found.errors).toBeUndefined()
    expect(found.data.node.id).toBe(id)
    kinds.add(found.data.node.__typename)
  }
  const { data: types } = await admin.ask('{ __type(name: "Node") { possibleTypes { name } } }')
  expect([...kinds].sort()).toEqual(types.__type.possibleTypes.map((type: { name: string }) => type.name).sort())
  for (const id of [
    '',
    'x',
    'Delivery:1',
    btoa('Delivery:1'),
    btoa('Nonsense:1'),
    btoa('AuditEvent:n1/x'),
    btoa('Ruleset:x'),
  ]) {
    const found = await admin.ask('query ($id: ID!) { node(id: $id) { id } }', { id })
    expect(found).toMatchObject({ status: 200, data: { node: null } })
  }
})

test('the ruleset in force and the health of the process', async () => {
  const mistake = { file: 'rules/00.yaml', line: 3, column: 5, message: 'no such word' }
  const problems = ['The rules of 06:30 did not load.']
  admin.health.now = { ...admin.health.now, ready: false, problems, ruleProblems: [mistake] }
  const { data } =
    await admin.ask(`{ ruleset { digest loadedAt by rolledBackBecause files tests { passed failed untestedRules }
      rules { name file line moment matchedLastHour destinations { name kind } } }
    health { live ready version startedAt spoolFree problems ruleProblems { file line column message } } }`)
  expect(data.ruleset).toEqual({
    digest: RULESET.digest,
    loadedAt: '2026-11-21T00:00:00.000Z',
    by: 'start',
    rolledBackBecause: null,
    tests: { passed: 2, failed: 0, untestedRules: [] },
    files: ['00-first.yaml'],
    rules: [
      {
        name: 'everything',
        file: '00-first.yaml',
        line: 3,
        moment: 'INSTANCE',
        matchedLastHour: 7,
        destinations: [
          { name: 'ARCHIVE', kind: 'DIMSE' },
          { name: 'outbox', kind: 'FOLDER' },
        ],
      },
    ],
  })
  expect(data.health).toMatchObject({ live: true, ready: false, spoolFree: 5e9, problems, ruleProblems: [mistake] })
})

test('the audit trail names events, actors and their subjects', async () => {
  await admit(admin.ledger, UID, 1)
  const [delivery] = await plan(admin.ledger, ['ARCHIVE'])
  const { data: list } = await admin.ask('{ deliveries { nodes { id } } }')
  const id = list.deliveries.nodes[0].id
  await admin.ask(
    'mutation ($id: ID!) { deliveryCancel(input: { deliveryId: $id, reason: "wrong archive" }) { __typename } }',
    { id },
    'OPERATOR',
  )
  const { data, errors } = await admin.ask(
    `query ($id: ID!) { auditEvents(filter: { actor: "operator", subjectId: $id, after: "2020-01-01T00:00:00Z" }) {
      nodes { sequence at event actor outcome detail subject { __typename ... on Delivery { id state } } } } }`,
    { id },
  )
  expect(errors).toBeUndefined()
  expect(delivery).toBeDefined()
  expect(data.auditEvents.nodes).toMatchObject([
    { actor: 'operator', sequence: expect.any(Number), subject: { __typename: 'Delivery', id, state: 'CANCELLED' } },
  ])
})

const MISTAKES = [
  ['a page of none', '{ studies(first: 0) { nodes { id } } }'],
  ['a page of 201', '{ studies(first: 201) { nodes { id } } }'],
  ['both ends of a list at once', '{ studies(first: 1, last: 1) { nodes { id } } }'],
  ['a cursor that we never gave out', '{ studies(after: "zzz") { nodes { id } } }'],
  ['an instant without a zone', '{ studies(filter: { receivedAfter: "2026-11-21T06:30:00" }) { nodes { id } } }'],
  ['a UID that is none', '{ study(studyInstanceUid: "../etc") { id } }'],
  ['a subject that is none', '{ auditEvents(filter: { subjectId: "x" }) { nodes { id } } }'],
] as const

test('a caller’s mistake is answered as one, and is nothing to log', async () => {
  for (const [what, query] of MISTAKES) {
    const { errors } = await admin.ask(query)
    const code = errors?.[0]?.extensions.code ?? 'none'
    expect([what, errors?.length, ['BAD_USER_INPUT', 'GRAPHQL_VALIDATION_FAILED'].includes(code)]).toEqual([
      what,
      1,
      true,
    ])
  }
  expect(admin.log.lines.filter((line) => line.level === 'error')).toEqual([])
})

/** Puts a ruleset on record, with a file for each text. */
const keep = (ruleset: RulesetRow, texts: readonly string[]) =>
  admin.ledger.rulesetInForce({
    ...ruleset,
    files: texts.map((text, index) => ({ name: `rules/${index}.yaml`, text })),
  })

test('every ruleset that was in force is listed, the last first; their texts are for an ADMIN', async () => {
  await keep({ ...RULESET, digest: 'd0', summary: null }, ['a\n'])
  await keep({ ...RULESET, by: 'watcher' }, ['a\nb\n', 'c\n'])
  await keep({ ...RULESET, digest: 'd0', summary: null, by: 'ani', pin: { over: null, reason: 'too much' } }, ['a\n'])
  const query = `{ rulesets(first: 5) { edges { node { digest by rolledBackBecause files tests { passed }
    rules { name matchedLastHour } } } pageInfo { hasNextPage } } }`
  const { data, errors } = await admin.ask(query, {}, 'VIEWER')
  expect(errors).toBeUndefined()
  expect(data.rulesets).toEqual({
    edges: [
      {
        node: {
          digest: 'd0',
          by: 'ani',
          rolledBackBecause: 'too much',
          files: ['rules/0.yaml'],
          tests: null,
          rules: [],
        },
      },
      {
        node: {
          digest: RULESET.digest,
          by: 'watcher',
          rolledBackBecause: null,
          files: ['rules/0.yaml', 'rules/1.yaml'],
          tests: { passed: 2 },
          rules: [{ name: 'everything', matchedLastHour: 7 }],
        },
      },
    ],
    pageInfo: { hasNextPage: false },
  })
  const texts = '{ rulesets(first: 1) { nodes { texts { name text } } } }'
  const seen = await admin.ask(texts, {}, 'ADMIN')
  expect(seen.data.rulesets.nodes).toEqual([{ texts: [{ name: 'rules/0.yaml', text: 'a\n' }] }])
  const refused = await admin.ask(texts, {}, 'OPERATOR')
  expect(refused.data.rulesets.nodes).toEqual([{ texts: null }])
  expect(refused.errors?.[0]?.extensions.code).toBe('FORBIDDEN')
})

test('the difference of two rulesets names each file that differs, line by line', async () => {
  await keep({ ...RULESET, digest: 'd0' }, ['same\n', 'a\nb\n'])
  await keep({ ...RULESET, digest: 'd1' }, ['same\n', 'a\nB\n', 'new\n'])
  const ask = (from: string, to: string) =>
    admin.ask(`{ rulesetDifference(from: "${from}", to: "${to}") { from { digest } to { digest }
      files { name change linesAdded linesRemoved unified } } }`)
  const { data, errors } = await ask('d0', 'd1')
  expect(errors).toBeUndefined()
  expect(data.rulesetDifference).toEqual({
    from: { digest: 'd0' },
    to: { digest: 'd1' },
    files: [
      {
        name: 'rules/1.yaml',
        change: 'CHANGED',
        linesAdded: 1,
        linesRemoved: 1,
        unified: '--- rules/1.yaml\n+++ rules/1.yaml\n@@ -1,2 +1,2 @@\n a\n-b\n+B\n',
      },
      {
        name: 'rules/2.yaml',
        change: 'ADDED',
        linesAdded: 1,
        linesRemoved: 0,
        unified: '--- /dev/null\n+++ rules/2.yaml\n@@ -0,0 +1 @@\n+new\n',
      },
    ],
  })
  expect((await ask('d1', 'd0')).data.rulesetDifference.files[1]).toMatchObject({ change: 'REMOVED', linesRemoved: 1 })
  expect((await ask('d1', 'd1')).data.rulesetDifference.files).toEqual([])
  expect((await ask('d1', 'd9')).data.rulesetDifference).toBeNull()
})
