// Everything between the spool and a destination, real but for the rules: shelf, ledger, queue, dispatchers.
import { EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import { deliveryParts } from '../../src/app/deliveries.ts'
import { type Clock, ms, systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Dispatchers } from '../../src/deliver/dispatchers.ts'
import { parseAeTitle } from '../../src/dicom/ae-title.ts'
import { findFileMeta } from '../../src/dicom/file-meta.ts'
import { EDIT_VERSION, type ResolvedEdit } from '../../src/dicom/resolved-edit.ts'
import type { DeliveryId, InstanceId } from '../../src/ledger/ids.ts'
import type { Ledger, NewObligation, Settlement } from '../../src/ledger/ledger.ts'
import type { Reception } from '../../src/ledger/records.ts'
import { LedgerQueue, type QueueLedger } from '../../src/queue/queue.ts'
import type { Destination, Reach } from '../../src/rules/destination.ts'
import { aeAddressField } from '../../src/rules/field.ts'
import { dataSetOf } from './data-set-bytes.ts'
import { arrivalOf, newId, openShelf, reception, type Shelf, take } from './spool-on-disk.ts'

export const quickRetry = { first: ms(40), longest: ms(200), giveUpAfter: ms(86_400_000) }

/** A destination by C-STORE on this machine. */
export function archiveAt(
  port: number,
  more: Partial<Destination & { dimse: Partial<Extract<Reach, { kind: 'dimse' }>['dimse']> }> = {},
): Destination {
  const { dimse, ...rest } = more
  return {
    name: 'archive',
    file: '10.yaml',
    line: 1,
    retry: quickRetry,
    verify: undefined,
    reach: {
      kind: 'dimse',
      dimse: {
        ae: aeAddressField.parse(`ARCHIVE@127.0.0.1:${port}`),
        callingAe: undefined,
        associations: 1,
        transferSyntax: 'default',
        tls: undefined,
        ...dimse,
      },
    },
    ...rest,
  }
}

export interface HarnessOptions {
  readonly folder: string
  readonly destinations: readonly Destination[]
  readonly clock?: Clock
  readonly linger?: number
  readonly grace?: number
  readonly timeouts?: Parameters<typeof deliveryParts>[0]['timeouts']
  /** Opened by the test, and closed by it. */
  readonly shelf?: Shelf
}

export interface Planned {
  readonly instance: InstanceId
  readonly deliveries: readonly DeliveryId[]
}

/** Opens all of it; deliveries leave once `start` was called. */
export async function openDelivery(options: HarnessOptions) {
  const clock = options.clock ?? systemClock
  const stack = new AsyncDisposableStack()
  const stop = new AbortController()
  const shelf = options.shelf ?? stack.use(await openShelf(options.folder, clock))
  const { ledger, store, spool } = shelf
  let destinations = new Map(options.destinations.map((each) => [each.name, each]))
  const settled: Settlement[] = []
  const events = new EventEmitter()
  const queue = stack.use(
    new LedgerQueue({
      ledger: watched(ledger, (applied) => {
        settled.push(...applied)
        events.emit('settled')
      }),
      clock,
      log: silentLog,
      random: Math.random,
      claimant: newId(),
    }),
  )
  const timeouts = {
    connect: ms(2_000),
    acse: ms(2_000),
    dimse: ms(2_000),
    network: ms(1_000),
    release: ms(500),
    close: ms(200),
    ...options.timeouts,
  }
  const callingAe = parseAeTitle('KURIR')
  if (callingAe === undefined) throw new Error('unreachable')
  const dispatchers = stack.use(
    new Dispatchers({
      ...deliveryParts({ clock: systemClock, newId, timeouts, callingAe }),
      queue,
      ledger,
      blobs: store,
      destinations: () => destinations,
      clock,
      log: silentLog,
      random: Math.random,
      linger: ms(options.linger ?? 200),
      grace: ms(options.grace ?? 1_000),
    }),
  )

  /** Takes a Part 10 file in and owes it to the destinations. */
  async function owe(
    file: Buffer,
    to: readonly string[] = ['archive'],
    more: {
      readonly edits?: readonly ResolvedEdit[]
      readonly outgoingUid?: string
      readonly urgent?: boolean
      readonly reception?: Partial<Reception>
    } = {},
  ): Promise<Planned> {
    const meta = findFileMeta(file, true)
    if (meta.outcome !== 'found') throw new Error('not a Part 10 file')
    const arrival = arrivalOf(file, { reception: { ...reception, ...more.reception } })
    const { id: instance } = await take(spool, arrival, dataSetOf(file))
    const obligations = to.map(
      (destination): NewObligation => ({
        kind: 'DELIVER',
        destination,
        rules: [{ name: 'all', file: '10.yaml', line: 1, rulesetDigest: 'test' }],
        edits: more.edits ?? [],
        changes: [],
        editVersion: EDIT_VERSION,
        outgoingUid: more.outgoingUid ?? arrival.announced.sopInstanceUid,
        urgent: more.urgent ?? false,
        held: null,
      }),
    )
    const [outcome] = await queue.enqueue([{ instance, expectedVersion: 1, rulesetDigest: 'test', obligations }])
    if (outcome?.kind !== 'planned') throw new Error(`planned as ${outcome?.kind}`)
    return { instance, deliveries: outcome.deliveries }
  }

  const delivery = async (id: DeliveryId | undefined) => {
    const row = id === undefined ? undefined : await ledger.views.delivery(id)
    if (row === undefined) throw new Error('no such delivery')
    return row
  }

  /** The tries of a delivery, oldest first, as `outcome reason`. */
  const tries = async (id: DeliveryId | undefined): Promise<readonly string[]> => {
    if (id === undefined) return []
    const page = await ledger.views.attempts(id, { first: 200 })
    return page.rows
      .map(({ row }) => row)
      .sort((a, b) => a.number - b.number)
      .map(({ outcome, status, reason }) => [outcome, status, reason].filter((part) => part !== null).join(' '))
  }

  /** Resolves when that many settlements in all satisfy it. */
  async function until(
    count: number,
    which: (settlement: Settlement) => boolean = ({ state }) => state !== 'READY',
  ): Promise<readonly Settlement[]> {
    for (;;) {
      const found = settled.filter(which)
      if (found.length >= count) return found
      await once(events, 'settled')
    }
  }

  return {
    ...shelf,
    queue,
    dispatchers,
    owe,
    delivery,
    tries,
    settled,
    until,
    start: () => dispatchers.start(stop.signal),
    /** Another ruleset comes into force. */
    reconfigure: (next: readonly Destination[]) => {
      destinations = new Map(next.map((each) => [each.name, each]))
      return dispatchers.reconfigure()
    },
    blobFile: (key: string) => join(options.folder, 'spool', key),
    /** Resolves when a circuit is open. */
    untilDown: async (name = 'archive') => {
      for (;;) {
        const change = ledger.wakes.next(`destination:${name}`, stop.signal)
        const row = (await ledger.views.conditions()).find((each) => each.name === name)
        if (row?.down) return row.down
        await change
      }
    },
    condition: async (name = 'archive') => (await ledger.views.conditions()).find((row) => row.name === name),
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await stack.disposeAsync()
    },
  }
}

/** The ledger, telling of what it has settled. */
function watched(ledger: Ledger, tell: (applied: readonly Settlement[]) => void): QueueLedger {
  return {
    plan: (entries) => ledger.plan(entries),
    claim: (destination, limit, claimant, lease, only) => ledger.claim(destination, limit, claimant, lease, only),
    renew: (tokens, lease) => ledger.renew(tokens, lease),
    giveBack: (deliveries) => ledger.giveBack(deliveries),
    rescue: (claimant) => ledger.rescue(claimant),
    nextDueAt: (destination) => ledger.nextDueAt(destination),
    now: () => ledger.now(),
    wakes: ledger.wakes,
    settle: async (settlements) => {
      const outcomes = await ledger.settle(settlements)
      tell(settlements.filter((_, index) => outcomes[index] === 'applied'))
      return outcomes
    },
  }
}
