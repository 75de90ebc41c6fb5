import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'
import { admission, admit, decideAll, HOLD, PATIENT, readableAdmission } from './admissions.ts'

let admin: AdminFixture

beforeEach(async () => {
  admin = await startAdmin()
})
afterEach(async () => await admin[Symbol.asyncDispose]())

const UID = '1.2.826.0.1.3680043.10.5'
const FAILURES = '... on UserError { code message } ... on NotFound { id } ... on NotAllowedNow { state }'

const act = async (mutation: string, success: string, input: object, token = 'OPERATOR') => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}`
  const query = `mutation ($input: ${type}Input!) { did: ${mutation}(input: $input) {
    __typename ... on ${type}Success { ${success} } ${FAILURES} ${type === 'HoldDiscard' ? '' : '... on Invalid { path }'} } }`
  const { data, errors } = await admin.ask(query, { input }, token)
  return data?.did ?? errors
}

const HOLDS =
  '{ holds { nodes { id kind state reason others round until rule { name line } instance { id sopInstanceUid } } } }'
const holds = async () => (await admin.ask(HOLDS, {}, 'VIEWER')).data.holds.nodes

async function heldInstance() {
  await admin.ledger.admit([await readableAdmission(UID, 1)])
  await decideAll(admin.ledger, [HOLD])
  const [hold] = await holds()
  return hold
}

test('what waits for a person is listed with why, under which rule', async () => {
  const hold = await heldInstance()
  const { data } = await admin.ask(
    '{ obligationCounts { undecided pending waiting held rejected failed delivered discarded cancelled } }',
  )
  const none = { pending: 0, waiting: 0, rejected: 0, failed: 0, delivered: 0, discarded: 0, cancelled: 0 }
  expect(data.obligationCounts).toEqual({ ...none, undecided: 0, held: 1 })
  await admin.ledger.admit([admission(UID, 2, { header: null, unreadable: 'header-truncated' })])
  expect(await holds()).toEqual([
    expect.objectContaining({
      kind: 'HOLD',
      state: 'HELD',
      reason: 'unreadable',
      rule: null,
    }),
    {
      ...hold,
      kind: 'HOLD',
      state: 'HELD',
      reason: 'a person looks',
      others: 0,
      round: null,
      until: null,
      rule: { name: 'everything', line: 3 },
      instance: expect.objectContaining({ sopInstanceUid: `${UID}.1` }),
    },
  ])
})

test('what is held is decided again when it is released, once, under the name of the token', async () => {
  const hold = await heldInstance()
  const input = { obligationId: hold.id, reason: 'checked with the ward' }
  expect(await act('holdRelease', 'instance { id state }', input)).toEqual({
    __typename: 'HoldReleaseSuccess',
    instance: { id: hold.instance.id, state: 'PENDING' },
  })
  expect(await holds()).toEqual([])
  expect(await admin.ledger.unplanned(9)).toHaveLength(1)
  expect(await act('holdRelease', 'instance { id }', input)).toMatchObject({
    __typename: 'NotAllowedNow',
    state: 'CANCELLED',
  })
  const { data } = await admin.ask('{ auditEvents(filter: { event: "Hold Released" }) { nodes { actor detail } } }')
  expect(data.auditEvents.nodes).toEqual([
    { actor: 'operator', detail: expect.stringContaining('checked with the ward') },
  ])
})

test('it may be corrected with the release: what the rules see, and what was there before, is on record', async () => {
  const hold = await heldInstance()
  const amend = [{ name: 'PatientID', value: 'CANARY-NEW' }]
  const released = await act(
    'holdRelease',
    'instance { amendments { by why changes { tag keyword verb before after } } }',
    { obligationId: hold.id, reason: 'wrong folder', amend },
    'OPERATOR',
  )
  expect(released).toEqual({
    __typename: 'HoldReleaseSuccess',
    instance: {
      amendments: [
        {
          by: 'operator',
          why: null,
          changes: [{ tag: '(0010,0020)', keyword: 'PatientID', verb: 'amend', before: null, after: null }],
        },
      ],
    },
  })
  const [unplanned] = await admin.ledger.unplanned(9)
  expect(unplanned?.amendments).toEqual(amend)
  const shown = await admin.ask(
    '{ instances { nodes { amendments { why changes { before after } } } } }',
    {},
    'VIEWER_PHI',
  )
  expect(shown.data.instances.nodes).toEqual([
    { amendments: [{ why: 'wrong folder', changes: [{ before: PATIENT.id, after: 'CANARY-NEW' }] }] },
  ])
})

test('what is held is discarded with a reason, once', async () => {
  const hold = await heldInstance()
  const input = { obligationId: hold.id, reason: 'a test picture' }
  expect(await act('holdDiscard', 'instance { state obligations { state reason } }', input)).toEqual({
    __typename: 'HoldDiscardSuccess',
    instance: {
      state: 'DISCARDED',
      obligations: [{ state: 'DISCARDED', reason: 'a test picture; held: a person looks' }],
    },
  })
  expect(await act('holdDiscard', 'instance { id }', input)).toMatchObject({ state: 'DISCARDED' })
})

test('what is not held, not there or not readable says so', async () => {
  for (const obligationId of ['x', btoa('Obligation:none'), btoa('Instance:none')]) {
    for (const mutation of ['holdRelease', 'holdDiscard']) {
      expect(await act(mutation, 'instance { id }', { obligationId, reason: 'r' })).toMatchObject({
        __typename: 'NotFound',
        id: obligationId,
      })
    }
  }
  await admin.ledger.admit([admission(UID, 2, { header: null, unreadable: 'header-truncated' })])
  const [{ id, instance }] = await holds()
  const set = [{ name: 'PatientID', value: '1' }]
  expect(await act('holdRelease', 'instance { id }', { obligationId: id, reason: 'r' })).toMatchObject({
    state: 'unreadable',
  })
  expect(await act('instanceAmend', 'instance { id }', { instanceId: instance.id, reason: 'r', set })).toMatchObject({
    __typename: 'NotAllowedNow',
    state: 'unreadable',
  })
  expect((await act('holdRelease', 'instance { id }', { obligationId: id, reason: ' ' }))[0].extensions.code).toBe(
    'BAD_USER_INPUT',
  )
})

const amend = (instanceId: string, set: readonly object[], token?: string) =>
  act(
    'instanceAmend',
    'instance { amendments { changes { keyword before after } } }',
    { instanceId, reason: 'r', set },
    token,
  )

test('an instance is corrected step by step, each over what stood there before; twice the same is once', async () => {
  const { instance } = await heldInstance()
  const first = [
    { name: 'PatientID', value: '1' },
    { name: 'AccessionNumber', value: 'A' },
  ]
  const second = [
    { name: 'PatientID', value: '2' },
    { name: 'PatientName', value: null },
  ]
  for (const set of [first, first, second, second]) {
    expect((await amend(instance.id, set)).__typename).toBe('InstanceAmendSuccess')
  }
  const { data } = await admin.ask('{ instances { nodes { amendments { changes { keyword before after } } } } }')
  expect(data.instances.nodes[0].amendments).toEqual([
    {
      changes: [
        { keyword: 'AccessionNumber', before: expect.anything(), after: 'A' },
        { keyword: 'PatientID', before: PATIENT.id, after: '1' },
      ],
    },
    {
      changes: [
        { keyword: 'PatientName', before: PATIENT.name, after: null },
        { keyword: 'PatientID', before: '1', after: '2' },
      ],
    },
  ])
  // Rules see it, and it leaves with the instance.
  admin.rulesets.text =
    'version: 1\ndestinations: { a: { folder: { path: a } } }\nrules: [ { name: all, match: { PatientID: "2" }, forward: [a] } ]\n'
  const explained = await admin.ask(
    `query ($id: ID!) { ruleExplain(input: { instanceId: $id }) { ... on Explanation {
      forward { rewrite { keyword verb before after } } } } }`,
    { id: instance.id },
  )
  expect(explained.data.ruleExplain.forward[0].rewrite).toContainEqual({
    keyword: 'PatientID',
    verb: 'amend',
    before: PATIENT.id,
    after: '2',
  })
})

test.each<[string, readonly object[], readonly string[]]>([
  ['no attribute at all', [], ['input', 'set']],
  [
    'a name that is none',
    [
      { name: 'PatientName', value: 'A' },
      { name: 'PatinetID', value: '1' },
    ],
    ['input', 'set', '1'],
  ],
  [
    'an attribute twice',
    [
      { name: 'PatientID', value: '1' },
      { name: 'PatientID', value: '2' },
    ],
    ['input', 'set', '1'],
  ],
  ['a name of ours', [{ name: 'calling_ae', value: 'X' }], ['input', 'set', '0']],
  ['what says what the instance is', [{ name: 'SOPClassUID', value: '1.2' }], ['input', 'set', '0']],
  ['whose it is by UID', [{ name: 'StudyInstanceUID', value: '1.2' }], ['input', 'set', '0']],
  ['pixel data', [{ name: 'PixelData', value: 'x' }], ['input', 'set', '0']],
  [
    'a value too long for its VR',
    [{ name: 'AccessionNumber', value: `${PATIENT.accession}-${'x'.repeat(16)}` }],
    ['input', 'set', '0'],
  ],
])('a correction of %s is refused, and says where without the value', async (_, set, path) => {
  const { instance } = await heldInstance()
  const refused = await amend(instance.id, set)
  expect(refused).toMatchObject({ __typename: 'Invalid', path })
  expect(refused.message).not.toContain('CANARY')
  expect((await admin.ledger.unplanned(9)).length).toBe(0)
})

test('who holds no role for it corrects nothing', async () => {
  const [id] = await admit(admin.ledger, UID, 1)
  const refused = await amend(btoa(`Instance:${id}`), [{ name: 'PatientID', value: '1' }], 'VIEWER_PHI')
  expect(refused[0].extensions.code).toBe('FORBIDDEN')
  expect(admin.log.text()).not.toContain('CANARY')
})
