import type { HttpServer } from '../http/listener.ts'
import { HEALTH, VERSION } from './operations.ts'

export interface HealthDeps {
  readonly version: string
  /** Whether instances are taken at this moment. @throws when that cannot be told */
  readonly isReady: () => Promise<boolean>
}

// Load balancers ask by HEAD (RFC 9110 9.1).
const FOR_HEAD = { exposeHeadRoute: true } as const

/** `GET /health` and `GET /version`, for whoever asks, without a token: whether we work, and nothing about whom we work for. */
export function addHealth(server: HttpServer, { version, isReady }: HealthDeps): void {
  server.get('/health', { schema: HEALTH, ...FOR_HEAD }, async (_request, reply) => {
    const ready = await isReady().catch(() => false)
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ok' : 'unavailable' })
  })
  server.get('/version', { schema: VERSION, ...FOR_HEAD }, (_request, reply) => reply.send({ name: 'kurir', version }))
}
