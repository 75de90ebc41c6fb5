import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { instant, ms } from '../../src/base/clock.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'
import { attempt, decideAll, MOMENT, PATIENT, readableAdmission, tellHis } from './admissions.ts'

let admin: AdminFixture

beforeEach(async () => {
  admin = await startAdmin()
})
afterEach(async () => await admin[Symbol.asyncDispose]())

const UID = '1.2.826.0.1.3680043.10.6'
const FAILURES = '... on NotFound { id } ... on NotAllowedNow { state }'
const ERRANDS = `query ($filter: ErrandFilter) { errands(filter: $filter) { nodes {
  id round state reason status service call arguments { name value } destination { name } rule { name }
  study { studyInstanceUid } attempts { nodes { number outcome status reason } } nextAttemptAt settledAt
  deliveries { nodes { state errand { id } } } } } }`

const errands = async (filter: object = {}, token = 'VIEWER_PHI') => {
  const { data, errors } = await admin.ask(ERRANDS, { filter }, token)
  expect(errors).toBeUndefined()
  return data.errands.nodes
}

/** The service answers that way. */
async function told(state: 'DELIVERED' | 'FAILED'): Promise<void> {
  const [claim] = await admin.ledger.claimErrands(1, ms(60_000))
  if (claim === undefined) throw new Error('none is due')
  const outcome = state === 'DELIVERED' ? 'DELIVERED' : 'PERMANENT'
  const status = state === 'DELIVERED' ? '200' : '422'
  const record = { startedAt: instant(Date.now()), took: ms(5), outcome, status, reason: null } as const
  const reason = state === 'DELIVERED' ? null : 'http-422'
  await admin.ledger.settleErrand({
    errand: claim.id,
    token: claim.token,
    attempt: record,
    state,
    nextAttemptAt: null,
    reason,
  })
}

test('what a study moment owes is listed: whom it tells after which deliveries, and each try', async () => {
  await tellHis(admin.ledger, UID)
  const [his, archive] = [...(await errands({ service: 'his' })), ...(await errands({ destination: 'ARCHIVE' }))]
  expect(his).toMatchObject({
    round: 1,
    state: 'WAITING',
    service: 'his',
    call: 'arrived',
    arguments: [{ name: 'accession', value: PATIENT.accession }],
    destination: null,
    study: { studyInstanceUid: UID },
    attempts: { nodes: [] },
    settledAt: null,
  })
  expect(archive).toMatchObject({
    service: null,
    arguments: null,
    destination: { name: 'ARCHIVE' },
    deliveries: { nodes: [{ state: 'READY', errand: { id: archive.id } }] },
  })
  await attempt(admin.ledger, 'ARCHIVE', 'DELIVERED', 'DELIVERED')
  await told('FAILED')
  expect(await errands({ state: ['FAILED', 'REJECTED'] })).toMatchObject([
    { id: his.id, reason: 'http-422', status: '422', attempts: { nodes: [{ number: 1, outcome: 'PERMANENT' }] } },
  ])
  expect(await errands({ accessionNumber: 'other' })).toEqual([])
  expect(await errands({ studyInstanceUid: UID, accessionNumber: PATIENT.accession })).toHaveLength(2)
})

test('what a service is told is shown to a PHI_READER only, and audited', async () => {
  await tellHis(admin.ledger, UID)
  for (const role of ['VIEWER', 'OPERATOR', 'ADMIN']) {
    const [his] = await errands({ service: 'his', accessionNumber: PATIENT.accession }, role)
    expect(his.arguments).toBeNull()
    expect(JSON.stringify(his)).not.toContain('CANARY')
  }
  await errands()
  const { data } = await admin.ask('{ auditEvents(filter: { event: "DICOM Instances Accessed" }) { nodes { actor } } }')
  expect(data.auditEvents.nodes).toEqual([{ actor: 'viewer_phi' }])
})

const act = async (mutation: string, input: object, success: string) => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}`
  const query = `mutation ($input: ${type}Input!) { did: ${mutation}(input: $input) {
    __typename ... on ${type}Success { ${success} } ${FAILURES} } }`
  return (await admin.ask(query, { input }, 'OPERATOR')).data.did
}
const actorsOf = async (event: string) => {
  const { data } = await admin.ask(`{ auditEvents(filter: { event: "${event}" }) { nodes { actor } } }`)
  return data.auditEvents.nodes.map((node: { actor: string }) => node.actor)
}

test('telling a service is tried again at a person’s word, until it has been told', async () => {
  await tellHis(admin.ledger, UID)
  await attempt(admin.ledger, 'ARCHIVE', 'DELIVERED', 'DELIVERED')
  await told('FAILED')
  const [{ id }] = await errands({ service: 'his' })
  const again = { __typename: 'ErrandRetrySuccess', errand: { id, state: 'PENDING' } }
  expect(await act('errandRetry', { errandId: id }, 'errand { id state }')).toEqual(again)
  expect(await act('errandRetry', { errandId: id }, 'errand { id state }')).toEqual(again)
  await told('DELIVERED')
  expect(await act('errandRetry', { errandId: id }, 'errand { id }')).toMatchObject({ state: 'DELIVERED' })
  const [{ id: archive }] = await errands({ destination: 'ARCHIVE' })
  expect(await act('errandRetry', { errandId: archive }, 'errand { id }')).toMatchObject({
    __typename: 'NotAllowedNow',
  })
  for (const errandId of ['x', btoa('Errand:none'), btoa('Delivery:none')]) {
    expect(await act('errandRetry', { errandId }, 'errand { id }')).toEqual({ __typename: 'NotFound', id: errandId })
  }
  expect(await actorsOf('Errand Retried')).toEqual(['operator', 'operator'])
})

test('a study is called finished, and its moment is due', async () => {
  await admin.ledger.admit([await readableAdmission(UID, 1)])
  await decideAll(admin.ledger, [{ kind: 'WAIT', rule: null, reason: 'study', question: null, until: null }], MOMENT)
  const settle = (studyInstanceUid: string) =>
    act('studySettle', { studyInstanceUid }, 'study { studyInstanceUid state }')
  for (let twice = 0; twice < 2; twice += 1) {
    expect(await settle(UID)).toMatchObject({ __typename: 'StudySettleSuccess', study: { studyInstanceUid: UID } })
  }
  expect(await admin.ledger.dueStudies(9)).toEqual([{ studyInstanceUid: UID, settledBy: 'operator' }])
  expect(await settle('1.2.9')).toEqual({ __typename: 'NotFound', id: '1.2.9' })
  expect(await actorsOf('Study Called Finished')).toContain('operator')
})

test('what services answered for a study is forgotten, and they are asked again', async () => {
  await admin.ledger.admit([await readableAdmission(UID, 1)])
  const question = { key: 'k1', service: 'his', call: 'order', arguments: { accession: PATIENT.accession } }
  const waits = { ...question, dueAt: admin.ledger.now(), isNew: true }
  await decideAll(admin.ledger, [{ kind: 'WAIT', rule: null, reason: 'order: asked', question: waits, until: null }])
  const ask = (studyInstanceUid: string) => act('studyAskAgain', { studyInstanceUid }, 'study { studyInstanceUid }')
  expect(await ask(UID)).toEqual({ __typename: 'StudyAskAgainSuccess', study: { studyInstanceUid: UID } })
  expect(await ask('1.2.9')).toEqual({ __typename: 'NotFound', id: '1.2.9' })
  expect(await actorsOf('Answers Forgotten')).toEqual(['operator'])
})
