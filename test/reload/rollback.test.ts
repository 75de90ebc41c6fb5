import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '../../src/base/clock.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/open.ts'
import { RulesInForce } from '../../src/reload.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'
import { admit, plan } from '../admin/admissions.ts'
import { temporaryDir } from '../support/processes.ts'
import { TestClock } from '../support/test-clock.ts'

let stack: AsyncDisposableStack
let folder: string
let ledger: Ledger
let log: ReadableLog

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const home = stack.use(await temporaryDir('rollback')).path
  folder = path.join(home, 'rules')
  await mkdir(folder)
  ledger = stack.use(await openSqliteLedger({ file: path.join(home, 'l.db'), node: 'n1', clock: systemClock }))
  log = new ReadableLog()
})
afterEach(async () => await stack.disposeAsync())

const BY = { name: 'ani' }
const good = (name: string): string => `version: 1\nrules: [ { name: ${name}, discard: as the test says } ]\n`
const BAD = 'version: 1\nrules: [ { name: bad, forward: [nowhere] } ]\n'
const FAILING = `${good('failing')}tests: [ { name: wrong, given: {}, expect: { held: no } } ]\n`
const sending = (destination: string): string => `version: 1
destinations: { ${destination}: { folder: { path: out, layout: "{SOPInstanceUID}" } } }
rules: [ { name: everything, forward: [${destination}] } ]
`

const write = (text: string) => writeFile(path.join(folder, '00.yaml'), text)
const open = async () =>
  stack.use(await RulesInForce.open({ folder, environment: {}, ledger, clock: new TestClock(), log }))
const reopen = async (rules: RulesInForce) => {
  await rules[Symbol.asyncDispose]()
  return await open()
}
const nameOf = (rules: RulesInForce) => rules.current.ruleset.rules[0]?.ref.name
const auditOf = async () =>
  (await ledger.views.auditEvents({}, { first: 100 })).rows
    .map(({ row }) => `${row.actor}: ${row.outcome}`)
    .filter((line) => !line.startsWith('planner'))

/** Two rulesets were in force, the second still is; the digest is that of the first. */
async function afterTwo(first: string, second: string): Promise<readonly [RulesInForce, string]> {
  await write(first)
  const rules = await open()
  const { digest } = rules.current
  await write(second)
  await rules.reload(BY)
  return [rules, digest]
}

test('an earlier ruleset is put in force again, on record with who and why, and whoever listens is told', async () => {
  const [rules, digest] = await afterTwo(good('first'), good('second'))
  const told: (string | undefined)[] = []
  rules.onChange(() => told.push(nameOf(rules)))
  const outcome = await rules.rollback(digest, 'too much was sent', { by: BY })
  expect(outcome).toMatchObject({
    kind: 'loaded',
    inForce: { digest, by: 'ani', pin: { reason: 'too much was sent' } },
  })
  expect([nameOf(rules), told]).toEqual(['first', ['first']])
  expect(await auditOf()).toEqual(['ani: rolled back', 'ani: ruleset in force', 'start: ruleset in force'])
  const { rows } = await ledger.views.rulesets({ first: 9 })
  expect(rows.map(({ row }) => row.summary?.rules[0]?.name)).toEqual(['first', 'second'])
})

test('it stays over restarts and looks at the same folder', async () => {
  const [rules, digest] = await afterTwo(good('first'), good('second'))
  await rules.rollback(digest, 'because', { by: BY })
  await rules.look()
  const later = await reopen(await reopen(rules))
  await later.look()
  expect([nameOf(later), later.current.pin?.reason, later.problems]).toEqual(['first', 'because', []])
  expect((await auditOf()).filter((line) => line.includes('rolled back'))).toHaveLength(1)
})

test('it stays too over a folder that does not load, and over none', async () => {
  const [rules, digest] = await afterTwo(good('first'), good('second'))
  await write(BAD)
  await rules.look()
  expect(rules.problems).toHaveLength(1)
  await rules.rollback(digest, 'because', { by: BY })
  expect(rules.problems).toEqual([])
  const later = await reopen(rules)
  expect([nameOf(later), later.problems]).toEqual(['first', []])

  await rm(folder, { recursive: true })
  await later.look()
  expect(later.problems).toHaveLength(1)
  await later.rollback(digest, 'because', { by: BY })
  expect([nameOf(await reopen(later)), later.problems]).toEqual(['first', []])
})

test.each<[string, (rules: RulesInForce) => Promise<RulesInForce>]>([
  ['seen by the watcher', (rules) => rules.look().then(() => rules)],
  ['found at a restart', reopen],
])('a changed file ends it: %s', async (_, notice) => {
  const [rules, digest] = await afterTwo(good('first'), good('second'))
  await rules.rollback(digest, 'because', { by: BY })
  await write(good('third'))
  const later = await notice(rules)
  expect([nameOf(later), later.current.pin]).toEqual(['third', null])
})

