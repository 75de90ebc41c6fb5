import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '../src/base/clock.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { openSqliteLedger } from '../src/ledger/sqlite/open.ts'
import { RulesInForce, type RulesInForceDeps } from '../src/reload.ts'
import { ReadableLog } from './admin/admin-fixture.ts'
import { temporaryDir } from './support/processes.ts'
import { TestClock } from './support/test-clock.ts'

let stack: AsyncDisposableStack
let folder: string
let ledger: Ledger
let clock: TestClock
let log: ReadableLog

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const home = stack.use(await temporaryDir('reload')).path
  folder = path.join(home, 'rules')
  await mkdir(folder)
  ledger = stack.use(await openSqliteLedger({ file: path.join(home, 'l.db'), node: 'n1', clock: systemClock }))
  clock = new TestClock()
  log = new ReadableLog()
})
afterEach(async () => await stack.disposeAsync())

const good = (name: string): string => `version: 1\nrules: [ { name: ${name}, discard: as the test says } ]\n`
const BAD = 'version: 1\nrules: [ { name: bad, forward: [nowhere] } ]\n'
const BY = { name: 'operator' }

const write = (text: string, name = '00.yaml') => writeFile(path.join(folder, name), text)

async function open(changes: Partial<RulesInForceDeps> = {}): Promise<RulesInForce> {
  return stack.use(await RulesInForce.open({ folder, environment: {}, ledger, clock, log, ...changes }))
}

const namesOf = (rules: RulesInForce) => rules.current.ruleset.rules.map((rule) => rule.ref.name)

const events = async (outcome: string) =>
  (await ledger.views.auditEvents({}, { first: 100 })).rows.filter(({ row }) => row.outcome === outcome).length

test('a folder that loads is in force, and remembered with its text', async () => {
  await write(good('first'))
  const rules = await open()
  expect(namesOf(rules)).toEqual(['first'])
  expect(rules.problems).toEqual([])
  expect(await ledger.lastRuleset()).toMatchObject({
    by: 'start',
    files: [{ name: 'rules/00.yaml', text: good('first') }],
  })
})

test('a folder that does not load names its mistakes when nothing was ever in force', async () => {
  await write(BAD)
  await expect(open()).rejects.toMatchObject({ code: 'invalid-rules', message: expect.stringContaining('00.yaml:2') })
  await rm(folder, { recursive: true })
  await expect(open()).rejects.toMatchObject({ message: expect.stringContaining('cannot be read') })
})

test('the last ruleset serves a restart when the folder is broken, until the folder is good again', async () => {
  await write(good('first'))
  await (await open())[Symbol.asyncDispose]()
  await write(BAD)
  const rules = await open()
  expect(namesOf(rules)).toEqual(['first'])
  expect(rules.current.files).toEqual(['rules/00.yaml'])
  expect(rules.problems).toHaveLength(1)
  await write(good('first'))
  expect((await rules.reload(BY)).kind).toBe('loaded')
  expect(rules.problems).toEqual([])
})

test('what loads replaces what was in force as a whole, and whoever listens is told once', async () => {
  await write(good('first'))
  const rules = await open()
  const told: string[][] = []
  rules.onChange(() => told.push(namesOf(rules)))
  await write(good('second'))
  expect((await rules.reload(BY)).kind).toBe('loaded')
  expect((await rules.reload(BY)).kind).toBe('loaded')
  expect(told).toEqual([['second']])
  expect(await ledger.lastRuleset()).toMatchObject({ by: 'operator' })
})

test('a broken folder changes nothing, and is put on record once however often it is looked at', async () => {
  await write(good('first'))
  const rules = await open()
  await write(BAD)
  for (let i = 0; i < 3; i += 1) {
    expect(await rules.look()).toMatchObject({ kind: 'refused', problems: [{ file: 'rules/00.yaml', line: 2 }] })
  }
  expect(namesOf(rules)).toEqual(['first'])
  expect(await events('failure')).toBe(1)
  expect(log.lines.filter(({ event }) => event === 'ruleset-refused')).toHaveLength(1)
})

