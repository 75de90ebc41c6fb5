import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { buildSchema } from 'graphql'
import { readSdl } from '../../src/admin/sdl.ts'
import { readToken } from '../../src/http/bearer.ts'
import { ROLES } from '../../src/ledger/states.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'

let admin: AdminFixture

beforeEach(async () => {
  admin = await startAdmin()
})
afterEach(async () => await admin[Symbol.asyncDispose]())

const status = async (path: string, init: RequestInit = {}) => (await fetch(`${admin.url}${path}`, init)).status
const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

test('without a token only the probes and the playground answer', async () => {
  const graphql = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"query":"{ health { live } }"}',
  }
  expect(await status('/graphql', graphql)).toBe(401)
  expect(await status('/metrics')).toBe(401)
  expect(await status('/livez')).toBe(200)
  expect(await status('/readyz')).toBe(200)
  expect(await status('/playground/')).toBe(503)
  expect(await status('/anything')).toBe(404)
})

test('Bearer, and Basic with the token as its password, are the same; a revoked token is none', async () => {
  const basic = { headers: { authorization: `Basic ${btoa('anyone:VIEWER')}` } }
  expect(await status('/metrics', basic)).toBe(200)
  expect(await status('/metrics', as('VIEWER'))).toBe(200)
  expect(await status('/metrics', as('viewer'))).toBe(401)
  await admin.ledger.tokenRevoke('viewer', { name: 'test' })
  expect(await status('/metrics', as('VIEWER'))).toBe(401)
})

test.each([
  [undefined, undefined],
  ['', undefined],
  ['Bearer', undefined],
  ['Bearer ', undefined],
  ['Digest abc', undefined],
  [`Bearer ${'x'.repeat(513)}`, undefined],
  ['Bearer a b', undefined],
  [`Basic ${btoa('no-colon')}`, undefined],
  ['bearer abc', 'abc'],
  [`Basic ${btoa('u:p:q')}`, 'p:q'],
])('the Authorization %j holds the token %j', (header, token) => {
  expect(readToken(header)?.reveal()).toBe(token)
})

/** Every field of Query and Mutation with a call of it that a schema accepts. */
const CALLS: Readonly<Record<string, string>> = {
  node: 'node(id: "x") { id }',
  study: 'study(studyInstanceUid: "1.2") { id }',
  studies: 'studies { nodes { id } }',
  instances: 'instances { nodes { id } }',
  deliveries: 'deliveries { nodes { id } }',
  errands: 'errands { nodes { id } }',
  obligationCounts: 'obligationCounts { held }',
  holds: 'holds { nodes { id } }',
  destination: 'destination(name: "x") { id }',
  destinations: 'destinations { id }',
  ruleset: 'ruleset { id }',
  ruleExplain: 'ruleExplain(input: { facts: [] }) { __typename }',
  rulesetShadowRun: 'rulesetShadowRun { state }',
  services: 'services { name }',
  rulesets: 'rulesets { nodes { id } }',
  rulesetDifference: 'rulesetDifference(from: "x", to: "y") { files { name } }',
  auditEvents: 'auditEvents { nodes { id } }',
  health: 'health { live }',
  tokens: 'tokens { name }',
  deliveryRetry: 'deliveryRetry(input: { deliveryId: "x" }) { __typename }',
  deliveryCancel: 'deliveryCancel(input: { deliveryId: "x", reason: "r" }) { __typename }',
  deliveriesRetry: 'deliveriesRetry(input: { filter: {}, limit: 1 }) { __typename }',
  destinationPause: 'destinationPause(input: { name: "x", reason: "r" }) { __typename }',
  destinationResume: 'destinationResume(input: { name: "x" }) { __typename }',
  destinationVerify: 'destinationVerify(input: { name: "x" }) { __typename }',
  instanceReplan: 'instanceReplan(input: { instanceId: "x" }) { __typename }',
  errandRetry: 'errandRetry(input: { errandId: "x" }) { __typename }',
  holdRelease: 'holdRelease(input: { obligationId: "x", reason: "r" }) { __typename }',
  holdDiscard: 'holdDiscard(input: { obligationId: "x", reason: "r" }) { __typename }',
  instanceAmend: 'instanceAmend(input: { instanceId: "x", reason: "r", set: [] }) { __typename }',
  studySettle: 'studySettle(input: { studyInstanceUid: "1.2" }) { __typename }',
  studyAskAgain: 'studyAskAgain(input: { studyInstanceUid: "1.2" }) { __typename }',
  rulesetReload: 'rulesetReload { __typename }',
  rulesetRollback: 'rulesetRollback(input: { digest: "x", reason: "r" }) { __typename }',
  rulesetShadow: 'rulesetShadow(input: { candidate: { digest: "x" }, since: "2020-01-01T00:00:00Z" }) { __typename }',
  serviceVerify: 'serviceVerify(input: { name: "x" }) { __typename }',
  tokenCreate: 'tokenCreate(input: { name: "x", roles: [] }) { __typename }',
  tokenRevoke: 'tokenRevoke(input: { name: "x" }) { __typename }',
}

