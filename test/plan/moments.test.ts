import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { instant, ms, systemClock } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { silentLog } from '../../src/base/log.ts'
import type { ErrandSettlement } from '../../src/ledger/errands.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { RoundPart } from '../../src/ledger/rounds.ts'
import { decideAll } from '../../src/plan/deciding.ts'
import { DueWork } from '../../src/plan/due-work.ts'
import { ErrandRunner } from '../../src/plan/errand-runner.ts'
import { NewRules } from '../../src/plan/new-rules.ts'
import { planEntryOf } from '../../src/plan/obligations.ts'
import { OpenAssociations } from '../../src/plan/open-associations.ts'
import { Planner } from '../../src/plan/planner.ts'
import { Questioner } from '../../src/plan/questioner.ts'
import { StudyMoments } from '../../src/plan/study-moments.ts'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import type { Ruleset } from '../../src/rules/ruleset.ts'
import type { CallOutcome, ServiceCall } from '../../src/services/call.ts'
import { type OpenedLedger, openLedger } from '../ledger/open-ledger.ts'
import { fillPast } from '../support/past-ledger.ts'

/** Where the rules never change. */
const alone = { kept: () => Promise.resolve(undefined), sweepAgain: () => {} }
const SIGNAL = new AbortController().signal

function rulesetOf(rules: string, retry = '{ first: 5s, longest: 5m, give_up_after: 2d }'): Ruleset {
  const text = `version: 1
study: { quiet: 90s, longest: 30m }
destinations: { archive: { dimse: { ae: "ARCHIVE@127.0.0.1:104" } }, cloud: { dimse: { ae: "CLOUD@127.0.0.1:104" } } }
services:
  his:
    http: { url: "http://his.example", retry: ${retry} }
    calls:
      order: { get: "/orders/{accession}", found: [200], missing: [404], keep: { mrn: /mrn } }
      arrived: { post: "/studies", body: { study: "{study}" }, accept: [200], already: [409] }
rules:
${rules}`
  const loaded = loadRuleset([{ name: 'rules/10.yaml', bytes: Buffer.from(text) }], {})
  if (!('ruleset' in loaded)) throw new Error(loaded.problems.map(({ message }) => message).join('; '))
  return loaded.ruleset
}

const LOOKUP = `  - name: archive
    forward: [archive]
  - name: known orders
    lookup: { order: { call: his.order, with: { accession: "{PatientID}" }, on_missing: hold, try_for: 48h } }
    rewrite: [{ set: { PatientID: "{order.mrn}" } }]
    forward: [cloud]
`
const FINISHED = `  - { name: finished, on: study, forward: [archive] }
  - name: tell HIS
    on: study
    notify: [{ call: his.arrived, with: { study: "{StudyInstanceUID}" } }]
`

/** A HIS as it behaves at this moment, counting what it is asked and told. */
class His {
  readonly asked: ServiceCall[] = []
  readonly told: ServiceCall[] = []
  outcome: CallOutcome = { kind: 'found', fields: { mrn: '00-12' }, notes: [], status: 200 }
  heard: CallOutcome = { kind: 'accepted', status: 200 }

  ask(call: ServiceCall): Promise<CallOutcome> {
    this.asked.push(call)
    return Promise.resolve(this.outcome)
  }
  tell(call: ServiceCall): Promise<CallOutcome> {
    this.told.push(call)
    return Promise.resolve(this.heard)
  }
}

