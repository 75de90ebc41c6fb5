import { type Clock, type Milliseconds, ms } from '../base/clock.ts'
import type { FailureCode } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import { preferredModel } from '../dicomweb/media-type.ts'
import { readStoreRequest } from '../dicomweb/store-request.ts'
import { storeResponseJson, storeResponseXml } from '../dicomweb/store-response.ts'
import { BODY_LIMITS, type BodyLimits, readBody } from '../http/body-reader.ts'
import type { HttpReply, HttpRequest, HttpServer } from '../http/listener.ts'
import { originOf } from '../http/origin.ts'
import { refuse } from '../http/refusal.ts'
import type { Announced, Arrival } from '../spool/arrival.ts'
import type { Spool } from '../spool/spool.ts'
import type { AdmissionMeter } from './dimse-door.ts'
import { type HttpCallers, type HttpIntakeDeps, nameOf, peerOf, requireHttpRole } from './http-access.ts'
import { RELAY, STORE_BODIES, STORE_INSTANCES, STORE_STUDY } from './operations.ts'
import { answerOf, relayAnswerOf, type StowAnswer } from './stow-answer.ts'
import { type BulkRoom, openBulkRoom } from './stow-bulk.ts'
import { StowIntake } from './stow-intake.ts'
import type { StowOutcome, StowResult } from './stow-outcomes.ts'
import { awaitRelay, type RelayDeps, type RelayPair, type RelayResult, relayPair } from './stow-relay.ts'
import { type UploadLimits, UploadSlots } from './upload-slots.ts'

export interface StowDoorDeps extends HttpIntakeDeps {
  readonly spool: Pick<Spool, 'begin'>
  readonly bulkRoom: BulkRoom
  readonly clock: Clock
  readonly log: Log
  readonly meter?: AdmissionMeter
  readonly limits?: Partial<BodyLimits>
  readonly uploads?: UploadLimits
  /** Where `POST /{scu}/{scp}/studies` may go; without it there is no such address. */
  readonly relay?: RelayDeps
}

/** Who stores, and what it is addressed to beside the store itself. */
interface Addressed {
  /** As the audit trail names them. */
  readonly by: string
  readonly study?: string
  readonly relay?: Relay
}

interface Relay {
  readonly pair: RelayPair
  readonly destination: string
  /** How long the answer waits for the archive. */
  readonly wait: Milliseconds
}

type OfStudy = HttpRequest<{ Params: { readonly study: string } }>
type Relayed = HttpRequest<{
  Params: { readonly scu: string; readonly scp: string }
  Querystring: { readonly wait: number }
}>
/** What every one of them has. */
type Stored = Pick<HttpRequest, 'headers' | 'ip' | 'id' | 'raw' | 'protocol' | 'host' | 'socket'>

const UPLOADS: UploadLimits = { total: 800, perPeer: 400 }
/** Seconds after which a caller that met a limit may come again. */
const RETRY_AFTER = { uploads: '5', room: '60' } as const
const CONFIG = { streams: true, takes: STORE_BODIES } as const

/**
 * The way in for STOW-RS: `POST /studies` and `POST /studies/{study}` (PS3.18 10.5). Every part goes to the spool as it
 * comes; the answer leaves when all that it calls stored is durable (wall W1).
 */
export async function addStowDoor(server: HttpServer, deps: StowDoorDeps): Promise<void> {
  const slots = new UploadSlots(deps.uploads ?? UPLOADS)
  const callers: HttpCallers = new WeakMap()
  await openBulkRoom(deps.bulkRoom)
  await server.register(async (scope) => {
    // The body is read here, as it comes.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _body, done) => done(null))
    scope.addHook('onRequest', requireHttpRole(deps, 'INGEST', callers))
    scope.post('/studies', { schema: STORE_INSTANCES, config: CONFIG }, (request, reply) =>
      store(deps, slots, request, reply, { by: nameOf(request, callers) }),
    )
    scope.post('/studies/:study', { schema: STORE_STUDY, config: CONFIG }, (request: OfStudy, reply) =>
      store(deps, slots, request, reply, { by: nameOf(request, callers), study: request.params.study }),
    )
    const { relay } = deps
    if (relay !== undefined)
      addRelay(scope, relay, (request, reply, addressed) =>
        store(deps, slots, request, reply, { by: nameOf(request, callers), ...addressed }),
      )
  })
}

type Store = (request: Relayed, reply: HttpReply, addressed: Omit<Addressed, 'by'>) => Promise<HttpReply>

