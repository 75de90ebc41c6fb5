import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { getIntrospectionQuery } from 'graphql'
import { leastOfThree } from '../support/processor-time.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'

let admin: AdminFixture

beforeAll(async () => {
  admin = await startAdmin()
  // Warm: what is measured below is what an attacker costs a server that runs.
  for (let round = 0; round < 5; round += 1) await admin.ask(getIntrospectionQuery())
})
afterAll(async () => await admin[Symbol.asyncDispose]())

const repeat = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ')
const CYCLE = 'query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }'
const nested = (levels: number) =>
  `{ studies ${repeat(levels, () => '{ nodes { instances')} { nodes { id } } ${'} }'.repeat(levels)} }`

const ATTACKS: readonly (readonly [what: string, body: () => unknown, status: number])[] = [
  ['a query 50 levels deep', () => ({ query: nested(25) }), 400],
  ['a thousand aliases', () => ({ query: `{ ${repeat(300, (i) => `a${i}: deliveries { totalCount }`)} }` }), 400],
  ['21 aliases', () => ({ query: `{ ${repeat(21, (i) => `a${i}: health { live }`)} }` }), 400],
  ['ten thousand tokens', () => ({ query: `{ ${repeat(10_000, () => 'health')} }` }), 400],
  ['one field named 1,900 times', () => ({ query: `{ health { ${repeat(1_900, () => 'live')} } }` }), 400],
  ['a batch of a hundred', () => Array.from({ length: 100 }, () => ({ query: '{ health { live } }' })), 400],
  ['five hundred directives', () => ({ query: `{ health ${repeat(500, () => '@a')} { live } }` }), 400],
  ['a circle of fragments', () => ({ query: CYCLE }), 400],
  [
    'fragments that double',
    () => ({
      query: `{ ...f0 } ${repeat(60, (i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`)} fragment f60 on Query { health { live } }`,
    }),
    400,
  ],
  [
    'fragments that double and hold nothing',
    () => ({
      query: `{ ...f0 } ${repeat(60, (i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`)} fragment f60 on Query { ...none }`,
    }),
    400,
  ],
  [
    'pages in pages',
    () => ({ query: '{ studies(first: 200) { nodes { instances(first: 200) { nodes { id } } } } }' }),
    400,
  ],
  [
    'pages of errands in pages of theirs',
    () => ({ query: '{ errands(first: 200) { nodes { attempts(first: 200) { nodes { number } } } } }' }),
    400,
  ],
  [
    'a page of holds that is too large',
    () => ({ query: '{ holds(first: 100) { nodes { instance { deliveries(first: 201) { nodes { id } } } } } }' }),
    400,
  ],
  [
    'pages in pages, by variable',
    () => ({
      query: 'query ($n: Int = 1) { studies(first: $n) { nodes { instances(last: $n) { nodes { id } } } } }',
      variables: { n: 200 },
    }),
    400,
  ],
  [
    'pages in pages, by a variable that takes its small default back',
    () => ({
      query:
        'query ($n: Int = 1) { studies(first: $n) { nodes { instances(first: $n) { nodes { deliveries(first: $n) { nodes { id } } } } } } }',
      variables: { n: null },
    }),
    400,
  ],
  [
    'pages beside pages',
    () => ({
      query: `{ ${repeat(3, (i) => `s${i}: studies(first: 200) { nodes { deliveries(first: 100) { nodes { id } } } }`)} }`,
    }),
    400,
  ],
  [
    'deep introspection',
    () => ({
      query: `{ __schema { types { fields { type ${repeat(12, () => '{ fields { type')} { name } ${'} }'.repeat(12)} } } } }`,
    }),
    400,
  ],
  [
    'variables of ten megabytes',
    () => ({ query: '{ health { live } }', variables: { a: 'x'.repeat(10_000_000) } }),
    413,
  ],
  ['no query', () => ({}), 400],
  ['a persisted query', () => ({ extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }), 200],
]

test.each(ATTACKS)('%s is refused, and costs less than 100 ms', async (_what, body, status) => {
  // Encoded beforehand: that is the sender's cost.
  const bytes = Buffer.from(JSON.stringify(body()))
  const cost = async (): Promise<number> => {
    // Of this thread, where all of the work is: others may still be collecting what the tests before left.
    const before = process.threadCpuUsage()
    const response = await post(bytes)
    await response.text()
    const { user, system } = process.threadCpuUsage(before)
    expect(response.status).toBe(status)
    return (user + system) / 1_000
  }
  // The ten megabytes are mostly the cost of sending.
  const limit = bytes.length > 1e6 ? 250 : 100
  expect(await leastOfThree(limit, cost)).toBeLessThan(limit)
})

const post = (
  body: string | Buffer<ArrayBuffer>,
  headers: Record<string, string> = { 'content-type': 'application/json' },
) => fetch(`${admin.url}/graphql`, { method: 'POST', headers: { authorization: 'Bearer VIEWER', ...headers }, body })

test('what stays within the limits is answered', async () => {
  const page = '{ studies(first: 200) { nodes { instances(first: 100) { nodes { id } } } } }'
  const wide = `{ ${repeat(20, (i) => `a${i}: health { live }`)} }`
  for (const query of [page, wide, getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true })]) {
    expect(await admin.ask(query, {}, 'VIEWER')).toMatchObject({ status: 200 })
  }
})

