import type { Registry } from 'prom-client'
import type { HttpServer } from '../http/listener.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { requireRole } from './access.ts'
import { ledgerGauges } from './ledger-gauges.ts'
import type { DestinationSource } from './sources.ts'

interface MetricsSources {
  readonly ledger: Pick<Ledger, 'views' | 'now' | 'tokenGrant'>
  readonly destinations: Pick<DestinationSource, 'names' | 'declared'>
}

/** `/metrics` in Prometheus's text format, for VIEWER. */
export function addMetrics(server: HttpServer, registry: Registry, sources: MetricsSources): void {
  const refresh = ledgerGauges(registry, sources)
  const onRequest = requireRole(sources.ledger, 'VIEWER', new WeakMap())
  server.get('/metrics', { onRequest }, async (_request, reply) => {
    await refresh()
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}
