import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createToken } from '../../src/admin/tokens.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'

let admin: AdminFixture

beforeEach(async () => {
  admin = await startAdmin()
})
afterEach(async () => await admin[Symbol.asyncDispose]())

const CREATE = `mutation($name: String!, $roles: [Role!]!) {
  did: tokenCreate(input: { name: $name, roles: $roles }) {
    __typename ... on TokenCreateSuccess { token name roles } ... on Invalid { code path message }
  }
}`
const REVOKE = `mutation($name: String!) {
  did: tokenRevoke(input: { name: $name }) {
    __typename ... on TokenRevokeSuccess { revoked { name roles createdAt revokedAt } } ... on NotFound { code id }
  }
}`

const create = (name: string, roles: readonly string[], as = 'ADMIN') => admin.ask(CREATE, { name, roles }, as)
const revoke = (name: string, as = 'ADMIN') => admin.ask(REVOKE, { name }, as)

test('a new token works until it is revoked, and both are on record', async () => {
  const created = (await create('dashboard', ['VIEWER', 'VIEWER'])).data.did
  expect(created).toEqual({
    __typename: 'TokenCreateSuccess',
    token: expect.stringMatching(/^[\w-]{43}$/),
    name: 'dashboard',
    roles: ['VIEWER'],
  })
  expect((await admin.ask('{ health { live } }', {}, created.token)).data.health.live).toBe(true)

  const revoked = (await revoke('dashboard')).data.did
  expect(revoked).toEqual({
    __typename: 'TokenRevokeSuccess',
    revoked: { name: 'dashboard', roles: ['VIEWER'], createdAt: expect.any(String), revokedAt: expect.any(String) },
  })
  expect((await admin.ask('{ health { live } }', {}, created.token)).status).toBe(401)
  expect((await revoke('dashboard')).data.did).toEqual({ __typename: 'NotFound', code: 'NOT_FOUND', id: 'dashboard' })

  const { data } = await admin.ask('{ auditEvents(first: 10) { nodes { actor outcome } } }')
  const events = data.auditEvents.nodes.filter((node: { actor: string }) => node.actor === 'admin')
  expect(events.map((node: { outcome: string }) => node.outcome)).toEqual(['token revoked', 'token created'])
})

test('the token is in the answer and nowhere else: not in the list, the log or the audit trail', async () => {
  const { token } = (await create('dashboard', ['VIEWER'])).data.did
  const { data } = await admin.ask('{ tokens { name roles createdAt revokedAt } auditEvents { nodes { detail } } }')
  expect(data.tokens).toContainEqual({
    name: 'dashboard',
    roles: ['VIEWER'],
    createdAt: expect.any(String),
    revokedAt: null,
  })
  expect(JSON.stringify(data)).not.toContain(token)
  expect(admin.log.text()).not.toContain(token)
})

test('a bad name, a taken name and no role are named; the name of a revoked token may be used again', async () => {
  await create('dashboard', ['VIEWER'])
  for (const [name, roles, path] of [
    ['', ['VIEWER'], 'name'],
    ['a/b', ['VIEWER'], 'name'],
    ['x'.repeat(65), ['VIEWER'], 'name'],
    ['dashboard', ['VIEWER'], 'name'],
    ['other', [], 'roles'],
  ] as const) {
    expect((await create(name, roles)).data.did).toEqual({
      __typename: 'Invalid',
      code: 'INVALID',
      path: ['input', path],
      message: expect.stringMatching(/\.$/),
    })
  }
  await revoke('dashboard')
  expect((await create('dashboard', ['VIEWER'])).data.did.__typename).toBe('TokenCreateSuccess')
})

test('tokens are for ADMIN only', async () => {
  for (const role of ['VIEWER', 'OPERATOR', 'VIEWER_PHI']) {
    for (const asked of [
      create('x', ['ADMIN'], role),
      revoke('viewer', role),
      admin.ask('{ tokens { name } }', {}, role),
    ]) {
      expect((await asked).errors?.[0]?.extensions.code).toBe('FORBIDDEN')
    }
  }
  expect((await admin.ledger.tokens()).every(({ revokedAt }) => revokedAt === null)).toBe(true)
})

test('of two who ask for one name at once, one gets it', async () => {
  const asked = { name: 'twin', roles: ['VIEWER'] } as const
  const both = await Promise.all([1, 2].map(() => createToken(admin.ledger, asked, { name: 'test' })))
  expect(both.map(({ kind }) => kind).sort()).toEqual(['created', 'refused'])
})

test('a ledger that cannot write is no bad name', async () => {
  const ledger = {
    tokens: async () => [],
    tokenCreate: () => Promise.reject(new Error('the disk failed')),
  }
  await expect(createToken(ledger, { name: 'x', roles: ['VIEWER'] }, { name: 'test' })).rejects.toThrow('disk')
})