const DEEP = 'study { instances(first: 1) { nodes {'
const deep = (inmost: string) =>
  `{ instances(first: 1) { nodes { ${repeat(3, () => DEEP)} ${inmost} ${'} } }'.repeat(3)} } } }`
const ON_A_PAGE = (rows: number) => `{ deliveries(first: ${rows}) { nodes { id } } }`
const REPEATED = (fields: number) => `{ health { ${repeat(fields - 1, () => 'live')} } }`
const SKIPPED = (directives: number) => `{ health { ${repeat(directives, () => 'live @skip(if: false)')} } }`

test.each([
  ['levels', deep('id'), deep('study { id }'), 'An operation has at most 12 levels.'],
  ['fields', REPEATED(500), REPEATED(501), 'An operation has at most 500 fields.'],
  ['directives', SKIPPED(20), SKIPPED(21), 'An operation has at most 20 directives.'],
  ['rows', ON_A_PAGE(200), ON_A_PAGE(201), 'A page has from 1 to 200 rows.'],
])('what is the most of %s is answered, and one more is not', async (_what, most, tooMany, sentence) => {
  const answered = await admin.ask(most, {}, 'VIEWER')
  expect([answered.status, answered.errors]).toEqual([200, undefined])
  expect(await admin.ask(tooMany, {}, 'VIEWER')).toMatchObject({ errors: [{ message: sentence }] })
})

test('a body of 100,000 bytes is read, and a longer one is not', async () => {
  const body = (bytes: number): string => {
    const empty = JSON.stringify({ query: '{ health { live } }', variables: { a: '' } })
    return empty.replace('"a":""', `"a":"${'x'.repeat(bytes - empty.length)}"`)
  }
  expect([(await post(body(100_000))).status, (await post(body(100_001))).status]).toEqual([200, 413])
})

test('mutations and queries by GET, forms and plain text are refused', async () => {
  const bearer = { authorization: 'Bearer ADMIN' }
  const get = await fetch(`${admin.url}/graphql?query=mutation{rulesetReload{__typename}}`, { headers: bearer })
  expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/graphql',
  ]) {
    const response = await post('{"query":"{ health { live } }"}', { 'content-type': type })
    expect([type, response.status]).toEqual([type, 415])
  }
  expect(admin.rulesets.reloadedBy).toEqual([])
})

test('JSON that is none, is too deep or carries __proto__ is the caller’s mistake', async () => {
  const deep = `{"query":"{ health { live } }","variables":{"a":${'['.repeat(40_000)}${']'.repeat(40_000)}}}`
  for (const body of ['', '{', '[]', '"x"', 'null', '{"query":1}', '{"query":"{"}', '{"__proto__":{"query":"x"}}']) {
    expect([body, (await post(body)).status]).toEqual([body, 400])
  }
  expect((await post(deep)).status).toBeLessThan(500)
  expect(admin.log.lines.filter((line) => line.level === 'error')).toEqual([])
})
