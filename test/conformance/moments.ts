import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { instant, ms } from '../../src/base/clock.ts'
import type { NewObligation } from '../../src/ledger/deciding.ts'
import type { InstanceId, RoundId } from '../../src/ledger/ids.ts'
import type { Ledger, PlanEntry, PlanOutcome } from '../../src/ledger/ledger.ts'
import type { QuestionOutcome } from '../../src/ledger/questions.ts'
import type { OpenRound, RoundPart } from '../../src/ledger/rounds.ts'
import type { RuleRef } from '../../src/rules/decision.ts'
import { type AdmissionParts, admission, forward, tried } from '../ledger/sample.ts'
import type { Opened } from './ledger.ts'

const BY = { name: 'ani' }
const LEASE = ms(60_000)
const RULE: RuleRef = { name: 'reconcile', file: '20-his.yaml', line: 5, rulesetDigest: 'r1' }
const POLICY = { quiet: ms(90_000), longest: ms(1_800_000) }
const QUESTION = { key: 'k1', service: 'his', call: 'order', arguments: { accession: 'ACC1' } }
const FOUND = { found: true, fields: { patient_id: '00-12' } }
const MISSING = { found: false, fields: {} }
const AMENDMENT = {
  attributes: [{ name: 'AccessionNumber', value: 'ACC9' }],
  changes: [{ tag: '(0008,0050)', keyword: 'AccessionNumber', verb: 'set', before: 'ACC1', after: 'ACC9' }],
  reason: 'typing mistake',
}
const hold = (
  reason = 'look at this',
  more: Partial<Extract<NewObligation, { kind: 'HOLD' }>> = {},
): NewObligation => ({
  kind: 'HOLD',
  rule: RULE,
  reason,
  ...more,
})
const forMoment: NewObligation = { kind: 'WAIT', rule: null, reason: 'study', question: null, until: null }

