import { Readable } from 'node:stream'
import type { HttpReply, HttpRequest, HttpServer } from '../http/listener.ts'
import { originOf } from '../http/origin.ts'
import { refuse } from '../http/refusal.ts'
import type { HttpAccessDeps } from '../ingest/http-access.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Readers, requireReader } from './access.ts'
import { dataSetText } from './header-json.ts'
import { searchOperation } from './operations.ts'
import { qidoAnswer } from './qido-answer.ts'
import { type QidoQuery, readQidoQuery } from './qido-query.ts'
import { type QidoLevel, type QidoResult, searchSpool } from './qido-search.ts'

export interface QidoDeps extends HttpAccessDeps {
  readonly ledger: Pick<Ledger, 'tokenGrant' | 'phiRead' | 'views'>
}

type Asked = HttpRequest<{ Params: { readonly study?: string; readonly series?: string } }>

const JSON_TYPES = /application\/(?:dicom\+)?json|\*\/\*|application\/\*/
const PATHS: readonly (readonly [path: string, level: QidoLevel])[] = [
  ['/studies', 'study'],
  ['/series', 'series'],
  ['/instances', 'instance'],
  ['/studies/:study/series', 'series'],
  ['/studies/:study/instances', 'instance'],
  ['/studies/:study/series/:series/instances', 'instance'],
]

/** QIDO-RS over what the spool holds (PS3.18 10.6), answered in JSON. */
export async function addQidoRs(server: HttpServer, deps: QidoDeps): Promise<void> {
  const readers: Readers = new WeakMap()
  await server.register(async (scope) => {
    scope.addHook('onRequest', requireReader(deps, readers))
    for (const [path, level] of PATHS) {
      const schema = searchOperation(level, path.match(/(?<=:)\w+/g) ?? [])
      scope.get(path, { schema }, (request: Asked, reply) => search(deps, readers, level, request, reply))
    }
  })
}

async function search(
  deps: QidoDeps,
  readers: Readers,
  level: QidoLevel,
  request: Asked,
  reply: HttpReply,
): Promise<HttpReply> {
  const { study, series } = request.params
  if (!JSON_TYPES.test(request.headers.accept ?? '*/*')) return refuse(reply, 406)
  const query = readQidoQuery(new URL(request.url, 'http://kurir').searchParams, {
    ...(study === undefined ? {} : { StudyInstanceUID: study }),
    ...(series === undefined ? {} : { SeriesInstanceUID: series }),
  })
  if ('problem' in query) return refuse(reply, 400, query.problem)
  const result = await searchSpool(deps.ledger.views, level, query)
  const warnings = warningsOf(query, result)
  if (warnings.length > 0) reply.header('warning', warnings.join(', '))
  if (result.matches.length === 0) return reply.code(204).send()
  const by = { name: readers.get(request)?.name ?? 'unknown' }
  await deps.ledger.phiRead(by, `QIDO-RS ${level}`, result.matches.length)
  const body = answers(deps, level, query, result, originOf(request), study !== undefined)
  return reply.type('application/dicom+json').send(Readable.from(body, { objectMode: false }))
}

async function* answers(
  deps: QidoDeps,
  level: QidoLevel,
  query: QidoQuery,
  { matches }: QidoResult,
  origin: string,
  scoped: boolean,
): AsyncGenerator<Buffer> {
  let before = '['
  for (const match of matches) {
    yield Buffer.from(before + dataSetText(await qidoAnswer(deps.ledger.views, level, query, match, origin, scoped)))
    before = ','
  }
  yield Buffer.from(']')
}

/** PS3.18 8.3.4.1, 8.3.4.4: what was not done as asked. */
function warningsOf({ fuzzy }: QidoQuery, { more, cut }: QidoResult): readonly string[] {
  return [
    ...(fuzzy
      ? ['299 kurir "The fuzzymatching parameter is not supported. Only literal matching has been performed."']
      : []),
    ...(more ? ['299 kurir "There are additional results that can be requested."'] : []),
    ...(cut ? ['299 kurir "The search stopped before everything was looked at. Say more of what you look for."'] : []),
  ]
}