describe('what the planner leaves for later', () => {
  let opened: OpenedLedger
  let ledger: Ledger
  const his = () => new His()
  const stack: AsyncDisposable[] = []
  beforeEach(async () => {
    opened = await openLedger()
    ledger = opened.ledger
  })
  afterEach(async () => {
    for (const each of stack.splice(0).reverse()) await each[Symbol.asyncDispose]()
    await opened[Symbol.asyncDispose]()
  })

  const parts = (ruleset: Ruleset) => ({
    ledger,
    ruleset: () => ruleset,
    random: () => 0.5,
    clock: opened.clock,
    log: silentLog,
  })
  const fill = (instances: number, perStudy: number) => fillPast(ledger, { instances, perStudy, endsAt: ledger.now() })
  async function planAll(ruleset: Ruleset): Promise<number> {
    const waiting = await ledger.unplanned(5_000)
    const decided = await decideAll(waiting, ruleset, ledger)
    const entries = decided.map((one) =>
      planEntryOf(one.instance, ruleset, () => one.decide(), { kept: one.kept, now: ledger.now() }),
    )
    await ledger.plan(entries)
    return entries.length
  }
  /** One step, and everything that it began. */
  async function step(work: { work(signal: AbortSignal): Promise<boolean> }): Promise<void> {
    await work.work(SIGNAL)
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    // Verbs are answered in their order: when this one is, so is what was asked before.
    await ledger.checkpoint()
  }

  test('a thousand instances of fifty studies ask fifty times, and what asks nothing waits for nothing', async () => {
    await fill(1_000, 20)
    const ruleset = rulesetOf(LOOKUP)
    const service = his()
    const questioner = new Questioner({ ...parts(ruleset), services: service })
    await planAll(ruleset)
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 1_000, WAITING: 1_000 })
    for (let turn = 0; turn < 4; turn += 1) await step(questioner)
    expect(await planAll(ruleset)).toBe(1_000)
    expect(service.asked).toHaveLength(50)
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 2_000, WAITING: 0, HELD: 0, undecided: 0 })
    // What comes later asks nothing that has been answered.
    await planAll(ruleset)
    expect(service.asked).toHaveLength(50)
  })

  test('a service that was down for an hour is asked at once when it returns; its outage is no try', async () => {
    await fill(10, 1)
    const ruleset = rulesetOf(LOOKUP)
    const service = his()
    const questioner = new Questioner({ ...parts(ruleset), services: service })
    const well = service.outcome
    service.outcome = {
      kind: 'again',
      scope: 'service',
      reason: 'connection-refused',
      status: null,
      retryAfter: ms(60_000),
    }
    await planAll(ruleset)
    for (let minute = 0; minute < 60; minute += 1) {
      await step(questioner)
      await opened.clock.advance(60_000)
    }
    service.outcome = well
    expect(await ledger.questionsDue('his')).toBeLessThanOrEqual(10)
    await step(questioner)
    expect(await planAll(ruleset)).toBe(10)
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 20, WAITING: 0 })
  })

  test('what nobody finds is asked again with patience, held after two days, and asked anew when a person releases it', async () => {
    await fill(1, 1)
    const ruleset = rulesetOf(LOOKUP)
    const service = his()
    const questioner = new Questioner({ ...parts(ruleset), services: service })
    service.outcome = { kind: 'missing', status: 404 }
    await planAll(ruleset)
    await step(questioner)
    await planAll(ruleset)
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 1, WAITING: 1, HELD: 0 })
    for (let hour = 0; hour < 49; hour += 1) {
      await opened.clock.advance(3_600_000)
      await step(questioner)
    }
    expect(service.asked.length).toBeGreaterThan(40)
    const [held] = (await ledger.views.held({ first: 5 })).rows.map(({ row }) => row)
    expect(held).toMatchObject({ reason: 'order: not found' })
    service.outcome = his().outcome
    await ledger.holdRelease(held?.id ?? fail(), 'the order is there now', { name: 'ani' })
    await planAll(ruleset)
    await step(questioner)
    await planAll(ruleset)
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 2, WAITING: 0, HELD: 0 })
  })

  test('a correction is seen by the rules and leaves with the instance', async () => {
    await fill(1, 1)
    const ruleset = rulesetOf(`  - name: held
    match: { not: { PatientID: 00-99 } }
    hold: who is this
  - name: known
    match: { PatientID: 00-99 }
    forward: [archive]
`)
    await planAll(ruleset)
    const [held] = (await ledger.views.held({ first: 5 })).rows.map(({ row }) => row)
    const amendment = { attributes: [{ name: 'PatientID', value: '00-99' }], changes: [], reason: 'asked the ward' }
    await ledger.holdRelease(held?.id ?? fail(), 'corrected', { name: 'ani' }, amendment)
    await planAll(ruleset)
    const [delivery] = (await ledger.views.deliveries({}, { first: 5 })).rows.map(({ row }) => row)
    expect(delivery?.changes).toMatchObject([{ keyword: 'PatientID', after: '00-99' }])
  })

  test('a correction leaves with what a request sends, too', async () => {
    await fill(1, 1)
    const [came] = await ledger.unplanned(1)
    const relayed = { door: 'STOW', callingAe: 'KURIR', calledAe: 'ARCHIVE' } as const
    const instance = {
      ...(came ?? fail()),
      reception: { ...(came ?? fail()).reception, ...relayed },
      amendments: [{ name: 'PatientID', value: '00-99' }],
    }
    const ruleset = rulesetOf('  - { name: all, forward: [cloud] }\n')
    const { obligations } = planEntryOf(instance, ruleset)
    expect(obligations).toMatchObject([{ destination: 'archive', changes: [{ keyword: 'PatientID', after: '00-99' }] }])
  })

  test('a study is not finished while an association that brought it is open, and quiet is counted from its end', async () => {
    await fill(2, 2)
    const ruleset = rulesetOf(FINISHED)
    const [instance] = await ledger.unplanned(1)
    const uid = instance?.identity.studyInstanceUid ?? fail()
    const ended: string[] = []
    const associations = new OpenAssociations((studies) => ended.push(...studies))
    associations.opened('a1')
    associations.opened('a2')
    // Another request under the same name.
    associations.opened('a2')
    associations.brought('a1', uid)
    associations.brought('a2', uid)
    associations.brought('unknown', uid)
    const moments = new StudyMoments({ ...parts(ruleset), ...alone, associations })
    await planAll(ruleset)
    await opened.clock.advance(100_000)
    await step(moments)
    associations.closed('a1')
    associations.closed('unknown')
    associations.closed('a2')
    expect(ended).toEqual([])
    await opened.clock.advance(100_000)
    await step(moments)
    expect(await ledger.views.obligationCounts()).toMatchObject({ WAITING: 2, PENDING: 0 })
    associations.closed('a2')
    expect(ended).toEqual([uid])
    await ledger.studiesStirred(ended, ruleset.study.options)
    await opened.clock.advance(89_000)
    expect(await ledger.dueStudies(5)).toEqual([])
    await opened.clock.advance(2_000)
    await step(moments)
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 2, WAITING: 1 })
  })

  test('a study of three thousand is decided in parts, and the service is told when all of it is there', async () => {
    await fill(3_000, 3_000)
    const ruleset = rulesetOf(FINISHED)
    const service = his()
    const moments = new StudyMoments({ ...parts(ruleset), ...alone, associations: { isOpen: () => false } })
    const errands = new ErrandRunner({ ...parts(ruleset), services: service })
    await planAll(ruleset)
    await opened.clock.advance(91_000)
    const from = performance.now()
    await step(moments)
    await step(moments)
    expect(performance.now() - from).toBeLessThan(20_000)
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 3_000, WAITING: 1, undecided: 0 })
    await step(errands)
    expect(service.told).toEqual([])
    for (let count = 1; count > 0; ) {
      const claims = await ledger.claim('archive', 500, 'me', ms(60_000))
      count = claims.length
      const attempt = { startedAt: instant(0), took: ms(1), outcome: 'DELIVERED', status: null, reason: null } as const
      const rest = { attempt, state: 'DELIVERED', nextAttemptAt: null, reason: null, sentSha256: null } as const
      await ledger.settle(claims.map(({ id, token }) => ({ delivery: id, token, ...rest })))
    }
    service.heard = { kind: 'again', scope: 'call', reason: 'timeout', status: null, retryAfter: null }
    await step(errands)
    await opened.clock.advance(300_000)
    service.heard = { kind: 'already', status: 409, note: 'known' }
    await step(errands)
    expect(service.told).toHaveLength(2)
    const [errand] = (await ledger.views.errands({ service: 'his' }, { first: 5 })).rows.map(({ row }) => row)
    expect(errand).toMatchObject({ state: 'DELIVERED', attempts: 2, reason: 'already told', status: '409' })
    expect(await ledger.views.obligationCounts()).toMatchObject({ DELIVERED: 3_001, PENDING: 0, WAITING: 0 })
  }, 60_000)

  test('a round that a crash cut in two is finished by the rules that began it, though others are in force', async () => {
    await fill(200, 200)
    const before = rulesetOf('  - { name: finished, on: study, forward: [archive] }\n')
    const after = rulesetOf('  - { name: finished, on: study, forward: [cloud] }\n')
    await planAll(before)
    await opened.clock.advance(91_000)
    let left = 2
    const dying: Ledger = Object.create(ledger, {
      planRound: {
        value: async (part: RoundPart) => {
          if (left-- === 0) throw new Error('killed')
          return await ledger.planRound(part)
        },
      },
    })
    const associations = { isOpen: () => false }
    const first = new StudyMoments({ ...parts(before), ...alone, ledger: dying, associations })
    await expect(first.work(SIGNAL)).rejects.toThrow('killed')
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 128, WAITING: 72 })

    let sweeps = 0
    const kept = (digest: string) => Promise.resolve(digest === before.digest ? before : undefined)
    const sweepAgain = () => void sweeps++
    const second = new StudyMoments({ ...parts(after), kept, sweepAgain, associations })
    expect(await ledger.decideAnew(after.digest, 500)).toBe(0)
    await step(second)
    expect(await ledger.decideAnew(after.digest, 500)).toBe(0)
    await step(second)
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 200, WAITING: 0, HELD: 0 })
    expect((await ledger.views.deliveries({ destination: 'cloud' }, { first: 1 })).rows).toEqual([])
    expect(sweeps).toBe(1)
  })

  test('a round that the ledger refuses is held, and the other studies go on', async () => {
    await fill(200, 100)
    const ruleset = rulesetOf('  - { name: finished, on: study, forward: [archive] }\n')
    await planAll(ruleset)
    await opened.clock.advance(91_000)
    let refused: string | undefined
    const refusing: Ledger = Object.create(ledger, {
      planRound: {
        value: async (part: RoundPart) => {
          refused ??= part.round
          const isHeld = part.members.some(({ obligations }) => obligations.some(({ kind }) => kind === 'HOLD'))
          if (part.round !== refused || isHeld) return await ledger.planRound(part)
          throw new KurirError('internal', 'permanent', 'the ledger refused a verb')
        },
      },
    })
    await step(
      new StudyMoments({ ...parts(ruleset), ...alone, ledger: refusing, associations: { isOpen: () => false } }),
    )
    expect(await ledger.openRounds(5)).toEqual([])
    expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 100, HELD: 100, WAITING: 0 })
  })

  test('new rules that had to leave a round alone are told when it is finished, and decide what its members are held for', async () => {
    await fill(200, 200)
    const asking = (reason: string) =>
      rulesetOf(`  - { name: ask, hold: "${reason}" }\n  - { name: finished, on: study, forward: [archive] }\n`)
    const before = asking('look at this')
    const after = asking('look at that')
    await planAll(before)
    await opened.clock.advance(91_000)
    // The new rules come into force before the round is decided, and ask for what is held while it stands half written.
    const between: (number | string)[] = []
    const racing: Ledger = Object.create(ledger, {
      planRound: {
        value: async (part: RoundPart) => {
          const outcome = await ledger.planRound(part)
          between.push(part.last === null ? await ledger.decideAnew(after.digest, 500) : outcome)
          return outcome
        },
      },
    })
    let sweeps = 0
    const associations = { isOpen: () => false }
    const sweepAgain = () => void sweeps++
    await step(new StudyMoments({ ...parts(after), kept: alone.kept, sweepAgain, ledger: racing, associations }))
    expect(between).toEqual([0, 0, 0, 'planned'])
    expect(sweeps).toBe(1)
    expect(await ledger.decideAnew(after.digest, 500)).toBe(200)
  })

  test('a service that is told as fast as it hears waits for no minute between', async () => {
    await fill(40, 1)
    const ruleset = rulesetOf(`  - name: tell HIS
    on: study
    notify: [{ call: his.arrived, with: { study: "{StudyInstanceUID}" }, after: received }]
`)
    const service = his()
    const all = Promise.withResolvers<void>()
    const tell = (call: ServiceCall): Promise<CallOutcome> => {
      const told = service.tell(call)
      if (service.told.length === 40) all.resolve()
      return told
    }
    await planAll(ruleset)
    await opened.clock.advance(91_000)
    const moments = new StudyMoments({ ...parts(ruleset), ...alone, associations: { isOpen: () => false } })
    for (let turn = 0; turn < 4; turn += 1) await step(moments)
    const deps = { wakes: ledger.wakes, now: () => ledger.now(), clock: opened.clock, log: silentLog }
    const errands = new DueWork(deps, new ErrandRunner({ ...parts(ruleset), services: { tell } }))
    stack.push(errands)
    await errands.start(SIGNAL)
    // The clock stands still: whoever waits for time to pass is never told.
    await all.promise
  })

  /** One study's notice, told to a service; `after` in the words of the rules. */
  async function notified(after: string, service = '{ first: 5s, longest: 5m, give_up_after: 2d }') {
    await fill(1, 1)
    const ruleset = rulesetOf(
      `  - { name: finished, on: study, forward: [archive] }
  - name: tell HIS
    on: study
    notify: [{ call: his.arrived, with: { study: "{StudyInstanceUID}" }, after: ${after} }]
`,
      service,
    )
    await planAll(ruleset)
    await opened.clock.advance(91_000)
    const moments = new StudyMoments({ ...parts(ruleset), ...alone, associations: { isOpen: () => false } })
    await step(moments)
    await step(moments)
    const errand = async () => (await ledger.views.errands({ service: 'his' }, { first: 1 })).rows[0]?.row ?? fail()
    return { ruleset, errand }
  }

  test('what waited for days before it could be told is not given up at its first failure, and one day is', async () => {
    const { ruleset, errand } = await notified('[archive]')
    const service = his()
    const errands = new ErrandRunner({ ...parts(ruleset), services: service })
    await step(errands)
    await opened.clock.advance(3 * 86_400_000)
    const [claim] = await ledger.claim('archive', 1, 'me', ms(60_000))
    const { id, token } = claim ?? fail()
    const attempt = { startedAt: instant(0), took: ms(1), outcome: 'DELIVERED', status: null, reason: null } as const
    const rest = { attempt, state: 'DELIVERED', nextAttemptAt: null, reason: null, sentSha256: null } as const
    await ledger.settle([{ delivery: id, token, ...rest }])
    service.heard = { kind: 'again', scope: 'call', reason: 'answered 500', status: 500, retryAfter: null }
    await step(errands)
    expect(await errand()).toMatchObject({ state: 'PENDING', attempts: 1 })
    while ((await errand()).state === 'PENDING') {
      await opened.clock.advance(300_000)
      await step(errands)
    }
    expect(await errand()).toMatchObject({ state: 'FAILED', reason: 'answered 500' })
    // Two days of waits that are 225 s on average.
    expect(service.told.length).toBeGreaterThan(700)
  })

  test('a service that may take its time is not told a second time while it does', async () => {
    const { ruleset, errand } = await notified('received', '{ first: 5s }, timeout: 5m')
    const answer = Promise.withResolvers<CallOutcome>()
    let told = 0
    const tell = (): Promise<CallOutcome> => {
      told += 1
      return answer.promise
    }
    const errands = new ErrandRunner({ ...parts(ruleset), services: { tell } })
    await step(errands)
    await opened.clock.advance(240_000)
    await step(errands)
    expect(told).toBe(1)
    answer.resolve({ kind: 'accepted', status: 200 })
    await step(errands)
    expect(await errand()).toMatchObject({ state: 'DELIVERED', attempts: 1 })
  })

  test('a service that heard is not told again because its answer could not be put on record at once', async () => {
    const { ruleset, errand } = await notified('received')
    const service = his()
    let failures = 3
    const full: Ledger = Object.create(ledger, {
      settleErrand: {
        value: (settlement: ErrandSettlement) =>
          failures-- > 0
            ? Promise.reject(new KurirError('disk-full', 'transient', 'full'))
            : ledger.settleErrand(settlement),
      },
    })
    const errands = new ErrandRunner({ ...parts(ruleset), ledger: full, services: service })
    for (let minute = 0; minute < 10; minute += 1) {
      await step(errands)
      await opened.clock.advance(60_000)
    }
    expect(await errand()).toMatchObject({ state: 'DELIVERED', attempts: 1 })
    expect(service.told).toHaveLength(1)
  })

  test('new rules that the ledger could not ask for decide again as soon as it can', async () => {
    await fill(3, 3)
    await planAll(rulesetOf('  - { name: ask, hold: "look at this" }\n'))
    const { digest } = rulesetOf('  - { name: ask, hold: "look at that" }\n')
    let failures = 1
    const decideAnew = (to: string, limit: number): Promise<number> =>
      failures-- > 0 ? Promise.reject(new KurirError('disk-full', 'transient', 'full')) : ledger.decideAnew(to, limit)
    const { clock } = opened
    const rules = new NewRules({ ledger: { decideAnew }, digest: () => digest, clock, log: silentLog })
    stack.push(rules)
    let swept = false
    const sweeping = rules.sweep().then(() => {
      swept = true
    })
    while (!swept) {
      await Promise.race([clock.untilWaiting(), sweeping])
      await clock.advance(1_000)
    }
    expect(await ledger.unplanned(5)).toHaveLength(3)
  })

  test('what is due is done without being told, and a failure does not end it', async () => {
    await fill(4, 2)
    const ruleset = rulesetOf(LOOKUP)
    const service = his()
    const deps = { wakes: ledger.wakes, now: () => ledger.now(), clock: systemClock, log: silentLog }
    let failures = 1
    const questioner = new Questioner({ ...parts(ruleset), services: service })
    const faulty = new DueWork(deps, {
      topic: 'question',
      nextAt: () => questioner.nextAt(),
      work: (signal) => (failures-- > 0 ? Promise.reject(new Error('once')) : questioner.work(signal)),
    })
    stack.push(faulty)
    let planned = Promise.withResolvers<void>()
    const enqueue = async (entries: Parameters<Ledger['plan']>[0]) => {
      const outcomes = await ledger.plan(entries)
      const counts = await ledger.views.obligationCounts()
      if (counts.PENDING === 8) planned.resolve()
      return outcomes
    }
    const planner = new Planner({
      ...parts(ruleset),
      spool: { unplanned: (limit: number, after?: InstanceId) => ledger.unplanned(limit, after) },
      queue: { enqueue },
      wakes: ledger.wakes,
      clock: systemClock,
    })
    stack.push(planner)
    await faulty.start(SIGNAL)
    await planner.start(SIGNAL)
    await planned.promise
    planned = Promise.withResolvers()
    expect(service.asked).toHaveLength(2)
  })
})

function fail(): never {
  throw new Error('nothing there')
}
