import { EXPLICIT_VR_LITTLE_ENDIAN } from '../dicom/transfer-syntax.ts'
import type { HttpReply, HttpRequest, HttpServer } from '../http/listener.ts'
import { refuse } from '../http/refusal.ts'
import { type Readers, requireReader } from './access.ts'
import { WADO_URI } from './operations.ts'
import { type RetrieveDeps, selectionOf, sendFile } from './wado-rs.ts'

type Asked = HttpRequest<{
  Querystring: {
    readonly studyUID: string
    readonly seriesUID: string
    readonly objectUID: string
    readonly contentType?: string
    readonly transferSyntax?: string
  }
}>

/** WADO-URI (PS3.18 9): one instance of the spool as a Part 10 file, by its three UIDs. Pictures of it are not ours to make. */
export async function addWadoUri(server: HttpServer, deps: RetrieveDeps): Promise<void> {
  const readers: Readers = new WeakMap()
  await server.register(async (scope) => {
    scope.addHook('onRequest', requireReader(deps, readers))
    scope.get('/wado', { schema: WADO_URI }, (request: Asked, reply) => retrieve(deps, readers, request, reply))
  })
}

async function retrieve(deps: RetrieveDeps, readers: Readers, request: Asked, reply: HttpReply): Promise<HttpReply> {
  const { studyUID: study, seriesUID: series, objectUID: instance, contentType, transferSyntax } = request.query
  const types = (contentType ?? 'application/dicom').split(',').map((type) => type.trim().split(';')[0])
  if (!types.includes('application/dicom') && !types.includes('*/*')) return refuse(reply, 406)
  const selection = selectionOf({ study, series, instance })
  const [found] = await deps.ledger.views.spooledInstances(selection, 1)
  if (found === undefined || found.identity.seriesInstanceUid !== series) return refuse(reply, 404)
  await deps.ledger.phiRead({ name: readers.get(request)?.name ?? 'unknown' }, 'WADO-URI instance', 1)
  return sendFile(deps, found, [transferSyntax ?? EXPLICIT_VR_LITTLE_ENDIAN.uid], reply)
}