const LOWEST: Readonly<Record<string, 'VIEWER' | 'OPERATOR' | 'ADMIN'>> = {
  auditEvents: 'ADMIN',
  rulesetReload: 'ADMIN',
  rulesetShadow: 'ADMIN',
  rulesetShadowRun: 'ADMIN',
  rulesetRollback: 'ADMIN',
  rulesetDifference: 'ADMIN',
  tokens: 'ADMIN',
  tokenCreate: 'ADMIN',
  tokenRevoke: 'ADMIN',
}
const MAY: Readonly<Record<'VIEWER' | 'OPERATOR' | 'ADMIN', readonly string[]>> = {
  VIEWER: ['VIEWER', 'OPERATOR', 'ADMIN'],
  OPERATOR: ['OPERATOR', 'ADMIN'],
  ADMIN: ['ADMIN'],
}

test('each query and mutation, asked by each role', async () => {
  const schema = buildSchema(readSdl())
  const mutations = Object.keys(schema.getMutationType()?.getFields() ?? {})
  const queries = Object.keys(schema.getQueryType()?.getFields() ?? {})
  expect([...queries, ...mutations].sort()).toEqual(Object.keys(CALLS).sort())
  for (const [name, call] of Object.entries(CALLS)) {
    const isMutation = mutations.includes(name)
    const may = MAY[LOWEST[name] ?? (isMutation ? 'OPERATOR' : 'VIEWER')]
    for (const role of ROLES) {
      const answer = await admin.ask(`${isMutation ? 'mutation' : 'query'} { ${call} }`, {}, role)
      const isIn = answer.status === 200 && answer.errors === undefined
      const code = answer.errors?.[0]?.extensions.code
      expect({ name, role, isIn }).toEqual({ name, role, isIn: may.includes(role) })
      if (!isIn) expect([answer.status, code]).toEqual([MAY.VIEWER.includes(role) ? 200 : 403, 'FORBIDDEN'])
    }
  }
})

test('an audit event is not reached by its id without the role for it', async () => {
  const { data } = await admin.ask('{ auditEvents { nodes { id } } }')
  const ask = 'query ($id: ID!) { node(id: $id) { id ... on AuditEvent { actor } } }'
  const { data: seen, errors } = await admin.ask(ask, { id: data.auditEvents.nodes[0].id }, 'OPERATOR')
  expect(seen.node).toBeNull()
  expect(errors?.map((error) => error.extensions.code)).toContain('FORBIDDEN')
})

test('who has no token is told so before the body is read', async () => {
  const socket = connect(admin.port, '127.0.0.1')
  socket.write(
    'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10000000\r\n\r\n{"query":"',
  )
  const answer = await new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(bytes.toString())))
  socket.destroy()
  expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  expect(answer).toMatch(/www-authenticate: Bearer/i)
})

test('a caller that sends ten megabytes without a token still gets to read its answer', async () => {
  const body = JSON.stringify({ query: 'x'.repeat(10_000_000) })
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
  expect(await status('/graphql', init)).toBe(401)
  expect(await status('/metrics', init)).toBe(413)
  expect(await status('/anything', init)).toBe(413)
})
