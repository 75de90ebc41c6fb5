import type { HttpReply, HttpRequest, HttpServer } from '../http/listener.ts'
import { refuse } from '../http/refusal.ts'
import type { SpooledInstanceSelection } from '../ledger/spooled.ts'
import { type Readers, requireReader } from './access.ts'
import { DOWNLOAD } from './operations.ts'
import { spooledInstances } from './spool-walk.ts'
import { type RetrieveDeps, sendFile, sendZip } from './wado-rs.ts'

type Asked = HttpRequest<{ Params: { readonly uid: string } }>

/**
 * `GET /api/dicom/download/{uid}`: a study, a series or an instance of the spool as an attachment, as it is stored. One
 * instance is a Part 10 file, several are a ZIP archive.
 */
export async function addDownload(server: HttpServer, deps: RetrieveDeps): Promise<void> {
  const readers: Readers = new WeakMap()
  await server.register(async (scope) => {
    scope.addHook('onRequest', requireReader(deps, readers))
    scope.get('/api/dicom/download/:uid', { schema: DOWNLOAD }, (request: Asked, reply) =>
      download(deps, readers, request, reply),
    )
  })
}

async function download(deps: RetrieveDeps, readers: Readers, request: Asked, reply: HttpReply): Promise<HttpReply> {
  const { uid } = request.params
  const { views } = deps.ledger
  for (const selection of [{ studyInstanceUid: uid }, { sopInstanceUid: uid }, { seriesInstanceUid: uid }]) {
    const [first, another] = await views.spooledInstances(selection, 2)
    if (first === undefined) continue
    await deps.ledger.phiRead(
      { name: readers.get(request)?.name ?? 'unknown' },
      'download',
      await countOf(deps, selection),
    )
    if (another !== undefined) return sendZip(deps, spooledInstances(views, selection), reply, `${uid}.zip`)
    reply.header('content-disposition', `attachment; filename="${uid}.dcm"`)
    return sendFile(deps, first, ['*'], reply)
  }
  return refuse(reply, 404, 'Nothing of that UID is in the spool.')
}

async function countOf(deps: RetrieveDeps, selection: SpooledInstanceSelection): Promise<number> {
  if (selection.studyInstanceUid !== undefined) return (await deps.ledger.views.spooledCounts(selection)).instances
  let count = 0
  for await (const _ of spooledInstances(deps.ledger.views, selection)) count += 1
  return count
}
