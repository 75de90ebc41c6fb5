import type { HttpServer } from '../http/listener.ts'
import type { HealthSource } from './sources.ts'

/**
 * For whoever starts and watches the process; without a token. `/livez`: the event loop turns. `/readyz`: 200 only while
 * the doors are open, else 503, with the problems either way.
 */
export function addProbes(server: HttpServer, health: HealthSource): void {
  server.get('/livez', { exposeHeadRoute: true }, () => ({ live: true }))
  server.get('/readyz', { exposeHeadRoute: true }, async (_request, reply) => {
    const { ready, problems } = await health.report()
    return reply.code(ready ? 200 : 503).send({ ready, problems })
  })
}
