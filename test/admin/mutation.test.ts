import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'
import { admit, attempt, plan, RULESET } from './admissions.ts'

let admin: AdminFixture

beforeEach(async () => {
  admin = await startAdmin()
})
afterEach(async () => await admin[Symbol.asyncDispose]())

const UID = '1.2.826.0.1.3680043.10.2'
const FAILURES = '... on UserError { code message } ... on NotFound { id } ... on NotAllowedNow { state }'

async function deliveryIn(state: 'REJECTED' | 'FAILED' | 'DELIVERED'): Promise<string> {
  await admit(admin.ledger, UID, 1)
  await plan(admin.ledger, ['ARCHIVE'])
  await attempt(admin.ledger, 'ARCHIVE', state, state === 'DELIVERED' ? 'DELIVERED' : 'PERMANENT')
  const { data } = await admin.ask('{ deliveries { nodes { id } } }')
  return data.deliveries.nodes[0].id
}

const act = (call: string, selection: string, variables: Record<string, unknown> = {}, token = 'OPERATOR') => {
  const declared = Object.keys(variables).map((name) => `$${name}: ID!`)
  const head = declared.length === 0 ? '' : `(${declared.join(', ')})`
  return admin.ask(`mutation ${head} { did: ${call} { __typename ${selection} } }`, variables, token)
}

const actorsOf = async (event?: string) => {
  const { data } = await admin.ask('{ auditEvents { nodes { event actor outcome } } }')
  const nodes: { event: string; actor: string }[] = data.auditEvents.nodes
  return nodes.filter((node) => event === undefined || node.event === event).map((node) => node.actor)
}

test('a rejected delivery is retried, under the name of the token', async () => {
  const id = await deliveryIn('REJECTED')
  const { data } = await act(
    'deliveryRetry(input: { deliveryId: $id })',
    '... on DeliveryRetrySuccess { delivery { id state attempts { nodes { outcome } } } }',
    { id },
  )
  expect(data.did).toEqual({
    __typename: 'DeliveryRetrySuccess',
    delivery: { id, state: 'READY', attempts: { nodes: [{ outcome: 'PERMANENT' }] } },
  })
  expect(await actorsOf()).toContain('operator')
})

test('a delivery that has arrived is not retried; one that does not exist is not found', async () => {
  const id = await deliveryIn('DELIVERED')
  const retry = await act('deliveryRetry(input: { deliveryId: $id })', FAILURES, { id })
  expect(retry.data.did).toMatchObject({ __typename: 'NotAllowedNow', code: 'NOT_ALLOWED_NOW', state: 'DELIVERED' })
  for (const other of [btoa('Delivery:none'), btoa('Instance:none'), 'x']) {
    const none = await act('deliveryRetry(input: { deliveryId: $id })', FAILURES, { id: other })
    expect(none.data.did).toMatchObject({ __typename: 'NotFound', code: 'NOT_FOUND', id: other })
  }
})

