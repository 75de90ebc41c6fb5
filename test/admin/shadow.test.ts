import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { instant, systemClock } from '../../src/base/clock.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import type { Change, ShadowReport } from '../../src/report/shadow-report.ts'
import { TestClock } from '../support/test-clock.ts'
import { type AdminFixture, startAdmin } from './admin-fixture.ts'
import { admit, RULESET } from './admissions.ts'

let admin: AdminFixture
let clock: TestClock

beforeEach(async () => {
  clock = new TestClock()
  admin = await startAdmin({}, undefined, clock)
})
afterEach(async () => await admin[Symbol.asyncDispose]())

const FILE = { name: 'rules/00.yaml', text: 'version: 1\nrules: [ { name: all, hold: as the test says } ]\n' }
const yesterday = (): string => new Date(systemClock.now() - 86_400_000).toISOString()

const START = `mutation ($input: RulesetShadowInput!) { did: rulesetShadow(input: $input) { __typename
  ... on RulesetShadowSuccess { shadow { state startedBy candidate instances reason report { instances } } }
  ... on RulesetRefused { problems { file line } } ... on NotFound { id } ... on NotAllowedNow { state }
  ... on Invalid { path } } }`
const start = async (candidate: object, more: object = {}) =>
  (await admin.ask(START, { input: { candidate, since: yesterday(), ...more } }, 'ADMIN')).data.did
const SAMPLE = '{ count examples { sopInstanceUid } }'
const CHANGE = `{ before after more ${SAMPLE} fewer ${SAMPLE} }`
const RUN = `{ rulesetShadowRun { state instances reason report { against instances studies unchanged
  leftOut { duplicate undecided requested unreadable } destinations { name change ${CHANGE} otherEdits ${SAMPLE} }
  rules { name change { before after } } held { before after } reasons { reason change { after } } } } }`
const last = async () => (await admin.ask(RUN, {}, 'ADMIN')).data.rulesetShadowRun
const until = async (state: string) => {
  for (;;) {
    const run = await last()
    if (run.state === state) return run
  }
}

const none: Change = { before: 0, after: 0, more: { count: 0, examples: [] }, fewer: { count: 0, examples: [] } }

function reportOf(examples: readonly InstanceId[]): ShadowReport {
  const change = { ...none, before: 1, after: 3, more: { count: 2, examples } }
  return {
    candidate: 'c',
    against: null,
    since: instant(0),
    before: instant(1),
    instances: 3,
    studies: 1,
    unchanged: 1,
    leftOut: { duplicate: 1, undecided: 0, requested: 0, unreadable: 0 },
    destinations: [{ name: 'ARCHIVE', ...change, otherEdits: { count: 0, examples: [] } }],
    rules: [{ name: 'all', ...change }],
    held: change,
    discarded: none,
    waiting: none,
    reasons: [{ reason: 'as the test says', ...change }],
  }
}

test('other rules are put before the past: how far it is can be asked, then what came out', async () => {
  expect(await last()).toBeNull()
  const [id, gone] = [...(await admit(admin.ledger, '1.2.3', 1)), 'none' as InstanceId]
  expect(await start({ files: [FILE] })).toEqual({
    __typename: 'RulesetShadowSuccess',
    shadow: {
      state: 'RUNNING',
      startedBy: 'admin',
      candidate: expect.stringMatching(/^[0-9a-f]{64}$/),
      instances: 0,
      reason: null,
      report: null,
    },
  })
  expect(admin.shadows.wishes).toMatchObject([{ against: 'record', files: [{ name: FILE.name }] }])
  admin.shadows.progress(2)
  expect(await last()).toMatchObject({ state: 'RUNNING', instances: 2, report: null })
  expect(await start({ files: [FILE] })).toEqual({ __typename: 'NotAllowedNow', state: 'RUNNING' })

  admin.shadows.end(reportOf(id === undefined ? [] : [id, gone as InstanceId]))
  expect(await until('DONE')).toEqual({
    state: 'DONE',
    instances: 3,
    reason: null,
    report: {
      against: null,
      instances: 3,
      studies: 1,
      unchanged: 1,
      leftOut: { duplicate: 1, undecided: 0, requested: 0, unreadable: 0 },
      destinations: [
        {
          name: 'ARCHIVE',
          change: {
            before: 1,
            after: 3,
            // One of the two is no longer on record.
            more: { count: 2, examples: [{ sopInstanceUid: '1.2.3.1' }] },
            fewer: { count: 0, examples: [] },
          },
          otherEdits: { count: 0, examples: [] },
        },
      ],
      rules: [{ name: 'all', change: { before: 1, after: 3 } }],
      held: { before: 1, after: 3 },
      reasons: [{ reason: 'as the test says', change: { after: 3 } }],
    },
  })
  const { data } = await admin.ask('{ auditEvents(filter: { event: "ruleset-shadow" }) { nodes { actor outcome } } }')
  expect(data.auditEvents.nodes).toEqual([{ actor: 'admin', outcome: 'started' }])
})

test('a ruleset that was in force is tried by its digest, against the rules in force when that is asked', async () => {
  await admin.ledger.rulesetInForce({ ...RULESET, files: [FILE] })
  expect((await start({ digest: RULESET.digest }, { against: 'CURRENT' })).__typename).toBe('RulesetShadowSuccess')
  expect(admin.shadows.wishes).toMatchObject([{ against: 'current', files: [{ name: FILE.name }] }])
})

test('what cannot be tried is not begun', async () => {
  expect(await start({ digest: 'none' })).toEqual({ __typename: 'NotFound', id: 'none' })
  expect(await start({ files: [{ ...FILE, text: 'version: 1\nrlues: []\n' }] })).toEqual({
    __typename: 'RulesetRefused',
    problems: [{ file: FILE.name, line: 2 }],
  })
  for (const since of ['2001-01-01T00:00:00Z', '2101-01-01T00:00:00Z']) {
    expect(await start({ files: [FILE] }, { since })).toEqual({ __typename: 'Invalid', path: ['input', 'since'] })
  }
  const files = Array.from({ length: 101 }, (_, index) => ({ ...FILE, name: `rules/${index}.yaml` }))
  const many = await admin.ask(START, { input: { candidate: { files }, since: yesterday() } }, 'ADMIN')
  expect(many.errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT')
  expect(admin.shadows.wishes).toEqual([])
})

test('one that takes too long or looks at too much is stopped, and the next may begin', async () => {
  await start({ files: [FILE] })
  await clock.advance(300_000)
  expect(await until('FAILED')).toMatchObject({ reason: 'timeout', report: null })
  await start({ files: [FILE] })
  admin.shadows.progress(2_000_001)
  expect(await until('FAILED')).toMatchObject({ reason: 'too-large' })
  expect((await start({ files: [FILE] })).__typename).toBe('RulesetShadowSuccess')
  // The one that runs now ends with the admin.
})