test('reloads asked for at once follow one another, and the last word counts', async () => {
  await write(good('first'))
  const rules = await open()
  await write(good('second'))
  const first = rules.reload(BY)
  const second = rules.reload(BY)
  expect([(await first).kind, (await second).kind]).toEqual(['loaded', 'loaded'])
  expect(namesOf(rules)).toEqual(['second'])
})

test('a ledger that cannot record it leaves the old rules in force, and the next reload works', async () => {
  await write(good('first'))
  let fails = false
  const failing: RulesInForceDeps['ledger'] = {
    lastRuleset: () => ledger.lastRuleset(),
    processEvent: (event) => ledger.processEvent(event),
    views: ledger.views,
    rulesetInForce: (record) => (fails ? Promise.reject(new Error('the disk failed')) : ledger.rulesetInForce(record)),
  }
  const rules = await open({ ledger: failing })
  await write(good('second'))
  fails = true
  await expect(rules.reload(BY)).rejects.toThrow('the disk failed')
  expect(namesOf(rules)).toEqual(['first'])
  fails = false
  expect((await rules.reload(BY)).kind).toBe('loaded')
  expect(namesOf(rules)).toEqual(['second'])
})

/** Looks at the folder without having been told, and once more when it has settled. */
async function settled(): Promise<void> {
  await clock.advance(5_000)
  await clock.untilWaiting(2)
  await clock.advance(300)
}

test('a folder that changes is read again when its editor has finished', async () => {
  await write(good('first'))
  const rules = await open()
  const changed = new EventTarget()
  rules.onChange(() => changed.dispatchEvent(new Event('change')))
  rules.watch()
  // The watcher says nothing of when it is ready; looking anyway covers what it missed.
  await write(good('second'))
  const seen = once(changed, 'change')
  await settled()
  await seen
  expect(namesOf(rules)).toEqual(['second'])
})

test('what the watcher sees until the folder stands still is one change', async () => {
  await write(good('first'))
  const rules = await open()
  const changed = new EventTarget()
  let changes = 0
  rules.onChange(() => {
    changes += 1
    changed.dispatchEvent(new Event('change'))
  })
  rules.watch()
  // One timer is the look at the folder that comes anyway; the second is the settling that a change began.
  const writing = writeUntil(() => clock.waiting > 1)
  await clock.untilWaiting(2)
  await writing
  const seen = once(changed, 'change')
  // What was written since the first look is looked at once more.
  await clock.advance(300)
  await Promise.race([clock.untilWaiting(2), seen])
  await clock.advance(300)
  await seen
  expect(changes).toBe(1)
})

/** A file changed before the watcher was ready is not seen by it. */
async function writeUntil(isSeen: () => boolean): Promise<void> {
  for (let i = 0; !isSeen(); i += 1) {
    await write(good(`more_${i}`), '10.yaml')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('a disposed one hears of nothing any more', async () => {
  await write(good('first'))
  const rules = await open()
  rules.watch()
  await rules[Symbol.asyncDispose]()
  expect(clock.waiting).toBe(0)
})

test('a reload by the watcher that fails is logged', async () => {
  await write(good('first'))
  const rules = await open({
    ledger: {
      lastRuleset: () => ledger.lastRuleset(),
      processEvent: () => Promise.reject(new Error('the disk failed')),
      views: ledger.views,
      rulesetInForce: (record) => ledger.rulesetInForce(record),
    },
  })
  rules.watch()
  await write(BAD)
  await settled()
  await log.line('rules-reload-failed')
  expect(namesOf(rules)).toEqual(['first'])
})

test('a change that could not be put on record is looked at again, without the folder changing once more', async () => {
  await write(good('first'))
  let failures = 0
  const rules = await open({
    ledger: {
      lastRuleset: () => ledger.lastRuleset(),
      processEvent: (event) => ledger.processEvent(event),
      views: ledger.views,
      rulesetInForce: (record) =>
        failures-- > 0 ? Promise.reject(new Error('the disk failed')) : ledger.rulesetInForce(record),
    },
  })
  const changed = new EventTarget()
  rules.onChange(() => changed.dispatchEvent(new Event('change')))
  const seen = once(changed, 'change')
  failures = 1
  rules.watch()
  await write(good('second'))
  await settled()
  await log.line('rules-reload-failed')
  await settled()
  await seen
  expect(namesOf(rules)).toEqual(['second'])
})
