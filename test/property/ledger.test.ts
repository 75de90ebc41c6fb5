import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { instant, ms } from '../../src/base/clock.ts'
import type { DeliveryId, InstanceId } from '../../src/ledger/ids.ts'
import type { ClaimedDelivery, NewObligation } from '../../src/ledger/ledger.ts'
import { obligationStateOf } from '../../src/ledger/sqlite/instance-state.ts'
import { DELIVERY_STATES, type DeliveryState } from '../../src/ledger/states.ts'
import { type OpenedWriter, openWriterHere } from '../ledger/open-writer.ts'
import { admission, forward, START, tried } from '../ledger/sample.ts'

const DESTINATIONS = ['pacs', 'vna']
const BY = { name: 'ani' }
const SETTLED_AS = ['READY', 'DELIVERED', 'REJECTED', 'FAILED', 'HELD'] as const

/** A small ledger in memory that says what the real one must come to. */
class Model {
  readonly undecided = new Map<InstanceId, number>()
  readonly deliveries = new Map<DeliveryId, { state: DeliveryState; destination: string }>()
  readonly claims: ClaimedDelivery[] = []
  others = { HELD: 0, DISCARDED: 0 }

  counts(): Record<string, number> {
    const counts: Record<string, number> = { undecided: this.undecided.size, ...this.others }
    for (const { state } of this.deliveries.values()) {
      const owed = obligationStateOf(state)
      counts[owed] = (counts[owed] ?? 0) + 1
    }
    return counts
  }

  set(id: DeliveryId, state: DeliveryState): void {
    const known = this.deliveries.get(id)
    if (known !== undefined) known.state = state
  }
}

type Step =
  | { readonly kind: 'admit'; readonly count: number }
  | {
      readonly kind: 'plan'
      readonly hold: boolean
      readonly discard: boolean
      readonly forwards: number
      readonly stale: boolean
    }
  | { readonly kind: 'claim'; readonly destination: string; readonly limit: number }
  | { readonly kind: 'settle'; readonly state: (typeof SETTLED_AS)[number]; readonly twice: boolean }
  | { readonly kind: 'giveBack' }
  | { readonly kind: 'rescue' }
  | { readonly kind: 'retry' | 'cancel'; readonly pick: number }
  | { readonly kind: 'pass'; readonly wait: number }

const STEPS: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('admit' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    kind: fc.constant('plan' as const),
    hold: fc.boolean(),
    discard: fc.boolean(),
    forwards: fc.integer({ min: 0, max: 2 }),
    stale: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('claim' as const),
    destination: fc.constantFrom(...DESTINATIONS),
    limit: fc.integer({ min: 0, max: 4 }),
  }),
  fc.record({ kind: fc.constant('settle' as const), state: fc.constantFrom(...SETTLED_AS), twice: fc.boolean() }),
  fc.record({ kind: fc.constantFrom('giveBack' as const, 'rescue' as const) }),
  fc.record({ kind: fc.constantFrom('retry' as const, 'cancel' as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant('pass' as const), wait: fc.constantFrom(1, 30_000, 120_000) }),
)

function perform(step: Step, opened: OpenedWriter, model: Model): void {
  switch (step.kind) {
    case 'admit': {
      const all = Array.from({ length: step.count }, () => admission())
      for (const { id } of opened.do('admit', all)) model.undecided.set(id, 1)
      return
    }
    case 'plan':
      planOne(step, opened, model)
      return
    case 'claim': {
      const claims = opened.do('claim', step.destination, step.limit, 'me', ms(60_000))
      expect(claims.length).toBeLessThanOrEqual(step.limit)
      for (const claim of claims) {
        expect(model.deliveries.get(claim.id)).toEqual({ state: 'READY', destination: step.destination })
        model.set(claim.id, 'SENDING')
        model.claims.push(claim)
      }
      return
    }
    case 'settle':
      settleOne(step, opened, model)
      return
    case 'giveBack': {
      const claim = model.claims.shift()
      if (claim === undefined) return
      opened.do('giveBack', [{ delivery: claim.id, token: claim.token }])
      if (isSending(model, claim)) model.set(claim.id, 'READY')
      return
    }
    case 'rescue': {
      const sending = [...model.deliveries].filter(([, { state }]) => state === 'SENDING')
      expect(opened.do('rescue', 'another')).toBe(sending.length)
      for (const [id] of sending) model.set(id, 'READY')
      model.claims.length = 0
      return
    }
    case 'retry':
    case 'cancel':
      operate(step, opened, model)
      return
    case 'pass':
      opened.at = instant(opened.at + step.wait)
      return
    default:
      step satisfies never
  }
}

