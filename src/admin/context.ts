import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Ledger, TokenGrant } from '../ledger/ledger.ts'
import type { DestinationCondition } from '../ledger/records.ts'
import type { QueueDepth } from '../ledger/views.ts'
import type { Services } from '../services/call.ts'
import type { PhiReads } from './phi-reads.ts'
import type { ShadowRuns } from './shadow-runs.ts'
import type { DestinationSource, HealthSource, RulesetSource, ShadowSource } from './sources.ts'

/** What every resolver may use. */
export interface AdminSources {
  readonly ledger: Ledger
  readonly destinations: DestinationSource
  readonly rulesets: RulesetSource
  readonly health: HealthSource
  readonly services: Pick<Services, 'states' | 'verify'>
  readonly shadows: { readonly source: ShadowSource; readonly runs: ShadowRuns }
  readonly clock: Clock
  readonly log: Log
  /** Fires when the admin stops: what a resolver waits for ends then. */
  readonly stopping: AbortSignal
}

/** One request: who asks, and what has been looked up or shown so far. */
export interface AdminContext extends AdminSources {
  readonly caller: TokenGrant
  readonly phi: PhiReads
  /** Once a request, however many destinations are shown. */
  readonly conditions: () => Promise<ReadonlyMap<string, DestinationCondition>>
  readonly queueDepth: (destination: string) => Promise<QueueDepth>
}

/** The context of one request; what several resolvers look up is looked up once. */
export function contextFor(sources: AdminSources, caller: TokenGrant, phi: PhiReads): AdminContext {
  let conditions: Promise<ReadonlyMap<string, DestinationCondition>> | undefined
  const depths = new Map<string, Promise<QueueDepth>>()
  return {
    ...sources,
    caller,
    phi,
    conditions: () => (conditions ??= readConditions(sources.ledger)),
    queueDepth: (name) => {
      const depth = depths.get(name) ?? sources.ledger.views.queueDepth(name)
      depths.set(name, depth)
      return depth
    },
  }
}

async function readConditions(ledger: Ledger): Promise<ReadonlyMap<string, DestinationCondition>> {
  const rows = await ledger.views.conditions()
  return new Map(rows.map((row) => [row.name, row]))
}
