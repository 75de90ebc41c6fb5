import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { instant, ms } from '../../src/base/clock.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import * as admit from '../../src/ledger/sqlite/admit-verbs.ts'
import * as amend from '../../src/ledger/sqlite/amend-verbs.ts'
import * as answers from '../../src/ledger/sqlite/answer-keeping.ts'
import * as audit from '../../src/ledger/sqlite/audit-log.ts'
import * as callRescue from '../../src/ledger/sqlite/call-rescue.ts'
import * as claim from '../../src/ledger/sqlite/claim-verbs.ts'
import * as anew from '../../src/ledger/sqlite/decide-anew.ts'
import * as planning from '../../src/ledger/sqlite/delivery-planning.ts'
import { deliverySources } from '../../src/ledger/sqlite/delivery-sources.ts'
import * as destination from '../../src/ledger/sqlite/destination-verbs.ts'
import * as errandMaking from '../../src/ledger/sqlite/errand-making.ts'
import * as errands from '../../src/ledger/sqlite/errand-verbs.ts'
import * as gone from '../../src/ledger/sqlite/gone-verbs.ts'
import * as holds from '../../src/ledger/sqlite/hold-verbs.ts'
import * as state from '../../src/ledger/sqlite/instance-state.ts'
import * as keep from '../../src/ledger/sqlite/keep-verbs.ts'
import * as operator from '../../src/ledger/sqlite/operator-verbs.ts'
import * as owing from '../../src/ledger/sqlite/owing.ts'
import { rangeSql, type Source } from '../../src/ledger/sqlite/paging.ts'
import * as plan from '../../src/ledger/sqlite/plan-verbs.ts'
import * as questions from '../../src/ledger/sqlite/question-verbs.ts'
import * as readAmendments from '../../src/ledger/sqlite/read-amendments.ts'
import * as deliveries from '../../src/ledger/sqlite/read-deliveries.ts'
import * as readErrands from '../../src/ledger/sqlite/read-errands.ts'
import * as instances from '../../src/ledger/sqlite/read-instances.ts'
import * as readKeep from '../../src/ledger/sqlite/read-keep.ts'
import * as past from '../../src/ledger/sqlite/read-past.ts'
import * as readQuestions from '../../src/ledger/sqlite/read-questions.ts'
import * as readRounds from '../../src/ledger/sqlite/read-rounds.ts'
import * as rulesets from '../../src/ledger/sqlite/read-rulesets.ts'
import * as spooled from '../../src/ledger/sqlite/read-spooled.ts'
import * as work from '../../src/ledger/sqlite/read-work.ts'
import * as rounds from '../../src/ledger/sqlite/round-verbs.ts'
import * as ruleset from '../../src/ledger/sqlite/ruleset-verbs.ts'
import * as settle from '../../src/ledger/sqlite/settle-verbs.ts'
import * as studyTimer from '../../src/ledger/sqlite/study-timer.ts'
import * as time from '../../src/ledger/sqlite/time-mark.ts'
import { measured } from '../support/processor-time.ts'
import { fillMillion, MILLION } from './million-rows.ts'
import { type OpenedWriter, openWriterHere } from './open-writer.ts'
import { admission, forward, tried } from './sample.ts'

const MODULES = { admit, audit, claim, planning, destination, state, keep, operator, plan, gone, ruleset }
const READERS = { spooled, deliveries, instances, rulesets, readKeep, past, work, settle, time }
const MOMENTS = { amend, anew, answers, callRescue, errandMaking, errands, holds, owing, questions, rounds, studyTimer }
const MOMENT_READERS = { readAmendments, readErrands, readQuestions, readRounds }
// `…_SELECT` is the beginning of a page's text, looked at below with its order.
const STATEMENTS = Object.values({ ...MODULES, ...READERS, ...MOMENTS, ...MOMENT_READERS }).flatMap((module) =>
  Object.entries(module).flatMap(([name, value]) => {
    if (name.endsWith('_SELECT')) return []
    const texts: readonly unknown[] = Array.isArray(value) ? value : [value]
    return texts
      .filter((text) => typeof text === 'string' && /^\s*(SELECT|INSERT|UPDATE|DELETE)\b/.test(text))
      .map((text) => [name, String(text)] as const)
  }),
)

/** Tables that grow with what is routed. The others have a row a destination, a token, a ruleset … */
const BIG =
  /^SCAN (?:(instance|i|delivery|d|obligation|o|attempt|a|audit_event|e|study|s|instance_header|h|delivery_content|c|delivery_rule|r|amendment|study_round|round_member|m|errand|errand_attempt|study_answer)\b)/

let opened: OpenedWriter
beforeAll(async () => {
  opened = await openWriterHere()
  fillMillion(opened.db)
}, 120_000)
afterAll(() => opened[Symbol.dispose]())

const explain = (sql: string): readonly string[] => {
  const slots = Array(sql.split('?').length - 1).fill(null)
  return opened.db
    .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...slots)
    .map((row) => row.detail)
}