test('a delivery is called off with a reason, once', async () => {
  const id = await deliveryIn('FAILED')
  const call = 'deliveryCancel(input: { deliveryId: $id, reason: "sent by hand" })'
  const first = await act(call, '... on DeliveryCancelSuccess { delivery { state } }', { id })
  expect(first.data.did).toEqual({ __typename: 'DeliveryCancelSuccess', delivery: { state: 'CANCELLED' } })
  const again = await act(call, FAILURES, { id })
  expect(again.data.did).toMatchObject({ __typename: 'NotAllowedNow', state: 'CANCELLED' })
  const missing = await act('deliveryCancel(input: { deliveryId: "x", reason: "r" })', FAILURES)
  expect(missing.data.did).toMatchObject({ __typename: 'NotFound', id: 'x' })
  const silent = await act('deliveryCancel(input: { deliveryId: $id, reason: " " })', FAILURES, { id })
  expect(silent.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
})

test('many deliveries are retried at once, and how many are left is told', async () => {
  await admit(admin.ledger, UID, 3)
  await plan(admin.ledger, ['ARCHIVE'])
  await attempt(admin.ledger, 'ARCHIVE', 'REJECTED', 'PERMANENT')
  const call = (input: string) =>
    act(
      `deliveriesRetry(input: { ${input} })`,
      '... on DeliveriesRetrySuccess { retried left } ... on Invalid { code path }',
    )
  expect((await call('filter: { state: [REJECTED] }, limit: 2')).data.did).toMatchObject({ retried: 2, left: 1 })
  expect((await call('filter: { state: [FAILED] }, limit: 2')).data.did).toMatchObject({ retried: 0, left: 0 })
  expect((await call('filter: {}, limit: 0')).data.did).toMatchObject({
    __typename: 'Invalid',
    path: ['input', 'limit'],
  })
  const backwards = 'filter: { plannedAfter: "2026-01-02T00:00:00Z", plannedBefore: "2026-01-01T00:00:00Z" }, limit: 1'
  expect((await call(backwards)).data.did).toMatchObject({ __typename: 'Invalid', code: 'INVALID' })
})

test('a destination is paused, by whom is seen, and resumed', async () => {
  const pause = await act(
    'destinationPause(input: { name: "ARCHIVE", reason: "moved" })',
    '... on DestinationPauseSuccess { destination { state pausedBy } }',
  )
  expect(pause.data.did).toEqual({
    __typename: 'DestinationPauseSuccess',
    destination: { state: 'PAUSED', pausedBy: 'operator' },
  })
  const resume = await act(
    'destinationResume(input: { name: "ARCHIVE" })',
    '... on DestinationResumeSuccess { destination { state pausedBy } }',
  )
  expect(resume.data.did).toEqual({
    __typename: 'DestinationResumeSuccess',
    destination: { state: 'UP', pausedBy: null },
  })
  const again = await act('destinationResume(input: { name: "ARCHIVE" })', FAILURES)
  expect(['NotAllowedNow', 'DestinationResumeSuccess']).toContain(again.data.did.__typename)
  for (const verb of [
    'destinationResume(input: { name: "nowhere" })',
    'destinationPause(input: { name: "nowhere", reason: "r" })',
  ]) {
    expect((await act(verb, FAILURES)).data.did).toMatchObject({ __typename: 'NotFound', id: 'nowhere' })
  }
  const past = await act(
    'destinationPause(input: { name: "ARCHIVE", reason: "r", until: "2020-01-01T00:00:00Z" })',
    FAILURES,
  )
  expect(past.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
})

test('a destination is verified, reached or not, and who asked is on record', async () => {
  const verify = (name: string) =>
    act(
      `destinationVerify(input: { name: "${name}" })`,
      `... on DestinationVerifySuccess { reached took reason } ... on NotFound { id }`,
    )
  expect((await verify('ARCHIVE')).data.did).toMatchObject({ reached: true, took: 7, reason: null })
  expect((await verify('outbox')).data.did).toMatchObject({ reached: false, reason: 'connection-refused' })
  expect((await verify('unset')).data.did).toMatchObject({ __typename: 'NotFound' })
  expect(await actorsOf('destination-verified')).toEqual(['operator', 'operator'])
})

test('an instance is decided again', async () => {
  const [id] = await admit(admin.ledger, UID, 1)
  await plan(admin.ledger, ['ARCHIVE'])
  expect(await admin.ledger.unplanned(10)).toEqual([])
  const instanceId = btoa(`Instance:${id}`)
  const { data } = await act(
    'instanceReplan(input: { instanceId: $id })',
    '... on InstanceReplanSuccess { instance { id state } }',
    { id: instanceId },
  )
  expect(data.did).toEqual({ __typename: 'InstanceReplanSuccess', instance: { id: instanceId, state: 'PENDING' } })
  expect(await admin.ledger.unplanned(10)).toHaveLength(1)
  const none = await act('instanceReplan(input: { instanceId: $id })', FAILURES, { id: btoa('Instance:none') })
  expect(none.data.did).toMatchObject({ __typename: 'NotFound' })
})

test('rules that load come into force; rules that do not are named and change nothing', async () => {
  const loaded = await act('rulesetReload', '... on RulesetReloadSuccess { ruleset { digest } }', {}, 'ADMIN')
  expect(loaded.data.did).toEqual({ __typename: 'RulesetReloadSuccess', ruleset: { digest: RULESET.digest } })
  admin.rulesets.next = {
    kind: 'refused',
    problems: [{ file: '00.yaml', line: 3, column: 5, message: 'no such word' }],
  }
  const refused = await act(
    'rulesetReload',
    '... on RulesetRefused { code message problems { file line column message } inForce { digest } }',
    {},
    'ADMIN',
  )
  expect(refused.data.did).toEqual({
    __typename: 'RulesetRefused',
    code: 'INVALID',
    message: 'The rules have 1 mistake; those in force stay in force.',
    problems: [{ file: '00.yaml', line: 3, column: 5, message: 'no such word' }],
    inForce: { digest: RULESET.digest },
  })
  expect(admin.rulesets.reloadedBy).toEqual(['admin', 'admin'])
  // Who asked is on record already, where the rules are read.
  expect(await actorsOf('ruleset-refused')).toEqual([])
})

test('an earlier ruleset is put in force again, under the name of the token', async () => {
  const rollback = (input: string) =>
    act(
      `rulesetRollback(input: { ${input} })`,
      `... on RulesetRollbackSuccess { ruleset { digest rolledBackBecause } } ... on NotFound { id }
       ... on RulesetRefused { problems { line } inForce { digest } }`,
      {},
      'ADMIN',
    )
  const pin = { over: null, reason: 'too much was sent' }
  admin.rulesets.next = { kind: 'loaded', inForce: { ...RULESET, pin } }
  expect((await rollback('digest: "d0", reason: " too much was sent "')).data.did).toEqual({
    __typename: 'RulesetRollbackSuccess',
    ruleset: { digest: RULESET.digest, rolledBackBecause: 'too much was sent' },
  })
  admin.rulesets.next = { kind: 'refused', problems: [{ file: '00.yaml', line: 3, column: 1, message: 'owed' }] }
  expect((await rollback('digest: "d0", reason: "r", force: true')).data.did).toMatchObject({
    __typename: 'RulesetRefused',
    problems: [{ line: 3 }],
  })
  admin.rulesets.next = undefined
  expect((await rollback('digest: "d9", reason: "r"')).data.did).toEqual({ __typename: 'NotFound', id: 'd9' })
  expect((await rollback('digest: "d9", reason: ""')).errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
  expect(admin.rulesets.rolledBack).toEqual([
    ['d0', 'too much was sent', 'admin', false],
    ['d0', 'r', 'admin', true],
    ['d9', 'r', 'admin', false],
  ])
})
