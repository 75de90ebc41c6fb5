import { Readable } from 'node:stream'
import type { NewId } from '../base/id.ts'
import { unpackHeader } from '../dicom/header-pack.ts'
import { EXPLICIT_VR_LITTLE_ENDIAN } from '../dicom/transfer-syntax.ts'
import type { HttpReply, HttpRequest, HttpServer } from '../http/listener.ts'
import { refuse } from '../http/refusal.ts'
import type { HttpAccessDeps } from '../ingest/http-access.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { SpooledInstance, SpooledInstanceSelection } from '../ledger/spooled.ts'
import type { Spool } from '../spool/spool.ts'
import { acceptablesOf, syntaxFor } from './accept.ts'
import { type Readers, requireReader } from './access.ts'
import { dataSetText, headerJson } from './header-json.ts'
import { metadataOperation, retrieveOperation } from './operations.ts'
import { part10Slices } from './part10-slices.ts'
import { spooledInstances } from './spool-walk.ts'
import { zipOf } from './zip.ts'

export interface RetrieveDeps extends HttpAccessDeps {
  readonly ledger: Pick<Ledger, 'tokenGrant' | 'phiRead' | 'views'>
  readonly spool: Pick<Spool, 'read'>
  readonly newId: NewId
}

interface Uids {
  readonly study?: string
  readonly series?: string
  readonly instance?: string
}
type Asked = HttpRequest<{ Params: Uids; Querystring: Readonly<Record<string, string | string[]>> }>

const STUDY = '/studies/:study'
const SERIES = `${STUDY}/series/:series`
const LEVELS = [
  { path: STUDY, level: 'Study', uids: ['study'] },
  { path: SERIES, level: 'Series', uids: ['study', 'series'] },
  { path: `${SERIES}/instances/:instance`, level: 'Instance', uids: ['study', 'series', 'instance'] },
] as const
const JSON_TYPES = /application\/(?:dicom\+)?json|\*\/\*|application\/\*/

/** WADO-RS over what the spool holds (PS3.18 10.4): a study, a series or an instance, or the metadata of one. */
export async function addWadoRs(server: HttpServer, deps: RetrieveDeps): Promise<void> {
  const readers: Readers = new WeakMap()
  await server.register(async (scope) => {
    scope.addHook('onRequest', requireReader(deps, readers))
    for (const { path, level, uids } of LEVELS) {
      const whole = { schema: retrieveOperation(level, uids) }
      scope.get(path, whole, (request: Asked, reply) => retrieve(deps, readers, request, reply))
      const described = { schema: metadataOperation(level, uids) }
      scope.get(`${path}/metadata`, described, (request: Asked, reply) => metadata(deps, readers, request, reply))
    }
  })
}

/** What an address selects. */
export function selectionOf({ study, series, instance }: Uids): SpooledInstanceSelection {
  return {
    ...(study === undefined ? {} : { studyInstanceUid: study }),
    ...(series === undefined ? {} : { seriesInstanceUid: series }),
    ...(instance === undefined ? {} : { sopInstanceUid: instance }),
  }
}

/** Those of the series that was asked for: an instance is found by its own UID. */
async function* selected(deps: RetrieveDeps, selection: SpooledInstanceSelection): AsyncGenerator<SpooledInstance> {
  const { seriesInstanceUid: series } = selection
  for await (const instance of spooledInstances(deps.ledger.views, selection)) {
    if (series === undefined || instance.identity.seriesInstanceUid === series) yield instance
  }
}

async function retrieve(deps: RetrieveDeps, readers: Readers, request: Asked, reply: HttpReply): Promise<HttpReply> {
  const selection = selectionOf(request.params)
  const asked = acceptablesOf(queryAccept(request) ?? request.headers.accept)
  if (asked.length === 0) return refuse(reply, 406)
  let there = 0
  const givenAs = asked.map(() => 0)
  for await (const { identity } of selected(deps, selection)) {
    there += 1
    for (const [at, { syntaxes }] of asked.entries()) {
      if (syntaxFor(identity.transferSyntaxUid, syntaxes) !== undefined) givenAs[at] = (givenAs[at] ?? 0) + 1
    }
  }
  if (there === 0) return refuse(reply, 404)
  const at = asked.findIndex(({ form }, index) => (givenAs[index] ?? 0) > 0 && (form !== 'single' || there === 1))
  const acceptable = asked[at]
  if (acceptable === undefined) return refuse(reply, 406)
  const given = givenAs[at] ?? 0
  await deps.ledger.phiRead(
    { name: readers.get(request)?.name ?? 'unknown' },
    `WADO-RS ${levelOf(request.params)}`,
    given,
  )
  if (acceptable.form === 'zip') return sendZip(deps, selected(deps, selection), reply, 'study.zip')
  if (acceptable.form === 'single') return sendSingle(deps, selected(deps, selection), acceptable.syntaxes, reply)
  const boundary = `kurir-${deps.newId()}`
  const body = multipart(deps, selected(deps, selection), acceptable.syntaxes, boundary)
  return reply
    .code(given === there ? 200 : 206)
    .type(`multipart/related; type="application/dicom"; boundary="${boundary}"`)
    .send(Readable.from(body, { objectMode: false }))
}