describe('at a million deliveries', () => {
  test('the statements that run are the ones looked at', () => {
    expect(STATEMENTS.length).toBeGreaterThan(70)
  })

  test.each(STATEMENTS)('%s reads no big table from end to end', (_, sql) => {
    expect(explain(sql).filter((step) => BIG.test(step))).toEqual([])
  })

  const { errandSources } = readErrands
  test.each<[string, readonly Source[]]>([
    ['studies', [instances.studySource({})]],
    ['studies by accession number', [instances.studySource({ accessionNumber: 'A1' })]],
    ['studies by state', [instances.studySource({ state: 'OPEN', receivedAfter: instant(5) })]],
    ['instances', instances.instanceSources({})],
    ['instances of a study', instances.instanceSources({ studyInstanceUid: '2.25.7.3' })],
    ['instances by state', instances.instanceSources({ state: 'HELD' })],
    ['instances by caller', instances.instanceSources({ callingAe: 'CT1', receivedAfter: instant(5) })],
    ['instances by SOP class', instances.instanceSources({ sopClassUid: '1.2.3' })],
    ['what is held', [deliveries.HELD_SOURCE]],
    ['errands', errandSources({})],
    ['errands by state', errandSources({ states: ['FAILED', 'WAITING'] })],
    ['errands of a study', errandSources({ studyInstanceUid: '2.25.7.3' })],
    ['audit events', readKeep.auditSources({})],
    ['audit events of a subject', readKeep.auditSources({ subjectId: 'i1' })],
    ['audit events by name', readKeep.auditSources({ event: 'Decision Made', after: instant(5) })],
    ['audit events by actor', readKeep.auditSources({ actor: 'planner' })],
    ['audit events of a time', readKeep.auditSources({ after: instant(1), before: instant(9) })],
  ])('%s are paged in the order of an index', (_, sources) => {
    const place = { at: 1, seq: 1 }
    for (const newestFirst of [true, false]) {
      for (const edges of [
        { after: undefined, before: undefined },
        { after: place, before: undefined },
        { after: undefined, before: place },
      ]) {
        const steps = sources.flatMap((source) => explain(rangeSql(source, { newestFirst, ...edges })))
        expect(steps.filter((step) => /TEMP B-TREE/.test(step))).toEqual([])
        expect(steps.filter((step) => /^SCAN/.test(step) && !/USING (COVERING )?INDEX/.test(step))).toEqual([])
      }
    }
  })

  test.each([
    [{}],
    [{ destination: 'dest1' }],
    [{ states: ['FAILED', 'READY'] as const }],
    [{ destination: 'dest2', states: ['FAILED'] as const, plannedAfter: instant(100) }],
    [{ rule: 'rule1' }],
    [{ rule: 'rule1', states: ['FAILED'] as const }],
    [{ studyInstanceUid: '2.25.7.9' }],
  ])('deliveries by %j are paged in the order of an index', (selection) => {
    for (const source of deliverySources(opened.db)(deliveries.DELIVERY_SELECT, selection)) {
      const steps = explain(rangeSql(source, { newestFirst: true, after: { at: 5, seq: 5 }, before: undefined }))
      expect(steps.filter((step) => /TEMP B-TREE/.test(step))).toEqual([])
      expect(steps.filter((step) => /^SCAN/.test(step) && !/USING (COVERING )?INDEX/.test(step))).toEqual([])
    }
  })

  test('verbs and pages take milliseconds', () => {
    const { verbs } = opened.reader
    opened.at = instant(MILLION * 250)
    const timings: Record<string, number> = {}
    const timed = <T>(name: string, act: () => T): T => {
      act()
      const { value, tookMs } = measured(act)
      timings[name] = tookMs
      return value
    }
    timed('page of deliveries', () => verbs.deliveries({}, { first: 50 }))
    timed('page by states', () => verbs.deliveries({ states: ['FAILED', 'READY'] }, { first: 50 }))
    timed('page by rule and state', () => verbs.deliveries({ rule: 'rule2', states: ['FAILED'] }, { last: 50 }))
    timed('page of instances', () => verbs.instances({ state: 'HELD' }, { first: 50 }))
    timed('page of audit events', () => verbs.auditEvents({ event: 'Decision Made' }, { first: 50 }))
    timed('queue depth', () => verbs.queueDepth('dest1', opened.at))
    timed('obligation counts', () => verbs.obligationCounts())
    timed('conditions', () => verbs.conditions(opened.at))
    timed('next due', () => verbs.nextDueAt('dest1', opened.at))
    timed('unplanned', () => verbs.unplanned(50, 'i00249990' as InstanceId))
    timed('admit', () => opened.do('admit', [admission()]))
    const claims = timed('claim', () => opened.do('claim', 'dest1', 50, 'me', ms(60_000)))
    timed('settle', () => {
      const rest = {
        attempt: tried('DELIVERED'),
        state: 'DELIVERED',
        nextAttemptAt: null,
        reason: null,
        sentSha256: null,
      } as const
      return opened.do(
        'settle',
        claims.map(({ id, token }) => ({ delivery: id, token, ...rest })),
      )
    })
    timed('plan', () => {
      const one = admission()
      opened.do('admit', [one])
      return opened.do('plan', [
        { instance: one.id, expectedVersion: 1, rulesetDigest: 'r', obligations: [forward('dest1')] },
      ])
    })
    timed('rescue', () => opened.do('rescue', 'somebody else'))
    if (process.env['KURIR_TIMINGS'] !== undefined) process.stdout.write(`${JSON.stringify(timings)} ms\n`)
    expect(Object.entries(timings).filter(([, took]) => took > 200)).toEqual([])
  })
})