/** `POST /{scu}/{scp}/studies?wait=`: the same bodies, forwarded at once; the answer says what the archive answered. */
function addRelay(scope: HttpServer, relay: RelayDeps, storeFor: Store): void {
  scope.post('/:scu/:scp/studies', { schema: RELAY, config: CONFIG }, (request: Relayed, reply) => {
    const pair = relayPair(request.params)
    const destination = pair === undefined ? undefined : relay.destinationOf(pair)
    if (pair === undefined || destination === undefined) {
      return refuse(reply, 404, 'No destination of the rules is called so by this caller.')
    }
    return storeFor(request, reply, { relay: { pair, destination, wait: ms(Math.round(request.query.wait * 1_000)) } })
  })
}

async function store(
  deps: StowDoorDeps,
  slots: UploadSlots,
  request: Stored,
  reply: HttpReply,
  addressed: Addressed,
): Promise<HttpReply> {
  const { headers } = request
  const asked = readStoreRequest(headers['content-type'], headers['content-encoding'])
  if ('status' in asked) {
    if (asked.status === 415) reply.header('accept-encoding', 'gzip, deflate')
    return refuse(reply, asked.status, asked.sentence)
  }
  const limits = { ...BODY_LIMITS, ...deps.limits }
  if (Number(headers['content-length'] ?? 0) > limits.bytes) return refuse(reply, 413)
  const peer = peerOf(request)
  // Nobody would hear what became of it.
  if (peer === undefined) return refuse(reply, 400)
  const slot = slots.take(peer)
  if (typeof slot === 'string') {
    return refuse(reply.header('retry-after', RETRY_AFTER.uploads), slot === 'all' ? 503 : 429)
  }
  try {
    const intake = new StowIntake({
      ...deps,
      correlation: request.id,
      arrival: arrivalFor(deps, request, peer, addressed),
    })
    const result = await intake.run(asked, readBody(request.raw, deps.clock, limits))
    account(deps, request, result.outcomes)
    if (result.broken !== undefined) deps.log.warn('stow-broken', { correlation: request.id, code: result.broken })
    slot.release()
    if (deps.relay === undefined || addressed.relay === undefined) {
      return answer(reply, answerOf(result, originOf(request), addressed.study))
    }
    return answer(reply, relayAnswerOf(await relayed(deps.relay, addressed.relay, reply, result), originOf(request)))
  } finally {
    slot.release()
  }
}

/** Waits for the archive, but for no caller that has gone. */
async function relayed(
  deps: RelayDeps,
  { destination, wait }: Relay,
  reply: HttpReply,
  result: StowResult,
): Promise<RelayResult> {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return awaitRelay(deps, destination, result, wait, gone.signal)
}

function arrivalFor(
  { clock, onChangedAt }: StowDoorDeps,
  request: Stored,
  peer: string,
  { by, study, relay }: Addressed,
) {
  const who = { callingAe: relay?.pair.callingAe ?? null, calledAe: relay?.pair.calledAe ?? null, peer }
  const onChanged = onChangedAt?.(peer) ?? 'keep'
  return (announced: Announced): Arrival => ({
    reception: { at: clock.now(), door: 'STOW', ...who, associationId: request.id },
    announced,
    by,
    onChanged,
    ...(study === undefined ? {} : { onlyStudy: study }),
  })
}

function account({ meter, log }: StowDoorDeps, request: Stored, outcomes: readonly StowOutcome[]): void {
  const refused = new Map<FailureCode, number>()
  for (const outcome of outcomes) {
    if (outcome.kind === 'stored') meter?.instanceAdmitted('STOW', outcome.taken.bytes)
    else {
      meter?.instanceRefused('STOW', outcome.code)
      refused.set(outcome.code, (refused.get(outcome.code) ?? 0) + 1)
    }
  }
  // One line a reason, however many parts a hostile body has.
  for (const [code, count] of refused) log.warn('store-refused', { correlation: request.id, door: 'STOW', code, count })
}

function answer(reply: HttpReply, { status, report, warning }: StowAnswer): HttpReply {
  if (status === 507) reply.header('retry-after', RETRY_AFTER.room)
  if (report === null) return status === 204 ? reply.code(204).send() : refuse(reply, status)
  if (status === 206 && report.studyUrl !== null) reply.header('location', report.studyUrl)
  if (warning !== undefined) reply.header('warning', `299 kurir "${warning}"`)
  reply.code(status)
  return preferredModel(reply.request.headers.accept) === 'xml'
    ? reply.type('application/dicom+xml').send(storeResponseXml(report))
    : reply.type('application/dicom+json').send(storeResponseJson(report))
}
