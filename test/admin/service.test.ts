import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { instant, ms } from '../../src/base/clock.ts'
import { TestClock } from '../support/test-clock.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'
import { PATIENT } from './admissions.ts'

let admin: AdminFixture
let clock: TestClock

beforeEach(async () => {
  clock = new TestClock()
  admin = await startAdmin({}, undefined, clock)
})
afterEach(async () => await admin[Symbol.asyncDispose]())

const ASK = `{ services { name kind address state since until reason
  last { at took call arguments { name value } outcome status reason } } }`

test('services show their state and last answers; what they were asked with, to a PHI_READER only', async () => {
  const at = instant(Date.UTC(2026, 10, 21))
  const his = { name: 'his', kind: 'http', address: 'https://his.rs.local', state: 'RESTING' } as const
  const answer = { at, took: ms(12), call: 'order', outcome: 'again', status: 503, reason: 'http-503' } as const
  admin.services.now = [
    {
      ...his,
      since: at,
      until: instant(at + 4_000),
      reason: 'http-503',
      last: [{ ...answer, arguments: { accession: PATIENT.accession } }],
    },
    {
      name: 'ss',
      kind: 'satusehat',
      address: null,
      state: 'NOT_CONFIGURED',
      since: null,
      until: null,
      reason: 'SS_URL',
      last: [],
    },
  ]
  const shown = {
    ...his,
    kind: 'HTTP',
    since: '2026-11-21T00:00:00.000Z',
    until: '2026-11-21T00:00:04.000Z',
    reason: 'http-503',
  }
  const last = { ...answer, at: '2026-11-21T00:00:00.000Z', outcome: 'AGAIN' }
  const { data, errors } = await admin.ask(ASK, {}, 'VIEWER_PHI')
  expect(errors).toBeUndefined()
  expect(data.services).toEqual([
    { ...shown, last: [{ ...last, arguments: [{ name: 'accession', value: PATIENT.accession }] }] },
    {
      name: 'ss',
      kind: 'SATUSEHAT',
      address: null,
      state: 'NOT_CONFIGURED',
      since: null,
      until: null,
      reason: 'SS_URL',
      last: [],
    },
  ])
  for (const role of ['VIEWER', 'OPERATOR', 'ADMIN']) {
    const hidden = await admin.ask(ASK, {}, role)
    expect(hidden.data.services[0]).toEqual({ ...shown, last: [{ ...last, arguments: null }] })
  }
  const reads = await admin.ask('{ auditEvents(filter: { event: "DICOM Instances Accessed" }) { nodes { actor } } }')
  expect(reads.data.auditEvents.nodes).toEqual([{ actor: 'viewer_phi' }])
})

const verify = async () =>
  (
    await admin.ask(
      `mutation { did: serviceVerify(input: { name: "his" }) { __typename
        ... on ServiceVerifySuccess { reached took status reason } ... on NotFound { id } } }`,
      {},
      'OPERATOR',
    )
  ).data.did

test('a service is verified, reached or not, and who asked is on record', async () => {
  expect(await verify()).toEqual({ __typename: 'NotFound', id: 'his' })
  admin.services.verified = { reached: true, took: ms(7), status: 200, reason: null }
  expect(await verify()).toEqual({
    __typename: 'ServiceVerifySuccess',
    reached: true,
    took: 7,
    status: 200,
    reason: null,
  })
  admin.services.verified = { reached: false, took: ms(9), status: 401, reason: 'http-401' }
  expect(await verify()).toMatchObject({ reached: false, status: 401, reason: 'http-401' })
  const events = '{ auditEvents(filter: { event: "service-verified" }) { nodes { actor outcome } } }'
  expect((await admin.ask(events)).data.auditEvents.nodes).toEqual([
    { actor: 'operator', outcome: 'not-reached' },
    { actor: 'operator', outcome: 'reached' },
  ])
})

test('one that never answers is given up after fifteen seconds', async () => {
  admin.services.hangs = true
  const answer = verify()
  await admin.services.asked.promise
  await clock.advance(15_000)
  expect(await answer).toMatchObject({ reached: false, status: null, reason: 'timeout' })
})
