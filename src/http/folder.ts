import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { refuse } from './refusal.ts'

export interface ServedFolder {
  /** `/playground`: its pages are below it. */
  readonly prefix: string
  readonly root: string
  readonly headers: Readonly<Record<string, string>>
  /** What to say while the folder has not been made. */
  readonly missing: string
}

/** Serves the files of one folder, `index.html` at its top, or 503 while that does not exist. */
export async function serveFolder(server: FastifyInstance, folder: ServedFolder): Promise<void> {
  const index = join(folder.root, 'index.html')
  await server.register(fastifyStatic, { root: folder.root, serve: false, logLevel: 'silent' })
  server.get(folder.prefix, (_request, reply) => reply.redirect(`${folder.prefix}/`, 308))
  server.get<{ Params: { '*': string } }>(`${folder.prefix}/*`, (request, reply) => {
    if (!existsSync(index)) return refuse(reply, 503, folder.missing)
    for (const [name, value] of Object.entries(folder.headers)) reply.header(name, value)
    const path = request.params['*']
    return reply.sendFile(path === '' ? 'index.html' : path)
  })
}
