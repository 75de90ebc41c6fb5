import type { HttpServer } from '../http/listener.ts'
import { addDownload } from './download.ts'
import { addQidoRs } from './qido-rs.ts'
import { addWadoRs, type RetrieveDeps } from './wado-rs.ts'
import { addWadoUri } from './wado-uri.ts'

/** Everything that reads from the spool by HTTP. */
export async function addRetrieval(server: HttpServer, deps: RetrieveDeps): Promise<void> {
  await addQidoRs(server, deps)
  await addWadoRs(server, deps)
  await addWadoUri(server, deps)
  await addDownload(server, deps)
}
