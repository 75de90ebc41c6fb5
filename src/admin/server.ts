import type { NewId } from '../base/id.ts'
import { createListener, type ListenerLimits } from '../http/listener.ts'
import { startApollo } from './apollo.ts'
import type { AdminSources } from './context.ts'
import { addGraphql } from './graphql-route.ts'
import type { MetricsRegistry } from './metrics.ts'
import { addMetrics } from './metrics-route.ts'
import { addPlayground } from './playground-route.ts'
import { addProbes } from './probes.ts'
import { buildAdminSchema } from './schema.ts'
import { ShadowRuns } from './shadow-runs.ts'
import type { ShadowSource } from './sources.ts'

export interface AdminDeps extends Omit<AdminSources, 'stopping' | 'shadows'> {
  readonly shadows: ShadowSource
  readonly newId: NewId
  readonly metrics: Pick<MetricsRegistry, 'registry'>
}

export interface AdminSettings {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Where the playground was bundled to; served with 503 while it is not there. */
  readonly playgroundDir: string
  readonly limits?: Partial<ListenerLimits>
}

/** The admin's port. Disposing it lets open requests finish within a limit. */
export interface AdminServer extends AsyncDisposable {
  /** Resolves with the port it got. */
  listen(): Promise<number>
}

/** Wires GraphQL, playground, metrics and probes onto one listener. It listens only when told to. */
export async function createAdminServer(settings: AdminSettings, deps: AdminDeps): Promise<AdminServer> {
  const stopping = new AbortController()
  const runs = new ShadowRuns(deps)
  const shadows = { source: deps.shadows, runs }
  const sources: AdminSources = { ...deps, shadows, stopping: stopping.signal }
  // Nothing but GraphQL has a body, and that sets its own limit.
  const { limits = {} } = settings
  const listener = createListener({ ...settings, bodyLimit: 1 }, { ...deps, limits })
  const schema = buildAdminSchema()
  const apollo = await startApollo(schema, deps.log, deps.newId)
  await addGraphql(listener.server, { apollo, schema, sources })
  await addPlayground(listener.server, settings.playgroundDir)
  addMetrics(listener.server, deps.metrics.registry, deps)
  addProbes(listener.server, deps.health)
  return {
    listen: () => listener.listen(),
    async [Symbol.asyncDispose]() {
      const drained = listener[Symbol.asyncDispose]()
      stopping.abort()
      await runs[Symbol.asyncDispose]()
      await drained
      await apollo.stop()
    },
  }
}
