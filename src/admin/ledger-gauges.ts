import { Gauge, type Registry } from 'prom-client'
import type { Ledger } from '../ledger/ledger.ts'
import { OBLIGATION_STATES } from '../ledger/states.ts'
import type { QueueDepth } from '../ledger/views.ts'
import type { DestinationSource } from './sources.ts'

interface GaugeSources {
  readonly ledger: Pick<Ledger, 'views' | 'now'>
  readonly destinations: Pick<DestinationSource, 'names' | 'declared'>
}

/** Where everything stands, read from the ledger when `/metrics` is asked. */
export type LedgerGauges = () => Promise<void>

type Depth = keyof Omit<QueueDepth, 'oldestReadyAt'>

const DEPTHS: readonly (readonly [depth: Depth, label: string])[] = [
  ['ready', 'READY'],
  ['waiting', 'WAITING'],
  ['sending', 'SENDING'],
  ['awaitingCommitment', 'AWAITING_COMMITMENT'],
  ['held', 'HELD'],
  ['rejected', 'REJECTED'],
  ['failed', 'FAILED'],
  ['delivered', 'DELIVERED'],
  ['cancelled', 'CANCELLED'],
]

/**
 * Obligations by state, whose sum with the undecided ones is everything ever admitted and still on record (wall W6); and
 * of each destination its queue, its oldest delivery that is READY, whether it can be reached.
 */
export function ledgerGauges(registry: Registry, sources: GaugeSources): LedgerGauges {
  const registers = [registry]
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers })
  const obligations = gauge('kurir_obligations', 'What is owed, by state. UNDECIDED: admitted only.', ['state'])
  const queue = gauge('kurir_deliveries', 'Deliveries by destination and state.', ['destination', 'state'])
  const oldest = gauge('kurir_oldest_ready_seconds', 'Age of the oldest delivery that is READY, due or not.', [
    'destination',
  ])
  const up = gauge('kurir_destination_up', '1 when deliveries can leave, 0 while down, paused or not declared.', [
    'destination',
  ])

  return async () => {
    const { views } = sources.ledger
    const [counts, conditions] = await Promise.all([views.obligationCounts(), views.conditions()])
    for (const state of OBLIGATION_STATES) obligations.set({ state }, counts[state])
    obligations.set({ state: 'UNDECIDED' }, counts.undecided)
    const stopped = new Set(conditions.filter((row) => row.down !== null || row.paused !== null).map((row) => row.name))
    const names = [...new Set([...sources.destinations.names(), ...conditions.map((row) => row.name)])]
    const depths = await Promise.all(names.map(async (name) => [name, await views.queueDepth(name)] as const))
    // Nothing is awaited from here on: who is asked at the same time finds all of it or none.
    for (const each of [queue, oldest, up]) each.reset()
    for (const [destination, depth] of depths) {
      for (const [key, state] of DEPTHS) queue.set({ destination, state }, depth[key])
      const age = depth.oldestReadyAt === null ? 0 : Math.max(0, sources.ledger.now() - depth.oldestReadyAt) / 1_000
      oldest.set({ destination }, age)
      const isOpen = !stopped.has(destination) && sources.destinations.declared(destination) !== undefined
      up.set({ destination }, isOpen ? 1 : 0)
    }
  }
}