const isSending = (model: Model, claim: ClaimedDelivery): boolean => model.deliveries.get(claim.id)?.state === 'SENDING'

function planOne(step: Extract<Step, { kind: 'plan' }>, opened: OpenedWriter, model: Model): void {
  const [first] = model.undecided
  if (first === undefined) return
  const [instance, version] = first
  const rule = null
  const obligations: NewObligation[] = DESTINATIONS.slice(0, step.forwards).map((name) =>
    forward(name, { outgoingUid: instance }),
  )
  if (step.hold) obligations.push({ kind: 'HOLD', rule, reason: 'look' })
  if (step.discard) obligations.push({ kind: 'DISCARD', rule, reason: 'no' })
  const expectedVersion = step.stale ? version + 5 : version
  const [outcome] = opened.do('plan', [{ instance, expectedVersion, rulesetDigest: 'r', obligations }])
  if (step.stale) {
    expect(outcome).toEqual({ kind: 'superseded' })
    return
  }
  model.undecided.delete(instance)
  if (outcome?.kind !== 'planned') throw new Error('not planned')
  for (const [i, id] of outcome.deliveries.entries()) {
    model.deliveries.set(id, { state: 'READY', destination: DESTINATIONS[i] ?? '' })
  }
  if (step.hold || obligations.length === 0) model.others.HELD += 1
  if (step.discard) model.others.DISCARDED += 1
}

function settleOne({ state, twice }: Extract<Step, { kind: 'settle' }>, opened: OpenedWriter, model: Model): void {
  const claim = model.claims.shift()
  if (claim === undefined) return
  const due = state === 'READY' ? instant(opened.at + 30_000) : null
  const outcome = state === 'DELIVERED' ? 'DELIVERED' : 'TRANSIENT'
  const settlement = {
    delivery: claim.id,
    token: claim.token,
    attempt: tried(outcome),
    state,
    nextAttemptAt: due,
    reason: null,
    sentSha256: null,
  }
  const answers = opened.do('settle', twice ? [settlement, settlement] : [settlement])
  expect(answers).toEqual(twice ? ['applied', 'superseded'] : ['applied'])
  model.set(claim.id, state)
}

function operate({ kind, pick }: { kind: 'retry' | 'cancel'; pick: number }, opened: OpenedWriter, model: Model): void {
  const all = [...model.deliveries]
  const chosen = all[pick % Math.max(1, all.length)]
  if (chosen === undefined) return
  const [id, { state }] = chosen
  const allowed =
    kind === 'retry' ? ['READY', 'HELD', 'REJECTED', 'FAILED', 'CANCELLED'] : ['READY', 'HELD', 'REJECTED', 'FAILED']
  const outcome = kind === 'retry' ? opened.do('deliveryRetry', id, BY) : opened.do('deliveryCancel', id, 'why', BY)
  expect(outcome.kind).toBe(allowed.includes(state) ? 'ok' : 'not-allowed-now')
  if (outcome.kind === 'ok') model.set(id, kind === 'retry' ? 'READY' : 'CANCELLED')
}

/** Wall W6, and that no tally drifts from the rows it stands for. */
function compare({ db, reader }: OpenedWriter, model: Model): void {
  const told: Record<string, number> = { ...reader.verbs.obligationCounts() }
  for (const [state, count] of Object.entries(model.counts())) expect([state, told[state]]).toEqual([state, count])
  const total = (counts: Record<string, number>): number => Object.values(counts).reduce((sum, count) => sum + count, 0)
  expect(total(told)).toBe(total(model.counts()))
  const rows = db.prepare<[], { destination: string; state: string; n: number }>(
    'SELECT destination, state, count(*) AS n FROM delivery GROUP BY 1, 2',
  )
  const tally = db.prepare<[], { destination: string; state: string; n: number }>(
    'SELECT * FROM delivery_tally WHERE n <> 0 ORDER BY 1, 2',
  )
  expect(tally.all()).toEqual(rows.all())
  for (const [id, { state }] of model.deliveries) expect(reader.verbs.delivery(id)?.state).toBe(state)
  expect(DELIVERY_STATES).toContain(rows.all()[0]?.state ?? 'READY')
  expect(reader.verbs.auditSlice(undefined).firstBroken).toBeNull()
}

test('whatever order verbs come in, what is owed adds up and every delivery is where the model says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEPS, { minLength: 5, maxLength: 60 }), async (steps) => {
      using opened = await openWriterHere()
      opened.at = START
      const model = new Model()
      for (const step of steps) perform(step, opened, model)
      compare(opened, model)
    }),
    { numRuns: 60 },
  )
})
