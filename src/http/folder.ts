import { existsSync } from 'node:fs'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { UNDESCRIBED } from './operation.ts'
import { refuse } from './refusal.ts'

export interface ServedFolder {
  /** `/playground`: its pages are below it. */
  readonly prefix: string
  /** Where `index.html` stands beside: `/`. */
  readonly front?: string
  readonly root: string
  readonly headers: Readonly<Record<string, string>>
  /** What to say while the folder has not been made. */
  readonly missing: string
}

/** Serves the files of one folder, `index.html` at its top, or 503 while that does not exist. */
export async function serveFolder(server: FastifyInstance, folder: ServedFolder): Promise<void> {
  const index = join(folder.root, 'index.html')
  await server.register(fastifyStatic, { root: folder.root, serve: false, logLevel: 'silent' })
  const send = (reply: FastifyReply, path: string): FastifyReply => {
    if (!existsSync(index)) return refuse(reply, 503, folder.missing)
    for (const [name, value] of Object.entries(folder.headers)) reply.header(name, value)
    return reply.sendFile(path)
  }
  const schema = UNDESCRIBED
  const { front = folder.prefix } = folder
  server.get(folder.prefix, { schema }, (_request, reply) =>
    reply.redirect(front === folder.prefix ? `${front}/` : front, 308),
  )
  server.get<{ Params: { '*': string } }>(`${folder.prefix}/*`, { schema }, (request, reply) => {
    const path = request.params['*']
    return send(reply, path === '' ? 'index.html' : path)
  })
  if (front !== folder.prefix) server.get(front, { schema }, (_request, reply) => send(reply, 'index.html'))
}
