import type { HttpServer } from '../http/listener.ts'
import { HEALTH, VERSION } from './operations.ts'

export interface HealthDeps {
  readonly version: string
  /** Whether instances are taken at this moment. @throws when that cannot be told */
  readonly isReady: () => Promise<boolean>
}

/**
 * `GET /health` and `GET /version`, for whoever asks, without a token: whether we work, and nothing about whom we work for. By
 * HEAD as well (RFC 9110 9.3.2): who shares out load asks so.
 */
export function addHealth(server: HttpServer, { version, isReady }: HealthDeps): void {
  server.get('/health', { schema: HEALTH, exposeHeadRoute: true }, async (_request, reply) => {
    const ready = await isReady().catch(() => false)
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'unavailable' })
  })
  server.get('/version', { schema: VERSION, exposeHeadRoute: true }, (_request, reply) =>
    reply.send({ name: 'kurir', version }),
  )
}