/** The part of the port's contract that is about corrections, holds, questions, study moments and errands. */
export function momentsConformance(name: string, open: () => Promise<Opened>): void {
  let opened: Opened
  let ledger: Ledger

  beforeEach(async () => {
    opened = await open()
    ledger = opened.ledger
  })
  afterEach(async () => {
    await opened[Symbol.asyncDispose]()
  })

  async function admitted(parts: AdmissionParts = {}): Promise<InstanceId> {
    const [row] = await ledger.admit([admission({ at: ledger.now(), ...parts })])
    return row?.id ?? fail('nothing admitted')
  }
  async function plan(id: InstanceId, obligations: readonly NewObligation[], more: Partial<PlanEntry> = {}) {
    const unplanned = (await ledger.unplanned(5_000)).find((each) => each.id === id)
    if (unplanned === undefined) return fail('not unplanned')
    const entry = { instance: id, expectedVersion: unplanned.version, rulesetDigest: 'r1', obligations, ...more }
    const [outcome] = await ledger.plan([entry])
    return outcome ?? fail('no outcome')
  }
  async function planned(
    obligations: readonly NewObligation[],
    parts: AdmissionParts = {},
    more: Partial<PlanEntry> = {},
  ) {
    const id = await admitted(parts)
    await plan(id, obligations, more)
    return id
  }
  const waiting = (until: number | null = null, isNew = true): NewObligation => ({
    kind: 'WAIT',
    rule: RULE,
    reason: 'order: asked',
    question: { ...QUESTION, dueAt: ledger.now(), isNew },
    until: until === null ? null : instant(until),
  })
  const undecided = async (): Promise<readonly InstanceId[]> => (await ledger.unplanned(5_000)).map(({ id }) => id)
  const stateOf = async (id: InstanceId) => (await ledger.views.instance(id))?.state
  const open1 = async (): Promise<OpenRound> => {
    const outcome = await ledger.openRound('2.25.1', 'operator')
    return outcome.kind === 'opened' ? outcome.round : fail(outcome.kind)
  }
  const part = (round: OpenRound, members: RoundPart['members'], more: Partial<RoundPart> = {}): RoundPart => ({
    round: round.id,
    expectedVersion: round.version,
    rulesetDigest: 'r1',
    members,
    last: { notices: [], waits: false },
    given: {},
    rests: [],
    ...more,
  })
  const owes = (instance: InstanceId, ...obligations: readonly NewObligation[]) => ({
    instance,
    obligations,
    again: false,
  })
  async function deliverAll(destination: string, state: 'DELIVERED' | 'REJECTED' = 'DELIVERED'): Promise<number> {
    const claims = await ledger.claim(destination, 100, 'me', LEASE)
    const outcome = state === 'DELIVERED' ? 'DELIVERED' : 'PERMANENT'
    await ledger.settle(
      claims.map(({ id, token }) => {
        const rest = { nextAttemptAt: null, reason: null, sentSha256: null }
        return { delivery: id, token, attempt: tried(outcome), state, ...rest }
      }),
    )
    return claims.length
  }
  async function answer(outcome: QuestionOutcome): Promise<void> {
    const [claim] = await ledger.claimQuestions(1, LEASE)
    if (claim === undefined) return fail('no question is due')
    expect(await ledger.settleQuestion(claim.key, claim.token, outcome)).toBe('applied')
  }
  const answered = (what: typeof FOUND | typeof MISSING): QuestionOutcome => ({
    kind: 'answered',
    answer: what,
    keepFor: ms(600_000),
    nextAttemptAt: instant(ledger.now() + 300_000),
    status: '200',
  })

  describe(`${name}: amendments`, () => {
    test('what is held is decided again with the correction; what is on the queue stays', async () => {
      const id = await planned([forward('pacs'), hold()])
      expect(await ledger.instanceAmend(id, AMENDMENT, BY)).toEqual({ kind: 'ok', value: id })
      const [again] = await ledger.unplanned(1)
      expect(again).toMatchObject({ id, version: 3, amendments: AMENDMENT.attributes })
      const rows = await ledger.views.amendments(id)
      expect(rows).toEqual([{ at: ledger.now(), by: 'ani', ...AMENDMENT }])
      // Held until it is decided again: it may be held still.
      expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 1, HELD: 1, undecided: 1 })
      // The same again: nothing new. Other content: held, as the destination may have the first.
      await plan(id, [forward('pacs'), forward('cloud')])
      expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 2, HELD: 0, undecided: 0 })
      await ledger.instanceReplan(id, BY)
      await plan(id, [forward('pacs', { editVersion: 2 })])
      expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 2, HELD: 1 })
    })

    test('a decision made before the correction does not stand', async () => {
      const id = await admitted()
      const entry = { instance: id, expectedVersion: 1, rulesetDigest: 'r1', obligations: [forward('pacs')] }
      await ledger.instanceAmend(id, AMENDMENT, BY)
      expect(await ledger.plan([entry])).toEqual([{ kind: 'superseded' }])
    })

    test('what comes with a correction is never decided without it, nor taken for what came without', async () => {
      const same = { uid: '2.25.500', bytes: 'the same' }
      const first = await planned([forward('pacs')], same)
      const amendments = [{ ...AMENDMENT, by: 'budi' }]
      const [row] = await ledger.admit([{ ...admission({ at: ledger.now(), ...same }), amendments }])
      const id = row?.id ?? fail('nothing admitted')
      expect(await ledger.unplanned(5)).toMatchObject([{ id, amendments: AMENDMENT.attributes }])
      expect(await ledger.views.amendments(id)).toEqual([{ at: ledger.now(), by: 'budi', ...AMENDMENT }])
      expect(await plan(id, [forward('cloud')])).toMatchObject({ kind: 'planned' })
      // What comes without one is a duplicate of what did, and of nothing else.
      expect(await plan(await admitted(same), [forward('pacs')])).toEqual({ kind: 'duplicate', of: first })
      const { rows } = await ledger.views.auditEvents({ event: 'Instance Amended' }, { first: 5 })
      expect(rows.map(({ row: event }) => event.actor)).toEqual(['budi'])
    })

    test('what is settled keeps its decision, and the correction is on record', async () => {
      const id = await planned([forward('pacs')])
      await ledger.instanceAmend(id, AMENDMENT, BY)
      expect(await undecided()).toEqual([])
      expect(await ledger.views.amendments(id)).toHaveLength(1)
      const unreadable = await admitted({ unreadable: 'no header' })
      expect(await ledger.instanceAmend(unreadable, AMENDMENT, BY)).toMatchObject({ kind: 'not-allowed-now' })
      expect(await ledger.instanceAmend('nobody' as InstanceId, AMENDMENT, BY)).toEqual({ kind: 'not-found' })
      const { rows } = await ledger.views.auditEvents({ event: 'Instance Amended' }, { first: 5 })
      expect(rows.map(({ row }) => row.actor)).toEqual(['ani'])
    })
  })

  describe(`${name}: holds`, () => {
    const held = async () => (await ledger.views.held({ first: 10 })).rows.map(({ row }) => row)

    test('a rule that asked a person and was answered does not ask again', async () => {
      const id = await planned([hold('look', { releasable: true })])
      const [row] = await held()
      expect(row).toMatchObject({ instance: id, reason: 'look', others: 0 })
      expect(await ledger.holdRelease(row?.id ?? fail('none'), 'fine', BY)).toEqual({ kind: 'ok', value: id })
      expect(await undecided()).toEqual([id])
      await plan(id, [hold('look', { releasable: true }), forward('pacs')])
      expect(await held()).toEqual([])
      expect(await stateOf(id)).toBe('PENDING')
    })

    test('a hold that says something cannot be done comes back until it can', async () => {
      const id = await planned([hold('unmatched')])
      const [row] = await held()
      await ledger.holdRelease(row?.id ?? fail('none'), 'try', BY, AMENDMENT)
      const [event] = (await ledger.views.auditEvents({ event: 'Hold Released' }, { first: 1 })).rows
      expect(JSON.parse(event?.row.detail ?? '')).toEqual({
        reason: 'try',
        held: 'unmatched',
        corrected: ['AccessionNumber'],
      })
      await plan(id, [hold('unmatched')])
      expect(await held()).toHaveLength(1)
      expect(await ledger.views.amendments(id)).toHaveLength(1)
      expect(await ledger.holdRelease(row?.id ?? fail('none'), 'again', BY)).toMatchObject({ kind: 'not-allowed-now' })
    })

    test('what a person discards goes nowhere, and is no part of its study', async () => {
      const id = await planned([hold()], {}, { moment: POLICY })
      await planned([forward('pacs')], {}, { moment: POLICY })
      const [row] = await held()
      await ledger.holdDiscard(row?.id ?? fail('none'), 'a test image', BY)
      expect(await stateOf(id)).toBe('DISCARDED')
      expect(await ledger.views.obligationCounts()).toMatchObject({ HELD: 0, DISCARDED: 1, PENDING: 1 })
      const round = await open1()
      expect(await ledger.roundMembers(round.id, 10)).toHaveLength(1)
    })

    test('of several holds of one instance each is answered by itself, and the others stay what they were', async () => {
      const [first, second, third] = ['A', 'B', 'C'].map((name) =>
        hold(name, { rule: { ...RULE, name }, releasable: true }),
      )
      if (first === undefined || second === undefined || third === undefined) return fail('three')
      const all = [first, second, third, forward('pacs')]
      const id = await planned(all)
      const rowOf = async (reason: string) => (await held()).find((row) => row.reason === reason)
      const before = await held()
      const without = (...reasons: string[]) => before.filter(({ reason }) => !reasons.includes(reason ?? ''))

      await ledger.holdRelease((await rowOf('A'))?.id ?? fail('A'), 'fine', BY)
      expect(await held()).toEqual(without('A'))
      await plan(id, all)
      expect(await held()).toEqual(without('A'))

      await ledger.holdDiscard((await rowOf('B'))?.id ?? fail('B'), 'not wanted', BY)
      expect(await held()).toEqual(without('A', 'B'))
      await ledger.holdRelease((await rowOf('C'))?.id ?? fail('C'), 'fine', BY)
      await plan(id, all)
      expect(await held()).toEqual([])
      expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 1, CANCELLED: 2, DISCARDED: 1, HELD: 0 })
      // A person who asks for a new decision means it.
      await ledger.instanceReplan(id, BY)
      await plan(id, all)
      expect((await held()).map(({ reason }) => reason)).toEqual(['B'])
    })

    test('a hold that a new decision has no word for is over, and another one is new', async () => {
      const id = await planned([hold('A'), hold('B')])
      const [one] = await held()
      await ledger.instanceAmend(id, AMENDMENT, BY)
      await plan(id, [hold(one?.reason ?? ''), hold('D')])
      const rows = await held()
      expect(rows.map(({ reason }) => reason).sort()).toEqual([one?.reason, 'D'].sort())
      expect(rows.find(({ reason }) => reason === one?.reason)).toEqual(one)
    })

    test('a correction that comes with a release is seen by whatever is being decided without it', async () => {
      const id = await planned([hold(), forMoment], {}, { moment: POLICY })
      const round = await open1()
      const [own] = await held()
      expect(await ledger.holdRelease(own?.id ?? fail('none'), 'corrected', BY, AMENDMENT)).toMatchObject({
        kind: 'ok',
      })
      // The decision of the round was made with what the correction replaces.
      expect(await ledger.planRound(part(round, [owes(id, forward('cloud'))]))).toBe('superseded')
      await plan(id, [forMoment], { moment: POLICY })
      await ledger.planRound(part(await open1(), [owes(id, hold('no order'))]))
      await ledger.instanceReplan(id, BY)
      const stale = (await ledger.unplanned(5))[0] ?? fail('not unplanned')
      const [ofRound] = await held()
      expect(await ledger.holdRelease(ofRound?.id ?? fail('none'), 'corrected', BY, AMENDMENT)).toMatchObject({
        kind: 'ok',
      })
      const entry = {
        instance: id,
        expectedVersion: stale.version,
        rulesetDigest: 'r1',
        obligations: [forward('pacs')],
      }
      expect(await ledger.plan([entry])).toEqual([{ kind: 'superseded' }])
    })

    test('a delivery of a study’s moment that is released with a correction is owed by that moment again', async () => {
      const id = await planned([forward('pacs')], {}, { moment: POLICY })
      const round = await open1()
      const sends = owes(id, forward('cloud', { held: 'conflict' }))
      await ledger.planRound(part(round, [sends]))
      const [row] = await held()
      await ledger.holdRelease(row?.id ?? fail('none'), 'corrected', BY, AMENDMENT)
      // What the instance's own moment made us owe stays as it is.
      expect(await undecided()).toEqual([])
      const [again] = await ledger.openRounds(5)
      expect(again).toMatchObject({ id: round.id })
      await ledger.planRound(part(again ?? fail('none'), [owes(id, forward('cloud'))]))
      expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 2, HELD: 0, CANCELLED: 1 })
    })

    test('a held delivery goes when released, and is cancelled when discarded', async () => {
      await planned([forward('pacs', { held: 'conflict' }), forward('cloud', { held: 'conflict' })])
      const [cloud, pacs] = await held()
      await ledger.holdRelease(pacs?.id ?? fail('none'), 'send it', BY)
      await ledger.holdDiscard(cloud?.id ?? fail('none'), 'no', BY)
      expect(await ledger.views.obligationCounts()).toMatchObject({ HELD: 0, PENDING: 1, CANCELLED: 1 })
    })

    test('a new ruleset decides again what waits or is held by another, in batches, once', async () => {
      const ids = [await planned([hold()]), await planned([waiting()]), await planned([hold(), forward('pacs')])]
      await planned([forward('pacs', { outgoingUid: '2.25.98' })])
      await admitted({ unreadable: 'no header' })
      expect(await ledger.decideAnew('r1', 10)).toBe(0)
      expect(await ledger.decideAnew('r2', 2)).toBe(2)
      expect(await ledger.decideAnew('r2', 2)).toBe(1)
      expect(await ledger.decideAnew('r2', 2)).toBe(0)
      expect(await undecided()).toEqual(ids)
      for (const id of ids) await plan(id, [hold()], { rulesetDigest: 'r2' })
      expect(await ledger.decideAnew('r2', 2)).toBe(0)
      expect(await ledger.decideAnew('r0', 10)).toBe(3)
    })
  })

  describe(`${name}: questions`, () => {
    test('is asked once for all who wait, and decides each of them again', async () => {
      const ids = [await planned([waiting()]), await planned([waiting()], { study: '2.25.7' })]
      expect(await stateOf(ids[0] ?? fail('none'))).toBe('WAITING')
      const claims = await ledger.claimQuestions(10, LEASE)
      expect(claims).toMatchObject([{ ...QUESTION, attempts: 0 }])
      expect(await ledger.claimQuestions(10, LEASE)).toEqual([])
      const [claim] = claims
      if (claim === undefined) return fail('none')
      await ledger.settleQuestion(claim.key, claim.token, answered(FOUND))
      expect(await ledger.settleQuestion(claim.key, claim.token, answered(FOUND))).toBe('superseded')
      expect(await undecided()).toEqual(ids)
      const asked = ids.map((instance) => ({ instance, key: 'k1' }))
      expect(await ledger.answers(asked)).toMatchObject([FOUND, FOUND])
      expect(await ledger.nextQuestionAt()).toBeUndefined()
    })

    test('one study never rests on two answers', async () => {
      const first = await planned([waiting()])
      await answer(answered(FOUND))
      const [kept] = await ledger.answers([{ instance: first, key: 'k1' }])
      const rests = [{ key: 'k1', answeredAt: kept?.answeredAt ?? fail('no answer') }]
      expect(await plan(first, [forward('pacs')], { rests })).toMatchObject({ kind: 'planned' })
      const second = await admitted()
      const wrong = [{ key: 'k1', answeredAt: instant(1) }]
      expect(await plan(second, [forward('pacs')], { rests: wrong })).toEqual({ kind: 'superseded' })
      expect(await plan(second, [forward('pacs', { outgoingUid: '2.25.97' })], { rests })).toMatchObject({
        kind: 'planned',
      })
      // What is remembered ends; what a study rests on does not.
      await opened.clock.advance(700_000)
      const elsewhere = await admitted({ study: '2.25.8' })
      const asked = [first, elsewhere].map((instance) => ({ instance, key: 'k1' }))
      expect(await ledger.answers(asked)).toMatchObject([FOUND, undefined])
    })

    test('an answer that comes while another decides is not slept through', async () => {
      const first = await planned([waiting()])
      const late = await admitted()
      await answer(answered(FOUND))
      await plan(late, [waiting()])
      expect(await undecided()).toEqual([first, late])
    })

    test('nothing found is asked again while somebody waits, and held when the time is over', async () => {
      const id = await planned([waiting(ledger.now() + 400_000)])
      await answer(answered(MISSING))
      const [kept] = await ledger.answers([{ instance: id, key: 'k1' }])
      expect(kept).toMatchObject(MISSING)
      const rests = [{ key: 'k1', answeredAt: kept?.answeredAt ?? fail('none') }]
      await plan(id, [waiting(ledger.now() + 400_000, false)], { rests })
      expect(await ledger.claimQuestions(1, LEASE)).toEqual([])
      await opened.clock.advance(300_000)
      await answer(answered(MISSING))
      expect(await undecided()).toEqual([])
      await opened.clock.advance(200_000)
      expect(await ledger.waitsExpired(10)).toBe(1)
      expect(await ledger.waitsExpired(10)).toBe(0)
      expect(await stateOf(id)).toBe('HELD')
      expect(await ledger.claimQuestions(1, LEASE)).toHaveLength(0)
      await opened.clock.advance(300_000)
      expect(await ledger.claimQuestions(1, LEASE)).toEqual([])
      expect(await ledger.nextQuestionAt()).toBeUndefined()
    })

    test('for how long nothing was found survives a clock that was set back while nobody ran', async () => {
      const id = await planned([waiting()])
      await opened.clock.advance(100_000)
      await admitted({ study: '2.25.2' })
      opened.clock.jump(-86_400_000)
      ledger = await opened.reopen()
      await answer(answered(MISSING))
      const [first] = await ledger.answers([{ instance: id, key: 'k1' }])
      expect(first?.askedAt).toBe(ledger.now() - 100_000)
      const rests = [{ key: 'k1', answeredAt: first?.answeredAt ?? fail('none') }]
      await plan(id, [waiting(ledger.now() + 400_000, false)], { rests })
      opened.clock.jump(-86_400_000)
      ledger = await opened.reopen()
      const [kept] = await ledger.answers([{ instance: id, key: 'k1' }])
      expect(kept?.askedAt).toBe(ledger.now() - 100_000)
    })

    test('no answer comes back later, uncounted where nobody was asked; a refusal holds', async () => {
      const id = await planned([waiting()])
      const again = {
        kind: 'again',
        nextAttemptAt: instant(ledger.now() + 5_000),
        status: null,
        reason: 'timeout',
      } as const
      await answer({ ...again, counted: true })
      expect(await ledger.claimQuestions(1, LEASE)).toEqual([])
      expect(await ledger.questionsDue('his')).toBe(1)
      const [claim] = await ledger.claimQuestions(1, LEASE)
      expect(claim?.attempts).toBe(1)
      // Whoever had it died: its lease ends.
      await opened.clock.advance(61_000)
      await answer({ kind: 'refused', status: '401', reason: 'unauthorized' })
      expect(await ledger.views.instance(id)).toMatchObject({ state: 'HELD', heldReason: 'his.order: unauthorized' })
    })

    test('what a process that died was asking is asked again at once', async () => {
      await planned([waiting()])
      const [before] = await ledger.claimQuestions(1, LEASE)
      expect(await ledger.claimQuestions(1, LEASE)).toEqual([])
      expect(await ledger.callsRescued()).toBe(1)
      const [after] = await ledger.claimQuestions(1, LEASE)
      expect([after?.key, after?.attempts]).toEqual([before?.key, 0])
      expect(await ledger.callsRescued()).toBe(1)
      expect(await ledger.callsRescued()).toBe(0)
    })

    test('asking again forgets what the study rested on', async () => {
      const id = await planned([waiting()])
      await answer(answered(MISSING))
      await plan(id, [hold('order: not found', { question: 'k1' })])
      expect(await ledger.studyAskAgain('2.25.1', BY)).toEqual({ kind: 'ok', value: '2.25.1' })
      expect(await ledger.answers([{ instance: id, key: 'k1' }])).toEqual([undefined])
      expect(await undecided()).toEqual([id])
      expect(await ledger.studyAskAgain('2.25.404', BY)).toEqual({ kind: 'not-found' })
    })
  })

  describe(`${name}: study moments`, () => {
    const member = async () => await planned([forMoment], {}, { moment: POLICY })

    test('come when nothing was decided for long enough, or after the longest time', async () => {
      await member()
      await opened.clock.advance(60_000)
      await member()
      expect(await ledger.nextStudyAt()).toBe(ledger.now() + 90_000)
      await opened.clock.advance(89_000)
      expect(await ledger.dueStudies(10)).toEqual([])
      await opened.clock.advance(1_000)
      expect(await ledger.dueStudies(10)).toEqual([{ studyInstanceUid: '2.25.1', settledBy: 'quiet' }])
      // An association that brought it was open until now.
      await ledger.studiesStirred(['2.25.1', '2.25.404'], POLICY)
      expect(await ledger.dueStudies(10)).toEqual([])
      for (let minute = 0; minute < 28; minute++) {
        await opened.clock.advance(60_000)
        await ledger.studiesStirred(['2.25.1'], POLICY)
      }
      expect(await ledger.dueStudies(10)).toEqual([{ studyInstanceUid: '2.25.1', settledBy: 'longest' }])
    })

    test('survive a restart, and a clock that was set back meanwhile', async () => {
      await member()
      opened.clock.jump(-3_600_000)
      ledger = await opened.reopen()
      await opened.clock.advance(91_000)
      expect(await ledger.dueStudies(10)).toHaveLength(1)
    })

    test('freeze their members: the same after a restart, others in the next round', async () => {
      const [a, b] = [await member(), await planned([forward('pacs')], {}, { moment: POLICY })]
      const round = await open1()
      ledger = await opened.reopen()
      const c = await member()
      expect(await open1()).toEqual(round)
      const members = await ledger.roundMembers(round.id, 10)
      expect(members).toMatchObject([
        { id: a, isNew: true, isWanted: false },
        { id: b, isNew: true, isWanted: true },
      ])
      expect(await ledger.roundMembers(round.id, 1, a)).toMatchObject([{ id: b }])
      expect(await ledger.planRound(part(round, [owes(a, forward('cloud')), owes(b, forward('cloud'))]))).toBe(
        'planned',
      )
      const second = await open1()
      expect(second).toMatchObject({ number: 2 })
      expect((await ledger.roundMembers(second.id, 10)).map(({ id, isNew }) => [id, isNew])).toEqual([
        [a, false],
        [b, false],
        [c, true],
      ])
    })

    test('wait for what is not decided at its own moment', async () => {
      await member()
      const late = await admitted()
      expect(await ledger.openRound('2.25.1', 'operator')).toEqual({ kind: 'not-yet' })
      expect(await ledger.nextStudyAt()).toBe(ledger.now() + 1_000)
      await plan(late, [forward('pacs')], { moment: POLICY })
      await open1()
    })

    test('do not come when more of the study was decided since its quiet was found to be over', async () => {
      await member()
      await opened.clock.advance(90_000)
      expect(await ledger.dueStudies(10)).toEqual([{ studyInstanceUid: '2.25.1', settledBy: 'quiet' }])
      await member()
      expect(await ledger.openRound('2.25.1', 'quiet')).toEqual({ kind: 'not-yet' })
      expect(await ledger.nextStudyAt()).toBe(ledger.now() + 90_000)
      await opened.clock.advance(90_000)
      expect(await ledger.openRound('2.25.1', 'quiet')).toMatchObject({ kind: 'opened' })
    })

    test('that were waited for longest come without what streams in just then, which takes part in the next', async () => {
      const first = await member()
      const late = await admitted()
      const cut = await ledger.openRound('2.25.1', 'longest')
      const round = cut.kind === 'opened' ? cut.round : fail(cut.kind)
      expect((await ledger.roundMembers(round.id, 10)).map(({ id }) => id)).toEqual([first])
      await plan(late, [forMoment], { moment: POLICY })
      await ledger.planRound(part(round, [owes(first, forward('cloud'))]))
      const second = await open1()
      expect((await ledger.roundMembers(second.id, 10)).map(({ id, isNew }) => [id, isNew])).toEqual([
        [first, false],
        [late, true],
      ])
      // One that a round has seen already is waited for: that round's members are not to be told half.
      await ledger.planRound(part(second, [owes(first), owes(late, forward('cloud', { outgoingUid: '2.25.98' }))]))
      await ledger.instanceReplan(first, BY)
      await member()
      expect(await ledger.openRound('2.25.1', 'longest')).toEqual({ kind: 'not-yet' })
    })

    test('that were waited for longest wait for the only one there is, while it is being decided again', async () => {
      const only = await member()
      await ledger.instanceReplan(only, BY)
      expect(await ledger.openRound('2.25.1', 'longest')).toEqual({ kind: 'not-yet' })
      await plan(only, [forMoment], { moment: POLICY })
      expect(await ledger.openRound('2.25.1', 'longest')).toMatchObject({ kind: 'opened' })
    })

    test('are written in parts, each once however often it is done', async () => {
      const ids = [await member(), await member()]
      expect(await ledger.views.obligationCounts()).toMatchObject({ WAITING: 2 })
      const round = await open1()
      const sends = ids.map((id, n) => owes(id, forward('cloud', { outgoingUid: `2.25.9${n}` })))
      const parts = [part(round, sends.slice(0, 1), { last: null }), part(round, sends.slice(1))]
      await ledger.planRound(parts[0] ?? fail('none'))
      await ledger.planRound(parts[0] ?? fail('none'))
      expect(await ledger.openRounds(10)).toEqual([{ ...round, begunBy: 'r1' }])
      expect((await ledger.views.study('2.25.1'))?.state).toBe('OPEN')
      await ledger.planRound(parts[1] ?? fail('none'))
      expect(await ledger.planRound(parts[1] ?? fail('none'))).toBe('superseded')
      expect(await ledger.views.obligationCounts()).toMatchObject({ WAITING: 0, PENDING: 2 })
      expect((await ledger.views.study('2.25.1'))?.state).toBe('SETTLED')
      expect(await ledger.openRounds(10)).toEqual([])
      expect(await ledger.openRound('2.25.1', 'quiet')).toEqual({ kind: 'nothing-new' })
      await member()
      expect((await ledger.views.study('2.25.1'))?.state).toBe('OPEN')
    })

    test('make an errand a destination, which follows its deliveries', async () => {
      const ids = [
        await member(),
        await planned([forward('cloud', { outgoingUid: '2.25.91' })], {}, { moment: POLICY }),
      ]
      const round = await open1()
      const sends = ids.map((id, n) => owes(id, forward('cloud', { outgoingUid: `2.25.9${n}` })))
      await ledger.planRound(part(round, sends, { given: { cloud: { patient: 'P0' } } }))
      const { rows } = await ledger.views.errands({ destination: 'cloud' }, { first: 5 })
      const [errand] = rows.map(({ row }) => row)
      expect(errand).toMatchObject({ round: 1, service: null, arguments: { patient: 'P0' }, state: 'PENDING' })
      // What the instance moment owes already is part of it: no second delivery.
      const deliveries = await ledger.views.deliveries({ errand: errand?.id ?? fail('none') }, { first: 5 })
      expect(deliveries.rows.map(({ row }) => row.errand)).toEqual([errand?.id, errand?.id])
      expect(await deliverAll('cloud')).toBe(2)
      expect(await ledger.views.errand(errand?.id ?? fail('none'))).toMatchObject({ state: 'DELIVERED' })
      expect(await ledger.views.obligationCounts()).toMatchObject({ DELIVERED: 2, PENDING: 0, WAITING: 0 })
    })

    test('make an errand that is held while its destination is gone, and goes on when that is back', async () => {
      const id = await member()
      await ledger.planRound(part(await open1(), [owes(id, forward('cloud'))]))
      const state = async () => (await ledger.views.errands({}, { first: 5 })).rows.map(({ row }) => row.state)
      expect(await ledger.deliveriesHoldGone('cloud', 9)).toBe(1)
      expect(await state()).toEqual(['HELD'])
      expect(await ledger.deliveriesReleaseGone('cloud', 9)).toBe(1)
      expect(await state()).toEqual(['PENDING'])
    })

    test('send the whole study again only where that is asked for', async () => {
      const id = await member()
      const send = (again: boolean) => [{ instance: id, obligations: [forward('cloud')], again }]
      await ledger.planRound(part(await open1(), send(false)))
      for (const again of [false, true]) {
        await member()
        await ledger.planRound(part(await open1(), send(again)))
      }
      const { rows } = await ledger.views.deliveries({ destination: 'cloud' }, { first: 5 })
      expect(rows.map(({ row }) => row.state)).toEqual(['READY', 'READY'])
    })

    test('a study whose patience ends in two pieces is discarded as one', async () => {
      const ids = [await member(), await member(), await member()]
      const until = ledger.now() + 1_000
      const waits = ids.map((id) => owes(id, waiting(until)))
      await ledger.planRound(part(await open1(), waits, { last: { notices: [], waits: true } }))
      await opened.clock.advance(1_000)
      expect(await ledger.waitsExpired(2)).toBe(2)
      const { rows } = await ledger.views.held({ first: 5 })
      await ledger.holdDiscard(rows[0]?.row.id ?? fail('nothing held'), 'not ours', BY)
      await ledger.waitsExpired(2)
      expect(await ledger.views.obligationCounts()).toMatchObject({ DISCARDED: 3, HELD: 0, WAITING: 0 })
    })

    test('a study held for one reason is one thing for a person, and is decided again as one', async () => {
      const ids = [await member(), await member(), await member()]
      const round = await open1()
      const holds = ids.map((id) => owes(id, hold('request: not found', { question: 'k1' })))
      await ledger.planRound(part(round, holds))
      const { rows } = await ledger.views.held({ first: 5 })
      expect(rows.map(({ row }) => [row.others, row.round])).toEqual([[2, 1]])
      expect(await ledger.views.obligationCounts()).toMatchObject({ HELD: 3, WAITING: 0 })
      await ledger.holdRelease(rows[0]?.row.id ?? fail('none'), 'order made', BY, AMENDMENT)
      const [again] = await ledger.openRounds(1)
      expect(again).toMatchObject({ id: round.id, version: 2 })
      expect(await ledger.roundMembers(round.id, 5)).toMatchObject(
        ids.map((id) => ({ id, amendments: [{ value: 'ACC9' }] })),
      )
      expect(await ledger.planRound(part(round, holds))).toBe('superseded')
      const sends = ids.map((id, n) => owes(id, forward('cloud', { outgoingUid: `2.25.9${n}` })))
      await ledger.planRound(part(again ?? fail('none'), sends))
      expect(await ledger.views.obligationCounts()).toMatchObject({ HELD: 0, PENDING: 3, CANCELLED: 3 })
    })

    test('releasing one of two reasons for which a study is held leaves the other as it was', async () => {
      const ids = [await member(), await member(), await member()]
      const round = await open1()
      const [one, two] = [hold('one', { releasable: true }), hold('two', { releasable: true })]
      const both = ids.map((id) => owes(id, one, two))
      await ledger.planRound(part(round, both))
      const heldNow = async () => (await ledger.views.held({ first: 5 })).rows.map(({ row }) => row)
      const before = await heldNow()
      const other = before.filter(({ reason }) => reason === 'two')
      await ledger.holdRelease(before.find(({ reason }) => reason === 'one')?.id ?? fail('none'), 'fine', BY)
      expect(await heldNow()).toEqual(other)
      const [again] = await ledger.openRounds(1)
      await ledger.planRound(part(again ?? fail('none'), both))
      expect(await heldNow()).toEqual(other)
      expect(other).toMatchObject([{ others: 2 }])
      // Decided anew without the one a person saw first: the rest is still one thing to look at.
      await ledger.instanceAmend(ids[0] ?? fail('none'), AMENDMENT, BY)
      const [third] = await ledger.openRounds(1)
      const sent = owes(ids[0] ?? fail('none'), forward('cloud'))
      await ledger.planRound(part(third ?? fail('none'), [sent, ...both.slice(1)]))
      expect(await heldNow()).toMatchObject([{ reason: 'two', others: 1 }])
      expect(await ledger.views.obligationCounts()).toMatchObject({ HELD: 2, CANCELLED: 3, PENDING: 1 })
    })

    test('an answer decides the round again that waits for it', async () => {
      const id = await member()
      const round = await open1()
      const both = [owes(id, forward('pacs'), waiting())]
      await ledger.planRound(part(round, both, { last: { notices: [], waits: true } }))
      expect(await ledger.openRounds(5)).toEqual([])
      await answer(answered(FOUND))
      expect(await undecided()).toEqual([])
      const [again] = await ledger.openRounds(5)
      await ledger.planRound(part(again ?? fail('none'), [owes(id, forward('pacs'), forward('cloud'))]))
      expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 2, WAITING: 0, HELD: 0 })
    })

    test('a new ruleset decides a waiting round again, once', async () => {
      const id = await member()
      await ledger.planRound(part(await open1(), [owes(id, waiting())], { last: { notices: [], waits: true } }))
      expect(await ledger.decideAnew('r2', 10)).toBe(1)
      expect(await ledger.decideAnew('r2', 10)).toBe(0)
      expect(await ledger.openRounds(5)).toHaveLength(1)
    })

    test('a member whose answer came since it was frozen is undecided, and not held for want of a decision', async () => {
      const id = await planned([waiting()], {}, { moment: POLICY })
      const round = await open1()
      await answer(answered(FOUND))
      await ledger.planRound(part(round, [owes(id)]))
      expect(await ledger.views.obligationCounts()).toMatchObject({ HELD: 0, WAITING: 0, undecided: 1 })
      expect(await stateOf(id)).toBe('PENDING')
      await plan(id, [forward('cloud')])
      expect(await ledger.views.obligationCounts()).toMatchObject({ HELD: 0, PENDING: 1, undecided: 0 })
    })

    test('what one ruleset began to write is told, and left alone by new rules until it is finished', async () => {
      const ids = [await member(), await member()]
      const round = await open1()
      expect(round).toMatchObject({ begunBy: null })
      const held = ids.map((id) => owes(id, hold()))
      await ledger.planRound(part(round, held.slice(0, 1), { last: null }))
      expect(await ledger.decideAnew('r2', 10)).toBe(0)
      await ledger.instanceAmend(ids[0] ?? fail('none'), AMENDMENT, BY)
      const [again] = await ledger.openRounds(5)
      expect(again).toMatchObject({ id: round.id, begunBy: 'r1' })
      expect(await open1()).toEqual(again)
      await ledger.planRound(part(again ?? fail('none'), held))
      expect(await ledger.decideAnew('r2', 10)).toBe(2)
      expect(await ledger.openRounds(5)).toMatchObject([{ begunBy: null }])
    })

    test('an operator calls a study finished', async () => {
      await member()
      expect(await ledger.studySettle('2.25.1', BY)).toEqual({ kind: 'ok', value: '2.25.1' })
      expect(await ledger.dueStudies(5)).toEqual([{ studyInstanceUid: '2.25.1', settledBy: 'operator' }])
      const round = await open1()
      await ledger.planRound(part(round, [owes((await ledger.roundMembers(round.id, 1))[0]?.id ?? fail('none'))]))
      // What a round has no word for is held, not lost.
      expect(await ledger.views.obligationCounts()).toMatchObject({ HELD: 1, WAITING: 0 })
      expect(await ledger.studySettle('2.25.1', BY)).toEqual({ kind: 'not-allowed-now', state: 'SETTLED' })
      expect(await ledger.studySettle('2.25.404', BY)).toEqual({ kind: 'not-found' })
      expect(await ledger.roundMembers('nobody' as RoundId, 5)).toEqual([])
    })
  })

  describe(`${name}: errands that tell`, () => {
    const notice = { service: 'his', call: 'arrived', arguments: { accession: 'ACC1' }, after: ['pacs'], rule: RULE }

    async function told(...after: readonly string[]): Promise<PlanOutcome | undefined> {
      const id = await planned([forward('pacs')], {}, { moment: POLICY })
      const last = { notices: [{ ...notice, after }], waits: false }
      await ledger.planRound(part(await open1(), [owes(id)], { last }))
      return undefined
    }
    const one = async () => (await ledger.views.errands({ service: 'his' }, { first: 5 })).rows[0]?.row ?? fail('none')

    test('wait for the deliveries they name, and for no others', async () => {
      await told('pacs')
      expect(await one()).toMatchObject({ state: 'WAITING', reason: 'deliveries', call: 'arrived' })
      expect(await ledger.views.obligationCounts()).toMatchObject({ WAITING: 1, PENDING: 1 })
      expect(await ledger.claimErrands(5, LEASE)).toEqual([])
      await deliverAll('pacs')
      expect(await ledger.claimErrands(5, LEASE)).toMatchObject([{ service: 'his', arguments: { accession: 'ACC1' } }])
      expect(await ledger.claimErrands(5, LEASE)).toEqual([])
    })

    test('do not wait for what is held because its destination is gone', async () => {
      await told('pacs')
      expect(await ledger.deliveriesHoldGone('pacs', 9)).toBe(1)
      expect(await ledger.claimErrands(5, LEASE)).toMatchObject([{ service: 'his' }])
    })

    test('say which delivery keeps them, and are told all the same when a person says so', async () => {
      await told('pacs')
      await deliverAll('pacs', 'REJECTED')
      expect(await one()).toMatchObject({ state: 'WAITING', reason: 'a delivery is REJECTED' })
      const { id } = await one()
      expect(await ledger.errandRetry(id, BY)).toEqual({ kind: 'ok', value: id })
      expect(await ledger.claimErrands(5, LEASE)).toHaveLength(1)
    })

    test('are tried again as told, counted or not, and every try is on record', async () => {
      await told()
      const settle = async (state: 'PENDING' | 'DELIVERED' | 'FAILED', counted: boolean) => {
        const [claim] = await ledger.claimErrands(1, LEASE)
        if (claim === undefined) return fail('none is due')
        const attempt = counted ? { ...tried(state === 'DELIVERED' ? 'DELIVERED' : 'TRANSIENT'), status: '503' } : null
        const nextAttemptAt = state === 'PENDING' ? instant(ledger.now() + 5_000) : null
        const outcome = { errand: claim.id, token: claim.token, attempt, state, nextAttemptAt, reason: null }
        expect(await ledger.settleErrand(outcome)).toBe('applied')
        expect(await ledger.settleErrand(outcome)).toBe('superseded')
      }
      await settle('PENDING', true)
      expect(await ledger.nextErrandAt()).toBe(ledger.now() + 5_000)
      expect(await ledger.errandsDue('his')).toBe(1)
      await settle('PENDING', false)
      ledger = await opened.reopen()
      await opened.clock.advance(5_000)
      await settle('FAILED', true)
      const { id } = await one()
      expect(await one()).toMatchObject({ state: 'FAILED', attempts: 2, status: '503' })
      await ledger.errandRetry(id, BY)
      await settle('DELIVERED', true)
      expect(await ledger.errandRetry(id, BY)).toEqual({ kind: 'not-allowed-now', state: 'DELIVERED' })
      const { rows } = await ledger.views.errandAttempts(id, { first: 5 })
      expect(rows.map(({ row }) => row.number)).toEqual([3, 2, 1])
      expect(await ledger.views.obligationCounts()).toMatchObject({ DELIVERED: 1, PENDING: 1, FAILED: 0 })
    })
  })
}

function fail(what: string): never {
  throw new Error(what)
}
