import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { instant, ms } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { Secret } from '../../src/base/secret.ts'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import type { DeliveryId, InstanceId } from '../../src/ledger/ids.ts'
import type {
  ClaimedDelivery,
  Ledger,
  NewObligation,
  PlanOutcome,
  RulesetRecord,
  Settlement,
} from '../../src/ledger/ledger.ts'
import { type AdmissionParts, admission, forward, newInstanceId, START, tried } from '../ledger/sample.ts'
import type { TestClock } from '../support/test-clock.ts'

/** What the suite needs of an implementation: one that is new, under a clock the test owns, and can be restarted. */
export interface Opened extends AsyncDisposable {
  readonly ledger: Ledger
  readonly clock: TestClock
  reopen(): Promise<Ledger>
}

const BY = { name: 'ani' }
const LEASE = ms(60_000)

/** The contract of the port, run over any implementation. */
export function ledgerConformance(name: string, open: () => Promise<Opened>): void {
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
  async function planOf(id: InstanceId, ...obligations: readonly NewObligation[]): Promise<PlanOutcome> {
    const unplanned = (await ledger.unplanned(100)).find((each) => each.id === id)
    if (unplanned === undefined) return fail('not unplanned')
    const entry = { instance: id, expectedVersion: unplanned.version, rulesetDigest: 'r1', obligations }
    const [outcome] = await ledger.plan([entry])
    return outcome ?? fail('no outcome')
  }
  async function planned(parts: AdmissionParts = {}, ...obligations: readonly NewObligation[]) {
    const instance = await admitted(parts)
    const outcome = await planOf(instance, ...(obligations.length === 0 ? [forward('pacs')] : obligations))
    if (outcome.kind !== 'planned') return fail(outcome.kind)
    return { instance, deliveries: outcome.deliveries, delivery: outcome.deliveries[0] ?? fail('no delivery') }
  }
  async function claimed(destination = 'pacs'): Promise<ClaimedDelivery> {
    const [claim] = await ledger.claim(destination, 1, 'me', LEASE)
    return claim ?? fail('nothing to claim')
  }
  const settlement = ({ id, token }: ClaimedDelivery, parts: Partial<Settlement> = {}): Settlement => {
    const delivered = { attempt: tried('DELIVERED'), state: 'DELIVERED', nextAttemptAt: null } as const
    return { delivery: id, token, ...delivered, reason: null, sentSha256: null, ...parts }
  }
  const stateOf = async (id: DeliveryId) => (await ledger.views.delivery(id))?.state

  describe(`${name}: taking in`, () => {
    test('what is admitted waits for a decision, oldest first, with all that the decision needs', async () => {
      const parts = { accession: 'A7', callingAe: 'MR1' }
      const [first, second] = [admission(parts), admission()]
      await ledger.admit([first, second])
      const rows = await ledger.unplanned(10)
      expect(rows.map((row) => row.id)).toEqual([first.id, second.id])
      const { blob, reception, identity } = first
      expect(rows[0]).toEqual({
        id: first.id,
        version: 1,
        amendments: [],
        blob,
        reception,
        identity,
        header: new Uint8Array([1, 2, 3]),
      })
      expect((await ledger.unplanned(10, first.id)).map((row) => row.id)).toEqual([second.id])
    })

    test('an instance that cannot be read is held under that name and never decided', async () => {
      const id = await admitted({ unreadable: 'contradicts its command' })
      expect(await ledger.unplanned(10)).toEqual([])
      expect(await ledger.views.instance(id)).toMatchObject({
        state: 'HELD',
        heldReason: 'unreadable: contradicts its command',
        unreadable: 'contradicts its command',
      })
      expect(await ledger.views.obligations(id)).toMatchObject([{ kind: 'HOLD', state: 'HELD', reason: 'unreadable' }])
    })

    test('the same bytes from the same sender are told from other bytes under the same UID', async () => {
      const first = admission({ uid: '2.25.5', bytes: 'x' })
      const same = admission({ uid: '2.25.5', bytes: 'x' })
      const changed = admission({ uid: '2.25.5', bytes: 'y', callingAe: 'CT2' })
      const elsewhere = admission({ uid: '2.25.6', bytes: 'x' })
      const answers = await ledger.admit([first, same, changed, elsewhere])
      expect(answers.map(({ earlier }) => earlier)).toEqual([
        null,
        { id: first.id, bytes: 'same' },
        { id: same.id, bytes: 'changed' },
        null,
      ])
      const { rows } = await ledger.views.auditEvents({ event: 'DICOM Instances Transferred' }, { first: 9 })
      expect(rows.map(({ row }) => [row.outcome, row.detail])).toEqual([
        ['received', null],
        ['received, other bytes under its UID', `instance ${same.id} has the same SOP Instance UID`],
        ['received', null],
        ['received', null],
      ])
    })

    test('admitting the same id again, as recovery may, changes nothing', async () => {
      const one = admission()
      await ledger.admit([one])
      expect(await ledger.admit([one])).toEqual([{ id: one.id, earlier: null }])
      expect(await ledger.unplanned(10)).toHaveLength(1)
    })

    test('a withdrawn admission leaves nothing that is owed, only the record that it was', async () => {
      const { instance } = await planned()
      await ledger.withdraw(instance, 'disk-io')
      expect(await ledger.views.instance(instance)).toBeUndefined()
      expect(await ledger.claim('pacs', 10, 'me', LEASE)).toEqual([])
      expect(Object.values(await ledger.views.obligationCounts()).every((count) => count === 0)).toBe(true)
      const events = await ledger.views.auditEvents({ subjectId: instance }, { first: 10 })
      expect(events.rows[0]?.row).toMatchObject({ event: 'Admission Withdrawn', outcome: 'disk-io' })
    })

    test('what was discarded as a duplicate of a withdrawn one is owed a decision of its own', async () => {
      const twin = { uid: '2.25.5', bytes: 'x' }
      const { instance } = await planned(twin)
      const second = await admitted(twin)
      await planOf(second, forward('pacs'))
      await ledger.withdraw(instance, 'blob-corrupt')
      expect(await ledger.views.obligationCounts()).toMatchObject({ DISCARDED: 0, CANCELLED: 1, undecided: 1 })
      expect((await planOf(second, forward('pacs'))).kind).toBe('planned')
      expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 1, CANCELLED: 1, undecided: 0 })
    })

    test('what is verified is not looked at again by recovery', async () => {
      const [a, b, c] = [await admitted(), await admitted(), await admitted()]
      expect((await ledger.views.unverified(10)).map(({ id }) => id)).toEqual([a, b, c])
      await ledger.markVerified(b)
      expect((await ledger.views.unverified(10)).map(({ id }) => id)).toEqual([c])
      await ledger.markVerified(a)
      expect((await ledger.views.unverified(10)).map(({ id }) => id)).toEqual([c])
      // The order is that of the rows, not of the ids: a long one is begun early and admitted late.
      const [begunFirst, begunSecond] = [newInstanceId(), newInstanceId()]
      await admitted({ id: begunSecond })
      await admitted({ id: begunFirst })
      await ledger.markVerified(begunSecond)
      expect((await ledger.views.unverified(10)).map(({ id }) => id)).toEqual([begunFirst])
    })

    test('blobs with an instance are known, before its decision and after', async () => {
      const [one, other] = [admission(), admission()]
      await ledger.admit([one, other])
      const keys = [one.blob.key, other.blob.key, 'b/other']
      expect(await ledger.views.undecidedBlobs()).toEqual(new Set([one.blob.key, other.blob.key]))
      expect(await ledger.views.decidedBlobs(keys)).toEqual(new Set())
      await ledger.plan([{ instance: one.id, expectedVersion: 1, rulesetDigest: 'r', obligations: [] }])
      expect(await ledger.views.undecidedBlobs()).toEqual(new Set([other.blob.key]))
      expect(await ledger.views.decidedBlobs(keys)).toEqual(new Set([one.blob.key]))
    })

    test('a study gathers what its instances say of it', async () => {
      await admitted({ study: '2.25.77', modality: 'CT' })
      await opened.clock.advance(5_000)
      await admitted({ study: '2.25.77', modality: 'SR' })
      await admitted({ study: null })
      expect(await ledger.views.study('2.25.77')).toMatchObject({
        modalities: ['CT', 'SR'],
        state: 'OPEN',
        firstReceivedAt: START,
        lastReceivedAt: START + 5_000,
        accessionNumber: 'ACC1',
      })
      expect((await ledger.views.studies({}, { first: 10 })).rows).toHaveLength(1)
      expect((await ledger.views.studies({ accessionNumber: 'other' }, { first: 10 })).rows).toHaveLength(0)
    })
  })

  describe(`${name}: deciding`, () => {
    test('a decision makes deliveries with their obligations, and the instance is decided', async () => {
      const rule = { name: 'r', file: 'f.yaml', line: 1, rulesetDigest: 'r1' }
      const hold: NewObligation = { kind: 'HOLD', rule, reason: 'look' }
      const { instance, deliveries } = await planned({}, forward('pacs'), forward('vna'), hold)
      expect(deliveries).toHaveLength(2)
      expect(await ledger.unplanned(10)).toEqual([])
      expect(await ledger.views.obligations(instance)).toMatchObject([
        { kind: 'DELIVER', state: 'PENDING', delivery: deliveries[0], rule: { name: 'to-archive', line: 3 } },
        { kind: 'DELIVER', state: 'PENDING', delivery: deliveries[1] },
        { kind: 'HOLD', state: 'HELD', reason: 'look', rule },
      ])
      expect(await ledger.views.instance(instance)).toMatchObject({ state: 'HELD', heldReason: 'look' })
    })

    test('a decision on an older version, or made twice, is superseded', async () => {
      const instance = await admitted()
      const entry = { instance, expectedVersion: 1, rulesetDigest: 'r1', obligations: [forward('pacs')] }
      const old = { ...entry, expectedVersion: 7 }
      expect(await ledger.plan([old, entry, entry])).toMatchObject([
        { kind: 'superseded' },
        { kind: 'planned' },
        { kind: 'superseded' },
      ])
      expect((await ledger.views.obligationCounts()).PENDING).toBe(1)
    })

    test('a decision without a word for the instance holds it: nothing is merely gone', async () => {
      const instance = await admitted()
      await planOf(instance)
      expect(await ledger.views.instance(instance)).toMatchObject({ state: 'HELD', heldReason: 'no-decision' })
    })

    test('a discarded instance is accounted for', async () => {
      const instance = await admitted()
      await planOf(instance, { kind: 'DISCARD', rule: null, reason: 'localizer' })
      expect(await ledger.views.instance(instance)).toMatchObject({ state: 'DISCARDED' })
      expect((await ledger.views.obligationCounts()).DISCARDED).toBe(1)
    })

    test('identical bytes that wait for a decision in great number do not hide the one that has a delivery', async () => {
      const twin = { uid: '2.25.5', bytes: 'x' }
      const first = await planned(twin)
      const waiting = []
      for (let number = 0; number < 20; number++) waiting.push(await admitted(twin))
      for (const instance of waiting) {
        expect(await planOf(instance, forward('pacs'))).toEqual({ kind: 'duplicate', of: first.instance })
      }
    })

    test('identical bytes make no second delivery while the first is on its way, nor within the window', async () => {
      const twin = { uid: '2.25.5', bytes: 'x' }
      const first = await planned(twin)
      const second = await admitted(twin)
      expect(await planOf(second, forward('pacs'))).toEqual({ kind: 'duplicate', of: first.instance })
      expect(await ledger.views.obligations(second)).toMatchObject([
        { kind: 'DISCARD', state: 'DISCARDED', reason: 'duplicate' },
      ])
      await ledger.settle([settlement(await claimed())])
      await opened.clock.advance(599_000)
      expect((await planOf(await admitted(twin), forward('pacs'))).kind).toBe('duplicate')
      await opened.clock.advance(2_000)
      expect((await planOf(await admitted(twin), forward('pacs'))).kind).toBe('planned')
    })

    test('identical bytes are decided anew from another calling AE, or when the first were refused', async () => {
      const twin = { uid: '2.25.5', bytes: 'x' }
      await planned(twin)
      expect((await planOf(await admitted({ ...twin, callingAe: 'CT2' }), forward('vna'))).kind).toBe('planned')
      await ledger.settle([settlement(await claimed(), { state: 'REJECTED', attempt: tried('PERMANENT') })])
      expect((await planOf(await admitted(twin), forward('pacs'))).kind).toBe('planned')
    })

    test('identical bytes that are wanted elsewhere as well are decided anew, whatever became of the first', async () => {
      const twin = { uid: '2.25.5', bytes: 'x' }
      const first = await planned(twin)
      expect((await planOf(await admitted(twin), forward('vna'))).kind).toBe('planned')
      await ledger.settle([settlement(await claimed())])
      expect((await planOf(await admitted(twin), forward('pacs'), forward('cd'))).kind).toBe('planned')
      const third = await admitted(twin)
      expect(await planOf(third, forward('pacs'))).toMatchObject({ kind: 'duplicate' })
      expect(await ledger.views.instance(first.instance)).toMatchObject({ duplicateOf: null })
      expect((await ledger.views.instance(third))?.duplicateOf).not.toBeNull()
    })

    test('identical bytes are decided anew for a destination that refused the first, also while another has yet to take them', async () => {
      const twin = { uid: '2.25.5', bytes: 'x' }
      await planned(twin, forward('pacs'), forward('vna'))
      await ledger.settle([settlement(await claimed(), { state: 'REJECTED', attempt: tried('PERMANENT') })])
      expect((await planOf(await admitted(twin), forward('pacs'), forward('vna'))).kind).toBe('planned')
    })

    test('other bytes under the same outgoing UID to the same destination are held as a conflict, until a person says go', async () => {
      await planned({ bytes: 'x' }, forward('pacs', { outgoingUid: '2.25.5' }))
      const other = await planned({ bytes: 'y' }, forward('pacs', { outgoingUid: '2.25.5' }))
      expect(await ledger.views.delivery(other.delivery)).toMatchObject({ state: 'HELD', reason: 'conflict' })
      expect(await ledger.views.instance(other.instance)).toMatchObject({ state: 'HELD', heldReason: 'conflict' })
      const elsewhere = await planned({ bytes: 'z' }, forward('vna', { outgoingUid: '2.25.5' }))
      expect(await stateOf(elsewhere.delivery)).toBe('READY')
      await ledger.deliveryRetry(other.delivery, BY)
      expect(await stateOf(other.delivery)).toBe('READY')
      expect(await ledger.views.instance(other.instance)).toMatchObject({ state: 'PENDING', heldReason: null })
    })

    test('other edits of the same bytes conflict; the same content sent again does not', async () => {
      const path = [{ tag: tagOf(0x0010, 0x0010) }]
      const edits = [{ verb: 'set', path, vr: 'PN', value: new Uint8Array([65, 32]) }] as const
      const twin = { uid: '2.25.5', bytes: 'x' }
      await planned(twin)
      const edited = await planned({ ...twin, callingAe: 'A2' }, forward('pacs', { edits }))
      expect(await stateOf(edited.delivery)).toBe('HELD')
      await ledger.deliveryCancel(edited.delivery, 'no', BY)
      const again = await planned({ ...twin, callingAe: 'A3' })
      expect(await stateOf(again.delivery)).toBe('READY')
    })

    test('what was cancelled or refused does not make a conflict', async () => {
      const first = await planned({ bytes: 'x' }, forward('pacs', { outgoingUid: '2.25.5' }))
      await ledger.deliveryCancel(first.delivery, 'wrong', BY)
      const second = await planned({ bytes: 'y' }, forward('pacs', { outgoingUid: '2.25.5' }))
      expect(await stateOf(second.delivery)).toBe('READY')
    })

    test('a delivery that must not leave yet is held under its reason', async () => {
      const { delivery } = await planned({}, forward('pacs', { held: 'dry-run' }))
      expect(await ledger.views.delivery(delivery)).toMatchObject({ state: 'HELD', reason: 'dry-run' })
      expect((await ledger.views.obligationCounts()).HELD).toBe(1)
    })

    test('a new decision forgets what was held, and does not send again what is owed already', async () => {
      const hold: NewObligation = { kind: 'HOLD', rule: null, reason: 'otherwise' }
      const { instance } = await planned({}, forward('pacs'), hold)
      expect(await ledger.instanceReplan(instance, BY)).toEqual({ kind: 'ok', value: instance })
      expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 1, HELD: 0, CANCELLED: 1, undecided: 1 })
      const outcome = await planOf(instance, forward('pacs'), forward('vna'))
      expect(outcome).toMatchObject({ kind: 'planned', deliveries: [expect.any(String)] })
      expect(await ledger.views.obligationCounts()).toMatchObject({ PENDING: 2, undecided: 0 })
    })

    test('an instance that is to be decided anew is pending, though what it was owed before comes to its end', async () => {
      const { instance } = await planned({}, forward('pacs'))
      const claim = await claimed()
      await ledger.instanceReplan(instance, BY)
      await ledger.settle([settlement(claim)])
      expect((await ledger.views.instance(instance))?.state).toBe('PENDING')
      await planOf(instance, forward('pacs'))
      expect((await ledger.views.instance(instance))?.state).toBe('SETTLED')
    })

    test('an instance that is not there, or cannot be read, gets no new decision', async () => {
      expect((await ledger.instanceReplan('nobody' as InstanceId, BY)).kind).toBe('not-found')
      const contradicting = admission({ unreadable: 'contradicts its command' })
      const torn = { ...admission({ unreadable: 'no group 2' }), header: null }
      for (const { id } of await ledger.admit([torn, contradicting])) {
        expect(await ledger.instanceReplan(id, BY)).toEqual({ kind: 'not-allowed-now', state: 'unreadable' })
      }
      expect(await ledger.unplanned(10)).toEqual([])
    })
  })

  describe(`${name}: delivering`, () => {
    test('a claim carries everything that sending needs', async () => {
      const edits = [
        { verb: 'set', path: [{ tag: tagOf(0x0010, 0x0010) }], vr: 'PN', value: new Uint8Array([65, 32]) },
        { verb: 'remove', path: [{ tag: tagOf(0x0040, 0x0275), item: 'every' }, { tag: tagOf(0x0032, 0x1060) }] },
      ] as const
      const { instance, delivery } = await planned(
        {},
        forward('pacs', { edits, editVersion: 3, outgoingUid: '2.25.8' }),
      )
      const claim = await claimed()
      expect(claim).toMatchObject({ id: delivery, instance, attempts: 0, editVersion: 3, outgoingUid: '2.25.8' })
      expect(claim.edits).toEqual(edits)
      expect(claim.blob.key).toBe(`b/${instance}`)
      expect(await stateOf(delivery)).toBe('SENDING')
      expect(await ledger.claim('pacs', 10, 'me', LEASE)).toEqual([])
    })

    test('urgent ones go first, then by due time', async () => {
      const slow = await planned({}, forward('pacs'))
      const urgent = await planned({}, forward('pacs', { urgent: true, outgoingUid: '2.25.8' }))
      const claims = await ledger.claim('pacs', 10, 'me', LEASE)
      expect(claims.map(({ id }) => id)).toEqual([urgent.delivery, slow.delivery])
    })

    test('urgent ones alone, where nothing else is asked for', async () => {
      await planned({}, forward('pacs'))
      const urgent = await planned({}, forward('pacs', { urgent: true, outgoingUid: '2.25.8' }))
      const claims = await ledger.claim('pacs', 10, 'me', LEASE, 'urgent')
      expect(claims.map(({ id }) => id)).toEqual([urgent.delivery])
    })

    test('a try that failed in passing waits until it is due', async () => {
      const { delivery } = await planned()
      const nextAttemptAt = instant(ledger.now() + 30_000)
      const attempt = { ...tried('TRANSIENT'), status: '0xA700', reason: 'out-of-resources' }
      const waiting = { state: 'READY', attempt, nextAttemptAt, sentSha256: 'abc' } as const
      expect(await ledger.settle([settlement(await claimed(), waiting)])).toEqual(['applied'])
      expect(await ledger.nextDueAt('pacs')).toBe(nextAttemptAt)
      expect(await ledger.views.queueDepth('pacs')).toMatchObject({ ready: 0, waiting: 1 })
      expect(await ledger.claim('pacs', 1, 'me', LEASE)).toEqual([])
      await opened.clock.advance(30_000)
      expect(await claimed()).toMatchObject({ attempts: 1, sentSha256: 'abc', ambiguousBefore: false })
      const tries = await ledger.views.attempts(delivery, { first: 10 })
      expect(tries.rows.map(({ row }) => row)).toMatchObject([
        { delivery, number: 1, outcome: 'TRANSIENT', status: '0xA700', reason: 'out-of-resources', took: 12 },
      ])
    })

    test('an ambiguous try is remembered', async () => {
      await planned()
      const due = { state: 'READY', attempt: tried('AMBIGUOUS'), nextAttemptAt: ledger.now() } as const
      await ledger.settle([settlement(await claimed(), due)])
      expect((await claimed()).ambiguousBefore).toBe(true)
    })

    test.each(['DELIVERED', 'REJECTED', 'FAILED', 'HELD'] as const)('%s is the obligation as well', async (state) => {
      const { instance, delivery } = await planned()
      await ledger.settle([settlement(await claimed(), { state, reason: 'why' })])
      expect(await stateOf(delivery)).toBe(state)
      expect(await ledger.views.obligations(instance)).toMatchObject([{ state, delivery }])
      expect(await ledger.views.instance(instance)).toMatchObject({ state: state === 'HELD' ? 'HELD' : 'SETTLED' })
    })

    test('only the holder of the claim settles it, and only once', async () => {
      const { delivery } = await planned()
      const claim = await claimed()
      const stranger = { ...claim, token: 'stranger' as ClaimedDelivery['token'] }
      const answers = await ledger.settle([settlement(stranger), settlement(claim), settlement(claim)])
      expect(answers).toEqual(['superseded', 'applied', 'superseded'])
      expect((await ledger.views.attempts(delivery, { first: 10 })).rows).toHaveLength(1)
    })

    test('what is given back is due at once and no try is counted', async () => {
      const { delivery } = await planned()
      const { id, token } = await claimed()
      await ledger.giveBack([{ delivery: id, token }])
      await ledger.giveBack([{ delivery: id, token }])
      expect(await claimed()).toMatchObject({ id: delivery, attempts: 0 })
    })

    test('what is given back may have been taken all the same: that is not forgotten, and no try is counted', async () => {
      const { delivery } = await planned()
      const first = await claimed()
      await ledger.giveBack([{ delivery: first.id, token: first.token, maybeTaken: true }])
      const second = await claimed()
      expect(second).toMatchObject({ id: delivery, attempts: 0, ambiguousBefore: true })
      await ledger.giveBack([{ delivery: second.id, token: second.token }])
      expect(await claimed()).toMatchObject({ attempts: 0, ambiguousBefore: true })
    })

    test('a lease is renewed by its holder, and rescued when it ends', async () => {
      await planned()
      const { token } = await claimed()
      await opened.clock.advance(50_000)
      expect(await ledger.renew([token, 'stranger' as typeof token], LEASE)).toEqual([token])
      await opened.clock.advance(50_000)
      expect(await ledger.rescue('me')).toBe(0)
      expect(await ledger.nextDueAt('pacs')).toBe(START + 110_000)
      await opened.clock.advance(10_000)
      expect(await ledger.rescue('me')).toBe(1)
      expect(await claimed()).toMatchObject({ attempts: 1, ambiguousBefore: true })
      expect(await ledger.renew([token], LEASE)).toEqual([])
    })

    test('what a claimant that died was sending is rescued at once, as an interrupted try', async () => {
      const { delivery } = await planned()
      const claim = await claimed()
      ledger = await opened.reopen()
      expect(await ledger.rescue('somebody else')).toBe(1)
      const tries = await ledger.views.attempts(delivery, { first: 10 })
      expect(tries.rows.map(({ row }) => row)).toMatchObject([{ outcome: 'INTERRUPTED', number: 1, took: null }])
      expect(await ledger.settle([settlement(claim)])).toEqual(['superseded'])
    })

    test('nothing is due where nothing is owed', async () => {
      expect(await ledger.nextDueAt('nowhere')).toBeUndefined()
    })

    test('a destination that is down is a row that survives a restart, audited when it changes', async () => {
      await ledger.destinationDown('pacs', 1, instant(START + 5_000), 'refused')
      await ledger.destinationDown('pacs', 2, instant(START + 9_000), 'refused')
      await ledger.destinationNotes('pacs', 'ts:1.2')
      ledger = await opened.reopen()
      expect(await ledger.views.conditions()).toEqual([
        {
          name: 'pacs',
          paused: null,
          down: { since: START, failures: 2, probeAt: START + 9_000, reason: 'refused' },
          notes: 'ts:1.2',
        },
      ])
      await ledger.destinationUp('pacs')
      await ledger.destinationUp('pacs')
      expect((await ledger.views.conditions())[0]?.down).toBeNull()
      const events = await ledger.views.auditEvents({ subjectId: 'pacs' }, { first: 10 })
      expect(events.rows.map(({ row }) => row.event)).toEqual(['Destination Up', 'Destination Down'])
    })
  })

  describe(`${name}: people`, () => {
    test('a paused destination is not claimed from until the pause ends', async () => {
      await planned()
      const until = instant(ledger.now() + 10_000)
      await ledger.destinationPause('pacs', 'moving', until, BY)
      expect(await ledger.claim('pacs', 1, 'me', LEASE)).toEqual([])
      expect(await ledger.nextDueAt('pacs')).toBe(until)
      expect((await ledger.views.conditions())[0]?.paused).toEqual({ by: 'ani', reason: 'moving', until })
      await opened.clock.advance(10_000)
      expect((await ledger.views.conditions())[0]?.paused).toBeNull()
      expect(await ledger.claim('pacs', 1, 'me', LEASE)).toHaveLength(1)
    })

    test('a pause without an end lasts until somebody resumes', async () => {
      await planned()
      await ledger.destinationPause('pacs', 'moving', null, BY)
      expect(await ledger.nextDueAt('pacs')).toBeUndefined()
      expect((await ledger.destinationResume('vna', BY)).kind).toBe('not-allowed-now')
      expect((await ledger.destinationResume('pacs', BY)).kind).toBe('ok')
      expect(await ledger.claim('pacs', 1, 'me', LEASE)).toHaveLength(1)
    })

    test.each(['REJECTED', 'FAILED', 'HELD'] as const)('%s may be retried, attempts kept', async (state) => {
      const { delivery } = await planned()
      await ledger.settle([settlement(await claimed(), { state, attempt: tried('PERMANENT'), reason: 'no' })])
      expect(await ledger.deliveryRetry(delivery, BY)).toEqual({ kind: 'ok', value: delivery })
      expect(await ledger.views.delivery(delivery)).toMatchObject({ state: 'READY', reason: null, attempts: 1 })
      expect(await claimed()).toMatchObject({ id: delivery, attempts: 1 })
    })

    test('what is being sent or has arrived is neither retried nor cancelled', async () => {
      const { delivery } = await planned()
      const claim = await claimed()
      const sending = { kind: 'not-allowed-now', state: 'SENDING' }
      expect(await ledger.deliveryRetry(delivery, BY)).toEqual(sending)
      expect(await ledger.deliveryCancel(delivery, 'x', BY)).toEqual(sending)
      await ledger.settle([settlement(claim)])
      expect(await ledger.deliveryRetry(delivery, BY)).toMatchObject({ state: 'DELIVERED' })
      expect((await ledger.deliveryRetry('none' as DeliveryId, BY)).kind).toBe('not-found')
      expect((await ledger.deliveryCancel('none' as DeliveryId, 'x', BY)).kind).toBe('not-found')
    })

    test('a cancelled delivery is accounted for, and may be retried by name', async () => {
      const { instance, delivery } = await planned()
      await ledger.deliveryCancel(delivery, 'sent by hand', BY)
      expect(await ledger.views.delivery(delivery)).toMatchObject({ state: 'CANCELLED', reason: 'sent by hand' })
      expect(await ledger.views.instance(instance)).toMatchObject({ state: 'SETTLED' })
      expect(await ledger.claim('pacs', 1, 'me', LEASE)).toEqual([])
      expect(await ledger.deliveriesRetry({ destination: 'pacs' }, 10, BY)).toEqual({ retried: 0, left: 0 })
      expect((await ledger.deliveryRetry(delivery, BY)).kind).toBe('ok')
    })

    test('many are retried oldest first, at most so many, and the rest is counted', async () => {
      const made: DeliveryId[] = []
      for (let i = 0; i < 5; i++) {
        const { delivery } = await planned({}, forward('pacs', { outgoingUid: `2.25.${i}` }))
        made.push(delivery)
        await ledger.settle([settlement(await claimed(), { state: i % 2 === 0 ? 'FAILED' : 'REJECTED' })])
      }
      await planned({}, forward('vna'))
      expect(await ledger.deliveriesRetry({ rule: 'nobody' }, 10, BY)).toEqual({ retried: 0, left: 0 })
      expect(await ledger.deliveriesRetry({ states: ['FAILED'], rule: 'to-archive' }, 2, BY)).toEqual({
        retried: 2,
        left: 1,
      })
      expect(await Promise.all(made.map(stateOf))).toEqual(['READY', 'REJECTED', 'READY', 'REJECTED', 'FAILED'])
      expect(await ledger.deliveriesRetry({ destination: 'pacs' }, 100, BY)).toEqual({ retried: 3, left: 0 })
    })

    test('what a rule is called says nothing of the state of what it owes', async () => {
      const rules = [{ name: 'READY', file: '10.yaml', line: 1, rulesetDigest: 'test' }]
      const { delivery } = await planned({}, forward('pacs', { rules }))
      await ledger.settle([settlement(await claimed(), { state: 'FAILED' })])
      expect(await ledger.deliveriesRetry({ rule: 'READY' }, 10, BY)).toEqual({ retried: 1, left: 0 })
      expect(await stateOf(delivery)).toBe('READY')
    })
  })

  describe(`${name}: wakes`, () => {
    test('what is committed wakes those who wait for it', async () => {
      const { signal } = new AbortController()
      const plan = ledger.wakes.next('plan', signal)
      const { delivery } = await planned()
      await plan
      await ledger.wakes.next('deliver:pacs', signal)
      const { id, token } = await claimed()
      const back = ledger.wakes.next('deliver:pacs', signal)
      await ledger.giveBack([{ delivery: id, token }])
      await back
      const paused = ledger.wakes.next('destination:pacs', signal)
      await ledger.destinationPause('pacs', 'x', null, BY)
      await paused
      expect(await stateOf(delivery)).toBe('READY')
      await ledger.destinationResume('pacs', BY)
      const settled = ledger.wakes.next('settled', signal)
      await ledger.settle([settlement(await claimed())])
      await settled
    })
  })

  describe(`${name}: keeping`, () => {
    test('the last ruleset in force comes back with its files', async () => {
      expect(await ledger.lastRuleset()).toBeUndefined()
      const files = [{ name: 'a.yaml', text: 'rules: []' }]
      const summary = {
        rules: [{ name: 'r', file: 'a.yaml', line: 1, moment: 'INSTANCE', destinations: ['pacs'] }],
        tests: { passed: 2, untestedRules: ['r'] },
      } as const
      const record = { digest: 'd1', loadedAt: START, by: 'start', files, summary, pin: null }
      await ledger.rulesetInForce({ ...record, digest: 'd0' })
      await ledger.rulesetInForce(record)
      ledger = await opened.reopen()
      expect(await ledger.lastRuleset()).toEqual(record)
    })

    test('every ruleset is kept once, and one that comes back is the last again, pinned or not', async () => {
      const record = (digest: string): RulesetRecord => ({
        digest,
        loadedAt: START,
        by: 'start',
        files: [{ name: `${digest}.yaml`, text: `# ${digest}` }],
        summary: null,
        pin: null,
      })
      for (const digest of ['d0', 'd1', 'd2']) await ledger.rulesetInForce(record(digest))
      const pin = { over: 'd2', reason: 'the new one sends too much' }
      await ledger.rulesetInForce({ ...record('d0'), by: 'ani', pin })
      ledger = await opened.reopen()
      expect(await ledger.lastRuleset()).toMatchObject({ digest: 'd0', by: 'ani', pin })
      const { rows } = await ledger.views.rulesets({ first: 2 })
      expect(rows.map(({ row }) => row)).toEqual([
        { digest: 'd0', loadedAt: START, by: 'ani', files: ['d0.yaml'], summary: null, pin },
        { digest: 'd2', loadedAt: START, by: 'start', files: ['d2.yaml'], summary: null, pin: null },
      ])
      const next = await ledger.views.rulesets({ first: 2, after: rows[1]?.cursor ?? '' })
      expect(next).toMatchObject({ rows: [{ row: { digest: 'd1' } }], hasNext: false, hasPrevious: true })
      expect(await ledger.views.ruleset('d1')).toEqual(next.rows[0]?.row)
      expect(await ledger.views.rulesetFiles('d1')).toEqual([{ name: 'd1.yaml', text: '# d1' }])
      expect(await ledger.views.ruleset('d9')).toBeUndefined()
      expect(await ledger.views.rulesetFiles('d9')).toBeUndefined()
      const { rows: events } = await ledger.views.auditEvents({ subjectId: 'd0' }, { first: 9 })
      expect(events.map(({ row }) => [row.actor, row.outcome])).toEqual([
        ['ani', 'rolled back'],
        ['start', 'ruleset in force'],
      ])
    })

    test('what is owed to a destination that is gone is held, in batches, and due again when it is back', async () => {
      for (let i = 0; i < 3; i++) await planned({}, forward('pacs', { outgoingUid: `2.25.${i}` }))
      await planned({}, forward('vna'))
      const sending = await claimed()
      expect(await ledger.deliveriesHoldGone('pacs', 1)).toBe(1)
      expect(await ledger.deliveriesHoldGone('pacs', 9)).toBe(1)
      expect(await ledger.deliveriesHoldGone('pacs', 9)).toBe(0)
      const held = await ledger.views.deliveries({ destination: 'pacs', states: ['HELD'] }, { first: 9 })
      expect(held.rows.map(({ row }) => row.reason)).toEqual(['destination gone', 'destination gone'])
      const [instance] = held.rows.map(({ row }) => row.instance)
      if (instance === undefined) return fail('nothing held')
      expect(await ledger.views.instance(instance)).toMatchObject({ state: 'HELD', heldReason: 'destination gone' })
      expect(await ledger.views.obligationCounts()).toMatchObject({ HELD: 2, PENDING: 2 })
      await ledger.settle([settlement(sending, { state: 'HELD', attempt: tried('PERMANENT'), reason: 'conflict' })])
      const woken = ledger.wakes.next('deliver:pacs', new AbortController().signal)
      expect(await ledger.deliveriesReleaseGone('pacs', 9)).toBe(2)
      await woken
      expect(await ledger.views.instance(instance)).toMatchObject({ state: 'PENDING' })
      expect(await ledger.claim('pacs', 9, 'me', LEASE)).toHaveLength(2)
      expect(await ledger.deliveriesReleaseGone('vna', 9)).toBe(0)
      const { rows: events } = await ledger.views.auditEvents({ subjectId: 'pacs' }, { first: 9 })
      expect(events.map(({ row }) => row.event)).toEqual(['Destination Back', 'Destination Gone', 'Destination Gone'])
    })

    test('a token grants its roles until it is revoked, and then its name is free', async () => {
      const token = new Secret('abc')
      await ledger.tokenCreate(token, { name: 'pacs-admin', roles: ['ADMIN', 'PHI_READER'] }, BY)
      expect(await ledger.tokenGrant(token)).toEqual({ name: 'pacs-admin', roles: ['ADMIN', 'PHI_READER'] })
      expect(await ledger.tokenGrant(new Secret('abd'))).toBeUndefined()
      expect(await ledger.tokenRevoke('pacs-admin', BY)).toBe(true)
      expect(await ledger.tokenRevoke('pacs-admin', BY)).toBe(false)
      expect(await ledger.tokenGrant(token)).toBeUndefined()
      expect(await ledger.tokens()).toMatchObject([{ name: 'pacs-admin', createdAt: START, revokedAt: START }])
      await ledger.tokenCreate(new Secret('new'), { name: 'pacs-admin', roles: ['VIEWER'] }, BY)
      expect(await ledger.tokens()).toMatchObject([{ roles: ['VIEWER'], revokedAt: null }])
    })

    test('refused callers are counted, newest first', async () => {
      await ledger.callerRefused('X1', 'KURIR', '10.0.0.1', 'unknown caller')
      await opened.clock.advance(1_000)
      await ledger.callerRefused('X2', 'KURIR', '10.0.0.2', 'unknown caller')
      await ledger.callerRefused('X2', 'KURIR', '10.0.0.2', 'wrong peer')
      expect(await ledger.refusedCallers(10)).toEqual([
        { callingAe: 'X2', calledAe: 'KURIR', peer: '10.0.0.2', reason: 'wrong peer', count: 2, lastAt: START + 1_000 },
        { callingAe: 'X1', calledAe: 'KURIR', peer: '10.0.0.1', reason: 'unknown caller', count: 1, lastAt: START },
      ])
    })

    test('everything that happens is in the trail, chained', async () => {
      const { instance, delivery } = await planned()
      await ledger.settle([settlement(await claimed())])
      await ledger.processEvent({ event: 'Application Activity', actor: 'kurir', outcome: 'start', detail: null })
      await ledger.phiRead(BY, 'studies', 3)
      const { rows } = await ledger.views.auditEvents({}, { last: 20 })
      expect(rows.map(({ row }) => [row.sequence, row.event, row.actor, row.outcome, row.subjectId])).toEqual([
        [5, 'DICOM Instances Accessed', 'ani', 'read', null],
        [4, 'Application Activity', 'kurir', 'start', null],
        [3, 'DICOM Instances Transferred', 'dispatcher', 'delivered', delivery],
        [2, 'Decision Made', 'planner', 'planned', instance],
        [1, 'DICOM Instances Transferred', 'CT1', 'received', instance],
      ])
      expect(await ledger.views.auditEvent('n1', 3)).toMatchObject({ subjectKind: 'Delivery' })
      expect(await ledger.auditVerify()).toEqual({ events: 5, firstBroken: null })
    })

    test('after a restart everything stands as it was', async () => {
      const { instance, delivery } = await planned()
      ledger = await opened.reopen()
      expect(await ledger.views.instance(instance)).toMatchObject({ state: 'PENDING' })
      expect(await claimed()).toMatchObject({ id: delivery })
      expect(await ledger.auditVerify()).toEqual({ events: 2, firstBroken: null })
    })

    test('a closed ledger refuses every verb by that name', async () => {
      await ledger[Symbol.asyncDispose]()
      await expect(ledger.admit([admission()])).rejects.toMatchObject({ code: 'ledger-closed' })
      await expect(ledger.views.obligationCounts()).rejects.toBeInstanceOf(KurirError)
    })
  })

  describe(`${name}: pages`, () => {
    test('pages go both ways over the same order, and say whether there is more', async () => {
      const ids: InstanceId[] = []
      for (let i = 0; i < 5; i++) ids.unshift(await admitted({ uid: `2.25.${i}` }))
      const { instances } = ledger.views
      const first = await instances({}, { first: 2 })
      expect(first.rows.map(({ row }) => row.id)).toEqual(ids.slice(0, 2))
      expect([first.hasNext, first.hasPrevious]).toEqual([true, false])
      const second = await instances({}, { first: 2, after: first.rows[1]?.cursor ?? '' })
      expect(second.rows.map(({ row }) => row.id)).toEqual(ids.slice(2, 4))
      const last = await instances({}, { last: 2 })
      expect(last.rows.map(({ row }) => row.id)).toEqual(ids.slice(3))
      expect([last.hasNext, last.hasPrevious]).toEqual([false, true])
      const back = await instances({}, { last: 2, before: last.rows[0]?.cursor ?? '' })
      expect(back.rows.map(({ row }) => row.id)).toEqual(ids.slice(1, 3))
    })

    test.each([[{ first: 1, after: 'nonsense' }], [{ first: 1, last: 1 }], [{}], [{ first: 201 }], [{ first: -1 }]])(
      '%j is refused',
      async (page) => {
        const refusal = { code: 'invalid-argument' }
        await expect(ledger.views.instances({}, page)).rejects.toMatchObject(refusal)
        await expect(ledger.views.auditEvents({}, page)).rejects.toMatchObject(refusal)
      },
    )

    test('a cursor of another list is refused', async () => {
      await admitted()
      const page = await ledger.views.instances({}, { first: 1 })
      const after = page.rows[0]?.cursor ?? ''
      await expect(ledger.views.studies({}, { first: 1, after })).rejects.toMatchObject({ code: 'invalid-argument' })
    })

    test('lists are narrowed by every selection they offer', async () => {
      const { instance, deliveries } = await planned(
        { callingAe: 'MR9', study: '2.25.7' },
        forward('pacs'),
        forward('vna'),
      )
      await opened.clock.advance(1_000)
      const later = await planned({ study: '2.25.8' }, forward('pacs', { outgoingUid: '2.25.3' }))
      const [toPacs, toVna] = deliveries
      const found = async (selection: Parameters<typeof ledger.views.deliveries>[0]) =>
        (await ledger.views.deliveries(selection, { first: 9 })).rows.map(({ row }) => row.id)
      expect(await found({})).toEqual([later.delivery, toVna, toPacs])
      expect(await found({ destination: 'pacs' })).toEqual([later.delivery, toPacs])
      expect(await found({ states: ['READY', 'HELD'] })).toEqual([later.delivery, toVna, toPacs])
      expect(await found({ states: ['FAILED'] })).toEqual([])
      expect(await found({ destination: 'vna', states: ['READY'], rule: 'to-archive' })).toEqual([toVna])
      expect(await found({ rule: 'to-archive' })).toEqual([later.delivery, toVna, toPacs])
      expect(await found({ instance })).toEqual([toVna, toPacs])
      expect(await found({ instance, destination: 'pacs', states: ['READY'] })).toEqual([toPacs])
      expect(await found({ studyInstanceUid: '2.25.7', rule: 'other' })).toEqual([])
      expect(await found({ studyInstanceUid: '2.25.8' })).toEqual([later.delivery])
      expect(await found({ plannedAfter: instant(START + 1) })).toEqual([later.delivery])
      expect(await found({ plannedBefore: instant(START + 1), destination: 'pacs' })).toEqual([toPacs])
      const ids = async (selection: Parameters<typeof ledger.views.instances>[0]) =>
        (await ledger.views.instances(selection, { first: 9 })).rows.map(({ row }) => row.id)
      expect(await ids({ callingAe: 'MR9' })).toEqual([instance])
      expect(await ids({ studyInstanceUid: '2.25.8', state: 'PENDING' })).toEqual([later.instance])
      expect(await ids({ receivedAfter: instant(START + 1) })).toEqual([later.instance])
      expect(await ids({ sopClassUid: '1.2' })).toEqual([])
      const studies = await ledger.views.studies({ state: 'OPEN', receivedBefore: instant(START + 1) }, { first: 9 })
      expect(studies.rows.map(({ row }) => row.studyInstanceUid)).toEqual(['2.25.7'])
      const events = await ledger.views.auditEvents(
        { event: 'Decision Made', actor: 'planner', after: START },
        { first: 9 },
      )
      expect(events.rows).toHaveLength(2)
    })

    test('deliveries are counted up to a cap', async () => {
      for (let i = 0; i < 3; i++) await planned({}, forward('pacs', { outgoingUid: `2.25.${i}` }))
      expect(await ledger.views.deliveryCount({ destination: 'pacs' }, 3)).toBe(3)
      expect(await ledger.views.deliveryCount({}, 2)).toBeUndefined()
    })

    test('past decisions come study by study, whole, in pages of any size, with what was owed and why', async () => {
      const at = ledger.now()
      const [early, late] = [instant(at - 5_000), instant(at - 1_000)]
      const edits = [
        { verb: 'set', path: [{ tag: tagOf(0x0010, 0x0020) }], vr: 'LO', value: Buffer.from('X1') },
      ] as const
      const b1 = await planned({ study: '2.25.8', uid: '2.25.81', at: early }, forward('pacs', { edits }))
      const hold = { kind: 'HOLD', rule: null, reason: 'unmatched' } as const
      const qa = { name: 'qa', file: 'r.yaml', line: 1, rulesetDigest: 'r1' }
      const a1 = await admitted({ study: '2.25.7', uid: '2.25.71', at: early })
      const b2 = await admitted({ study: '2.25.8', uid: '2.25.82', at: late })
      await planOf(b2, hold)
      const alone = await admitted({ study: null, uid: '2.25.91', at: late })
      await planOf(alone, { kind: 'DISCARD', rule: qa, reason: 'phantom' })
      await planned({ study: '2.25.9', uid: '2.25.99', at: at })
      await admitted({ study: '2.25.8', unreadable: 'torn', at: late })
      const span = { since: early, before: at }
      const ids = [a1, b1.instance, b2, alone]
      for (const limit of [1, 2, 3, 100]) {
        const found: Awaited<ReturnType<typeof ledger.views.pastDecisions>>['rows'][number][] = []
        let after: string | null | undefined
        while (after !== null) {
          const page = await ledger.views.pastDecisions(span, limit, after)
          expect(page.rows.length).toBeLessThanOrEqual(limit)
          found.push(...page.rows)
          after = page.next
        }
        expect(found.map(({ id }) => id)).toEqual(ids)
        expect(found.map(({ isDecided }) => isDecided)).toEqual([false, true, true, true])
        expect(
          found.map(({ obligations }) => obligations.map((owed) => [owed.kind, owed.destination, owed.reason])),
        ).toEqual([[], [['DELIVER', 'pacs', null]], [['HOLD', null, 'unmatched']], [['DISCARD', null, 'phantom']]])
        expect(found[1]?.obligations[0]?.edits).toMatchObject([{ verb: 'set', vr: 'LO' }])
        expect(found.map(({ obligations }) => obligations[0]?.rules.map((rule) => rule.name))).toEqual([
          undefined,
          ['to-archive'],
          [],
          ['qa'],
        ])
        expect(found[0]?.header).toHaveLength(3)
      }
      expect((await ledger.views.pastDecisions({ since: at, before: at }, 10)).rows).toEqual([])
      await expect(ledger.views.pastDecisions(span, 10, 'x')).rejects.toThrow(KurirError)

      await ledger.instanceReplan(b2, BY)
      const again = await ledger.views.pastDecisions({ since: late, before: at }, 10)
      const replanned = again.rows.find(({ id }) => id === b2)
      expect([replanned?.isDecided, replanned?.obligations]).toEqual([false, []])
    })

    test('single rows are found by id, or not', async () => {
      const { instance, delivery } = await planned()
      const [obligation] = await ledger.views.obligations(instance)
      expect(await ledger.views.obligation(obligation?.id ?? fail('none'))).toEqual(obligation)
      await ledger.settle([settlement(await claimed())])
      const [attempt] = (await ledger.views.attempts(delivery, { last: 5 })).rows
      expect(await ledger.views.attempt(attempt?.row.id ?? fail('none'))).toEqual(attempt?.row)
      expect(await ledger.views.header(instance)).toEqual(new Uint8Array([1, 2, 3]))
      expect(await ledger.views.header('none' as InstanceId)).toBeUndefined()
      expect(await ledger.views.delivery('none' as DeliveryId)).toBeUndefined()
    })
  })
}

function fail(what: string): never {
  throw new Error(what)
}
