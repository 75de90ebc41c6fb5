import { mkdir } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'
import type { FailureCode } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import { contentEncodingOf, decodeBody } from '../dicomweb/content-encoding.ts'
import { BODY_LIMITS, type BodyLimits, readBody } from '../http/body-reader.ts'
import type { HttpReply, HttpRequest, HttpServer } from '../http/listener.ts'
import { correlationOf, refuse } from '../http/refusal.ts'
import type { Announced, Arrival } from '../spool/arrival.ts'
import type { Corrections } from '../spool/corrections.ts'
import type { Spool } from '../spool/spool.ts'
import type { AdmissionMeter } from './dimse-door.ts'
import { type HttpCallers, type HttpIntakeDeps, nameOf, peerOf, requireHttpRole } from './http-access.ts'
import { UPLOAD, UPLOAD_BODIES } from './operations.ts'
import { uploadAnswer } from './upload-door-answer.ts'
import { ARCHIVE_LIMITS, type ArchiveDeps, type ArchiveLimits } from './upload-door-archive.ts'
import { formBoundary } from './upload-door-form.ts'
import { refusalCode, UploadIntake, type UploadOutcome } from './upload-door-intake.ts'
import { ASIDE_LIMITS, type AsideLimits, type Broken, Upload } from './upload-door-upload.ts'
import { type UploadLimits, UploadSlots } from './upload-slots.ts'

export interface UploadDoorDeps extends HttpIntakeDeps {
  readonly spool: Pick<Spool, 'begin' | 'expectRoom'>
  readonly clock: Clock
  readonly log: Log
  readonly newId: () => string
  /** For archives on their way in, and files that wait for the end of their form; made where it is not there. Nothing stays in it. */
  readonly folder: string
  readonly meter?: AdmissionMeter
  readonly limits?: Partial<BodyLimits>
  readonly archive?: Partial<ArchiveLimits>
  readonly uploads?: UploadLimits
  readonly aside?: Partial<AsideLimits>
}

// An archive waits on disk until it is whole: fewer at once than stores.
const UPLOADS: UploadLimits = { total: 32, perPeer: 8 }
const RETRY_AFTER = '10'

/**
 * The way in for people: `POST /api/dicom/upload`, a form with one or many files, each a Part 10 file or a ZIP archive of
 * them. The answer leaves when all that it calls accepted is durable (wall W1).
 */
export async function addUploadDoor(server: HttpServer, deps: UploadDoorDeps): Promise<void> {
  await mkdir(deps.folder, { recursive: true, mode: 0o700 })
  const slots = new UploadSlots(deps.uploads ?? UPLOADS)
  const callers: HttpCallers = new WeakMap()
  await server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _body, done) => done(null))
    scope.addHook('onRequest', requireHttpRole(deps, 'INGEST', callers))
    const route = { schema: UPLOAD, config: { streams: true, takes: UPLOAD_BODIES } }
    scope.post('/api/dicom/upload', route, (request, reply) =>
      receive(deps, slots, nameOf(request, callers), request, reply),
    )
  })
}

async function receive(
  deps: UploadDoorDeps,
  slots: UploadSlots,
  by: string,
  request: HttpRequest,
  reply: HttpReply,
): Promise<HttpReply> {
  const { headers } = request
  const form = formBoundary(headers['content-type'])
  const encoding = contentEncodingOf(headers['content-encoding'])
  if ('status' in form) return refuse(reply, form.status)
  if (encoding === undefined) return refuse(reply.header('accept-encoding', 'gzip, deflate'), 415)
  const limits = { ...BODY_LIMITS, ...deps.limits }
  if (Number(headers['content-length'] ?? 0) > limits.bytes) return refuse(reply, 413)
  const peer = peerOf(request)
  // Nobody would hear what became of it.
  if (peer === undefined) return refuse(reply, 400)
  const slot = slots.take(peer)
  if (typeof slot === 'string') return refuse(reply.header('retry-after', RETRY_AFTER), slot === 'all' ? 503 : 429)
  try {
    const body = decodeBody(readBody(request.raw, deps.clock, limits), encoding)
    const correct = (): Corrections | undefined => upload.corrections.of(by)
    const intake = new UploadIntake({ spool: deps.spool, arrival: arrivalFor(deps, request, { by, peer }, correct) })
    await using upload = new Upload(intake, archiveDeps(deps), { ...ASIDE_LIMITS, ...deps.aside })
    const broken = await upload.run(body, form.boundary)
    await body.return()
    const outcomes = await intake.outcomes()
    account(deps, request, outcomes, broken)
    if (broken?.kind === 'wrong' && outcomes.length === 0) return refuse(reply, 400, broken.sentence)
    const { status, body: answer } = uploadAnswer(outcomes, broken)
    if (status === 503 || status === 507) reply.header('retry-after', '60')
    return reply.code(status).send({ ...answer, correlation_id: correlationOf(reply) })
  } finally {
    slot.release()
  }
}

function archiveDeps({ spool, folder, newId, archive }: UploadDoorDeps): ArchiveDeps {
  return { folder, newId, limits: { ...ARCHIVE_LIMITS, ...archive }, expectRoom: () => spool.expectRoom() }
}

function arrivalFor(
  { clock, onChangedAt }: UploadDoorDeps,
  request: HttpRequest,
  { by, peer }: { readonly by: string; readonly peer: string },
  correct: () => Corrections | undefined,
): (announced: Announced) => Arrival {
  const onChanged = onChangedAt?.(peer) ?? 'keep'
  const from = { callingAe: null, calledAe: null, peer, associationId: request.id }
  return (announced) => {
    const corrections = correct()
    const reception = { at: clock.now(), door: 'UPLOAD', ...from } as const
    return { announced, by, onChanged, reception, ...(corrections === undefined ? {} : { corrections }) }
  }
}

function account(
  { meter, log }: UploadDoorDeps,
  request: HttpRequest,
  outcomes: readonly UploadOutcome[],
  broken: Broken | undefined,
): void {
  const refused = new Map<FailureCode, number>()
  for (const outcome of outcomes) {
    if (outcome.kind === 'taken') meter?.instanceAdmitted('UPLOAD', outcome.taken.bytes)
    else if (outcome.kind === 'refused') {
      const code = refusalCode(outcome.reason)
      meter?.instanceRefused('UPLOAD', code)
      refused.set(code, (refused.get(code) ?? 0) + 1)
    }
  }
  const from = { correlation: request.id, door: 'UPLOAD' }
  for (const [code, count] of refused) log.warn('upload-refused', { ...from, code, count })
  if (broken !== undefined)
    log.warn('upload-broken', { ...from, code: broken.kind === 'failure' ? broken.code : 'invalid-argument' })
}