test('a changed file that does not load leaves it, with its mistakes shown; put back, the file says nothing new', async () => {
  const [rules, digest] = await afterTwo(good('first'), good('second'))
  await rules.rollback(digest, 'because', { by: BY })
  await write(BAD)
  expect((await rules.look()).kind).toBe('refused')
  const later = await reopen(rules)
  expect([nameOf(later), later.problems.length]).toEqual(['first', 1])
  await write(good('second'))
  await later.look()
  expect([nameOf(later), later.problems]).toEqual(['first', []])
})

test('a reload that is asked for ends it, also when the folder says the same as what is pinned', async () => {
  const [rules, digest] = await afterTwo(good('first'), good('second'))
  await rules.rollback(digest, 'because', { by: BY })
  expect(await rules.reload(BY)).toMatchObject({ kind: 'loaded', inForce: { pin: null } })
  expect(nameOf(await reopen(rules))).toBe('second')

  const { digest: now } = rules.current
  await rules.rollback(now, 'stay', { by: BY })
  expect(rules.current.pin).toEqual({ over: now, reason: 'stay' })
  await rules.reload(BY)
  expect(rules.current.pin).toBeNull()
  expect((await ledger.lastRuleset())?.pin).toBeNull()
})

test('twice the same is once the same', async () => {
  const [rules, digest] = await afterTwo(good('first'), good('second'))
  let told = 0
  rules.onChange(() => {
    told += 1
  })
  await Promise.all([1, 2, 3].map(() => rules.rollback(digest, 'because', { by: BY })))
  expect([nameOf(rules), told]).toEqual(['first', 1])
  expect((await ledger.views.rulesets({ first: 9 })).rows).toHaveLength(2)
})

test('what was never in force, no longer compiles or no longer passes is not', async () => {
  const [rules, digest] = await afterTwo(good('first'), good('second'))
  expect(await rules.rollback('d'.repeat(64), 'because', { by: BY })).toBeUndefined()
  for (const [kept, text] of [
    ['bad', BAD],
    ['failing', FAILING],
  ] as const) {
    const files = [{ name: 'rules/00.yaml', text }]
    const row = { loadedAt: ledger.now(), by: 'old', summary: null, pin: null }
    await ledger.rulesetInForce({ ...row, digest: kept, files })
    const outcome = await rules.rollback(kept, 'because', { by: BY })
    expect(outcome).toMatchObject({ kind: 'refused', problems: [{ file: 'rules/00.yaml' }] })
    // The folder itself is as good as before.
    expect([nameOf(rules), rules.problems]).toEqual(['second', []])
  }
  expect((await auditOf()).filter((line) => line === 'ani: failure')).toHaveLength(2)
  expect((await rules.rollback(digest, 'because', { by: BY }))?.kind).toBe('loaded')
})

test('each reload that is asked for and refused is one event, also when the mistake is known', async () => {
  await write(good('first'))
  const rules = await open()
  await write(BAD)
  await rules.look()
  await rules.look()
  await rules.reload(BY)
  await rules.reload(BY)
  expect(await auditOf()).toEqual(['ani: failure', 'ani: failure', 'watcher: failure', 'start: ruleset in force'])
})

test('rules that drop what is owed are refused by every way in, and taken by force', async () => {
  await write(sending('archive'))
  const rules = await open()
  const { digest } = rules.current
  await admit(ledger, '1.2.3', 2)
  await plan(ledger, ['archive'])
  await write(sending('outbox'))
  const problem = { file: 'rules/00.yaml', line: 2, message: expect.stringContaining('2 deliveries are still owed') }
  expect(await rules.look()).toEqual({ kind: 'refused', problems: [expect.objectContaining(problem)] })
  expect(await rules.reload(BY)).toMatchObject({ kind: 'refused', problems: [problem] })
  const later = await reopen(rules)
  expect([later.current.digest, later.problems]).toMatchObject([digest, [problem]])

  expect(await later.reload(BY, true)).toMatchObject({ kind: 'loaded', inForce: { by: 'ani' } })
  expect([...later.current.ruleset.destinations.keys()]).toEqual(['outbox'])
  // Forced once is forced for good: a restart asks nobody again.
  const again = await reopen(later)
  expect([[...again.current.ruleset.destinations.keys()], again.problems]).toEqual([['outbox'], []])
  expect(await again.rollback(digest, 'because', { by: BY })).toMatchObject({ kind: 'loaded' })
})
