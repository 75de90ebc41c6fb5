import { expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { Wakes } from '../../src/base/wake.ts'
import type { SopClassUid, SopInstanceUid, TransferSyntaxUid } from '../../src/dicom/uid.ts'
import type { StowOutcome } from '../../src/ingest/stow-outcomes.ts'
import { awaitRelay, type RelayDeps } from '../../src/ingest/stow-relay.ts'
import type { InstanceId } from '../../src/ledger/ids.ts'
import type { DeliveryRow } from '../../src/ledger/views.ts'
import { TestClock } from '../support/test-clock.ts'

const stored: StowOutcome = {
  kind: 'stored',
  announced: {
    sopClassUid: '1.2' as SopClassUid,
    sopInstanceUid: '1.2.3' as SopInstanceUid,
    transferSyntaxUid: '1.2.840.10008.1.2' as TransferSyntaxUid,
  },
  taken: {
    outcome: 'kept',
    id: 'i' as InstanceId,
    bytes: 10,
    unreadable: null,
    earlier: null,
    studyInstanceUid: '1.2.3',
    seriesInstanceUid: '1.2.4',
  },
}

/** Books with one delivery in them, and how often they were looked into. */
function books() {
  const clock = new TestClock()
  const wakes = new Wakes()
  const kept = { looks: 0, state: 'READY' as DeliveryRow['state'] }
  const deps = {
    clock,
    wakes,
    destinationOf: () => 'archive',
    views: {
      deliveries: async () => {
        kept.looks += 1
        return {
          rows: [{ row: { state: kept.state, destination: 'archive' }, cursor: '' }],
          hasNext: false,
          hasPrevious: false,
        }
      },
      attempts: async () => ({ rows: [], hasNext: false, hasPrevious: false }),
    },
  } as unknown as RelayDeps
  const waiting = (wait: number, signal = new AbortController().signal) =>
    awaitRelay(deps, 'archive', { outcomes: [stored], broken: undefined }, ms(wait), signal)
  return { clock, wakes, kept, waiting }
}

test('a relay looks when something is settled, and hardly ever otherwise', async () => {
  const { clock, wakes, kept, waiting } = books()
  const relayed = waiting(60_000)
  await clock.advance(4_000)
  expect(kept.looks).toBe(1)
  wakes.wake('settled')
  await clock.advance(0)
  expect(kept.looks).toBe(2)
  kept.state = 'DELIVERED'
  wakes.wake('settled')
  await clock.advance(20)
  expect(await relayed).toMatchObject({ delivered: 1, pending: 0 })
  expect(clock.waiting).toBe(0)
})

test('what was settled while it looked is not missed, and much that is settled does not make it look all the time', async () => {
  const { clock, wakes, kept, waiting } = books()
  const relayed = waiting(60_000)
  // Its first look is under way.
  wakes.wake('settled')
  await clock.advance(10)
  expect(kept.looks).toBe(2)
  for (let at = 0; at < 2_000; at += 1) {
    wakes.wake('settled')
    await clock.advance(1)
  }
  expect(kept.looks).toBeLessThan(20)
  kept.state = 'DELIVERED'
  await clock.advance(1_000)
  expect(await relayed).toMatchObject({ delivered: 1 })
})

test('what nobody wakes for is found all the same; a wait has its end, and a caller that has gone ends it', async () => {
  const { clock, kept, waiting } = books()
  const cancelled = waiting(60_000)
  await clock.advance(100)
  kept.state = 'CANCELLED'
  await clock.advance(5_000)
  expect(await cancelled).toMatchObject({ pending: 0, outcomes: [{ kind: 'failed', reason: 0x0110 }] })
  kept.state = 'READY'
  const short = waiting(300)
  await clock.advance(300)
  expect(await short).toMatchObject({ pending: 1 })
  const gone = new AbortController()
  const left = waiting(60_000, gone.signal)
  await clock.advance(100)
  gone.abort()
  expect(await left).toMatchObject({ pending: 1 })
  expect(clock.waiting).toBe(0)
})
