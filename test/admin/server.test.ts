import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ensureAdminToken } from '../../src/admin/admin-token.ts'
import { ms, systemClock } from '../../src/base/clock.ts'
import { Secret } from '../../src/base/secret.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { TestClock } from '../support/test-clock.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'
import { admit, attempt, plan } from './admissions.ts'

let stack: AsyncDisposableStack

beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

const start = async (): Promise<AdminFixture> => stack.use(await startAdmin())

test('metrics that are asked for by many at once are whole for each', async () => {
  const admin = await start()
  await admit(admin.ledger, '1.2.3', 3)
  await plan(admin.ledger, ['ARCHIVE', 'outbox', 'second', 'third'])
  const scrape = async () => {
    const response = await fetch(`${admin.url}/metrics`, { headers: { authorization: 'Bearer VIEWER' } })
    return (await response.text()).match(/^kurir_deliveries\{.*state="READY"\} 3$/gm)?.length
  }
  expect(new Set(await Promise.all(Array.from({ length: 40 }, scrape)))).toEqual(new Set([4]))
})

test('metrics count every obligation under one state, each queue, and what rooms report', async () => {
  const admin = await start()
  await admit(admin.ledger, '1.2.3', 3)
  await plan(admin.ledger, ['ARCHIVE', 'outbox'])
  await attempt(admin.ledger, 'ARCHIVE', 'DELIVERED', 'DELIVERED')
  await admit(admin.ledger, '1.2.4', 1)
  await admin.ledger.destinationPause('outbox', 'moved', null, { name: 'test' })
  admin.metrics.instanceAdmitted('DIMSE', 1_000)
  admin.metrics.instanceRefused('STOW', 'out-of-resources')
  admin.metrics.associationRefused('calling-ae')
  admin.metrics.attemptEnded('ARCHIVE', 'DELIVERED', 500, ms(250))
  const response = await fetch(`${admin.url}/metrics`, { headers: { authorization: 'Bearer VIEWER' } })
  const text = await response.text()
  expect(response.headers.get('content-type')).toMatch(/^text\/plain/)
  for (const line of [
    'kurir_obligations{state="DELIVERED"} 3',
    'kurir_obligations{state="PENDING"} 3',
    'kurir_obligations{state="HELD"} 0',
    'kurir_obligations{state="UNDECIDED"} 1',
    'kurir_deliveries{destination="outbox",state="READY"} 3',
    'kurir_deliveries{destination="ARCHIVE",state="DELIVERED"} 3',
    'kurir_destination_up{destination="ARCHIVE"} 1',
    'kurir_destination_up{destination="outbox"} 0',
    'kurir_destination_up{destination="unset"} 0',
    'kurir_instances_admitted_total{door="DIMSE"} 1',
    'kurir_admitted_bytes_total{door="DIMSE"} 1000',
    'kurir_instances_refused_total{door="STOW",reason="out-of-resources"} 1',
    'kurir_associations_refused_total{reason="calling-ae"} 1',
    'kurir_attempts_total{destination="ARCHIVE",outcome="DELIVERED"} 1',
    'kurir_attempt_seconds_total{destination="ARCHIVE"} 0.25',
  ]) {
    expect(text.split('\n')).toContain(line)
  }
  expect(text).toMatch(/kurir_event_loop_delay_seconds\{quantile="0.999"\} \d/)
})

test('ready means that the doors are open; problems are listed either way', async () => {
  const admin = await start()
  admin.health.now = { ...admin.health.now, ready: false, problems: ['The disk is nearly full.'] }
  const response = await fetch(`${admin.url}/readyz`)
  expect([response.status, await response.json()]).toEqual([
    503,
    { ready: false, problems: ['The disk is nearly full.'] },
  ])
  const live = await fetch(`${admin.url}/livez`)
  expect([live.status, await live.json()]).toEqual([200, { live: true }])
  // Who shares out load asks by HEAD.
  const heads = ['/livez', '/readyz'].map((probe) => fetch(`${admin.url}${probe}`, { method: 'HEAD' }))
  expect((await Promise.all(heads)).map(({ status }) => status)).toEqual([200, 503])
})

test('a browser that opens /graphql gets the playground, and a sentence while there is none', async () => {
  const admin = await start()
  const response = await fetch(`${admin.url}/graphql`, { headers: { accept: 'text/html,*/*' } })
  expect(new URL(response.url).pathname).toBe('/playground/')
  expect([response.status, await response.json()]).toEqual([503, expect.objectContaining({ status: 'error' })])
})

test('a first start leaves an administrator’s token that only its owner can read; later starts leave it alone', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'kurir-token-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  const ledger = stack.use(await openSqliteLedger({ file: path.join(dir, 'l.db'), node: 'n1', clock: systemClock }))
  const file = path.join(dir, 'admin-token')
  expect(await ensureAdminToken(ledger, dir)).toBe(file)
  const token = (await readFile(file, 'utf8')).trim()
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(token.length).toBeGreaterThanOrEqual(43)
  expect(await ledger.tokenGrant(new Secret(token))).toMatchObject({ name: 'admin', roles: ['ADMIN', 'PHI_READER'] })
  expect(await ensureAdminToken(ledger, dir)).toBeUndefined()
  expect((await readFile(file, 'utf8')).trim()).toBe(token)
  await ledger.tokenRevoke('admin', { name: 'test' })
  // A token that may less, even under that name, does not take the administrator's place.
  await ledger.tokenCreate(new Secret('v'.repeat(43)), { name: 'admin', roles: ['VIEWER'] }, { name: 'test' })
  await ledger.tokenCreate(new Secret('w'.repeat(43)), { name: 'admin-2', roles: ['VIEWER'] }, { name: 'test' })
  await writeFile(file, `${'f'.repeat(43)}\n`)
  expect(await ensureAdminToken(ledger, dir)).toBe(file)
  expect(await ledger.tokenGrant(new Secret('f'.repeat(43)))).toMatchObject({ roles: ['ADMIN', 'PHI_READER'] })
})

test('a destination that does not answer is given up after a while, and at once when the admin stops', async () => {
  const clock = new TestClock()
  const verify =
    'mutation { destinationVerify(input: { name: "ARCHIVE" }) { ... on DestinationVerifySuccess { reason } } }'
  const slow = stack.use(await startAdmin({}, undefined, clock))
  slow.destinations.hangs = true
  const asked = slow.ask(verify)
  await slow.destinations.asked.promise
  await clock.advance(15_000)
  expect((await asked).data.destinationVerify).toEqual({ reason: 'timeout' })
  const stopped = await start()
  stopped.destinations.hangs = true
  const cut = stopped.ask(verify)
  await stopped.destinations.asked.promise
  await stopped.stop()
  expect((await cut).data.destinationVerify).toEqual({ reason: 'aborted' })
})