const queryAccept = ({ query }: Asked): string | undefined =>
  typeof query['accept'] === 'string' ? query['accept'] : undefined

const levelOf = ({ series, instance }: Uids): string =>
  instance !== undefined ? 'instance' : series !== undefined ? 'series' : 'study'

/** As an attachment that grows while it is read. */
export async function sendZip(
  deps: RetrieveDeps,
  instances: AsyncIterable<SpooledInstance>,
  reply: HttpReply,
  name: string,
): Promise<HttpReply> {
  const stream = await zipOf(deps.spool, instances)
  if (stream === 'too-many')
    return refuse(reply, 413, 'One archive does not hold so many instances. Ask for each series.')
  return reply.type('application/zip').header('content-disposition', `attachment; filename="${name}"`).send(stream)
}

async function sendSingle(
  deps: RetrieveDeps,
  instances: AsyncIterable<SpooledInstance>,
  syntaxes: readonly string[],
  reply: HttpReply,
): Promise<HttpReply> {
  for await (const instance of instances) return sendFile(deps, instance, syntaxes, reply)
  return refuse(reply, 404)
}

/** One Part 10 file; 406 where it cannot be given in any of the transfer syntaxes. */
export function sendFile(
  { spool }: Pick<RetrieveDeps, 'spool'>,
  instance: SpooledInstance,
  syntaxes: readonly string[],
  reply: HttpReply,
): HttpReply {
  const syntax = syntaxFor(instance.identity.transferSyntaxUid, syntaxes)
  if (syntax === undefined) return refuse(reply, 406)
  const body = part10Slices(spool, instance, syntax)
  return reply.type('application/dicom').send(Readable.from(body, { objectMode: false }))
}

async function* multipart(
  { spool }: RetrieveDeps,
  instances: AsyncIterable<SpooledInstance>,
  syntaxes: readonly string[],
  boundary: string,
): AsyncGenerator<Buffer> {
  for await (const instance of instances) {
    const syntax = syntaxFor(instance.identity.transferSyntaxUid, syntaxes)
    if (syntax === undefined) continue
    // The default is not named (PS3.18 8.7.3.5.2): some readers take a parameter for another type.
    const named = syntax === EXPLICIT_VR_LITTLE_ENDIAN.uid ? '' : `; transfer-syntax=${syntax}`
    yield Buffer.from(`\r\n--${boundary}\r\nContent-Type: application/dicom${named}\r\n\r\n`, 'latin1')
    yield* part10Slices(spool, instance, syntax)
  }
  yield Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1')
}

async function metadata(deps: RetrieveDeps, readers: Readers, request: Asked, reply: HttpReply): Promise<HttpReply> {
  const selection = selectionOf(request.params)
  if (!JSON_TYPES.test(queryAccept(request) ?? request.headers.accept ?? '*/*')) return refuse(reply, 406)
  let there = 0
  for await (const _ of selected(deps, selection)) there += 1
  if (there === 0) return refuse(reply, 404)
  const by = { name: readers.get(request)?.name ?? 'unknown' }
  await deps.ledger.phiRead(by, `WADO-RS metadata of ${levelOf(request.params)}`, there)
  const body = jsonList(selected(deps, selection))
  return reply.type('application/dicom+json').send(Readable.from(body, { objectMode: false }))
}

async function* jsonList(instances: AsyncIterable<SpooledInstance>): AsyncGenerator<Buffer> {
  let before = '['
  for await (const { header } of instances) {
    yield Buffer.from(before + dataSetText(headerJson(unpackHeader(header))))
    before = ','
  }
  yield Buffer.from(before === '[' ? '[]' : ']')
}
