import { mkdir } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'
import { type FailureCode, KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import { contentEncodingOf, decodeBody } from '../dicomweb/content-encoding.ts'
import { BODY_LIMITS, type BodyLimits, readBody } from '../http/body-reader.ts'
import type { HttpReply, HttpRequest, HttpServer } from '../http/listener.ts'
import { correlationOf, refuse } from '../http/refusal.ts'
import type { Announced, Arrival } from '../spool/arrival.ts'
import type { Spool } from '../spool/spool.ts'
import type { AdmissionMeter } from './dimse-door.ts'
import { type HttpIntakeDeps, peerOf, requireHttpRole } from './http-access.ts'
import { UPLOAD, UPLOAD_BODIES } from './operations.ts'
import { uploadAnswer } from './upload-door-answer.ts'
import {
  ARCHIVE_LIMITS,
  type ArchiveDeps,
  type ArchiveLimits,
  isArchive,
  peek,
  UploadedArchive,
} from './upload-door-archive.ts'
import { formBoundary, formParts } from './upload-door-form.ts'
import { UploadIntake, type UploadOutcome } from './upload-door-intake.ts'
import { type UploadLimits, UploadSlots } from './upload-slots.ts'

export interface UploadDoorDeps extends HttpIntakeDeps {
  readonly spool: Pick<Spool, 'begin' | 'expectRoom'>
  readonly clock: Clock
  readonly log: Log
  readonly newId: () => string
  /** For archives on their way in; made where it is not there. Nothing stays in it. */
  readonly folder: string
  readonly meter?: AdmissionMeter
  readonly limits?: Partial<BodyLimits>
  readonly archive?: Partial<ArchiveLimits>
  readonly uploads?: UploadLimits
}

// An archive waits on disk until it is whole: fewer at once than stores.
const UPLOADS: UploadLimits = { total: 32, perPeer: 8 }
const RETRY_AFTER = '10'
const CANNOT_SET = 'patientid and acc cannot be set on an upload in this version; leave them out, or correct the file.'

/**
 * The way in for people: `POST /api/dicom/upload`, a form with one or many files, each a Part 10 file or a ZIP archive of
 * them. The answer leaves when all that it calls accepted is durable (wall W1).
 */
export async function addUploadDoor(server: HttpServer, deps: UploadDoorDeps): Promise<void> {
  await mkdir(deps.folder, { recursive: true, mode: 0o700 })
  const slots = new UploadSlots(deps.uploads ?? UPLOADS)
  await server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _body, done) => done(null))
    scope.addHook('onRequest', requireHttpRole(deps, 'INGEST', new WeakMap()))
    const route = { schema: UPLOAD, config: { streams: true, takes: UPLOAD_BODIES } }
    scope.post('/api/dicom/upload', route, (request, reply) => receive(deps, slots, request, reply))
  })
}

async function receive(
  deps: UploadDoorDeps,
  slots: UploadSlots,
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
  const slot = slots.take(request.ip)
  if (typeof slot === 'string') return refuse(reply.header('retry-after', RETRY_AFTER), slot === 'all' ? 503 : 429)
  try {
    const body = decodeBody(readBody(request.raw, deps.clock, limits), encoding)
    const upload = new Upload(deps, request)
    const broken = await upload.run(body, form.boundary)
    await body.return()
    const outcomes = await upload.intake.outcomes()
    account(deps, request, outcomes, broken)
    if (broken === 'set') return refuse(reply, 400, CANNOT_SET)
    const { status, body: answer } = uploadAnswer(outcomes, broken)
    if (status === 503 || status === 507) reply.header('retry-after', '60')
    return reply.code(status).send({ ...answer, correlation_id: correlationOf(reply) })
  } finally {
    slot.release()
  }
}

/** One request's files. */
class Upload {
  readonly intake: UploadIntake
  readonly #archive: ArchiveDeps
  #files = 0

  constructor(deps: UploadDoorDeps, request: HttpRequest) {
    const { spool, folder, newId } = deps
    this.intake = new UploadIntake({ spool, arrival: arrivalFor(deps, request) })
    const limits = { ...ARCHIVE_LIMITS, ...deps.archive }
    this.#archive = { folder, newId, limits, expectRoom: () => spool.expectRoom() }
  }

  /** Why the body was not read to its end, if it was not. `set`: it asks for what cannot be done, and nothing was taken. */
  async run(body: AsyncIterable<Buffer>, boundary: string): Promise<FailureCode | 'set' | undefined> {
    try {
      for await (const part of formParts(body, boundary)) {
        if (part.kind === 'file') await this.#take(part.body)
        else if (part.value !== '' && SETTERS.has(part.name)) return this.#files === 0 ? 'set' : 'invalid-argument'
      }
      return undefined
    } catch (error) {
      return error instanceof KurirError ? error.code : 'internal'
    }
  }

  async #take(body: AsyncIterable<Buffer>): Promise<void> {
    this.#files += 1
    const place = `file ${this.#files}`
    const [first, whole] = await peek(body)
    if (!isArchive(first)) return this.intake.take(place, whole)
    await using archive = await UploadedArchive.receive(whole, this.#archive)
    await archive.takeAll(place, this.intake)
  }
}

const SETTERS: ReadonlySet<string> = new Set(['patientid', 'acc', 'accesionnum', 'accessionnum'])

function arrivalFor({ clock, onChangedAt }: UploadDoorDeps, request: HttpRequest): (announced: Announced) => Arrival {
  const peer = peerOf(request)
  const onChanged = onChangedAt?.(peer) ?? 'keep'
  const from = { callingAe: null, calledAe: null, peer, associationId: request.id }
  return (announced) => ({ announced, onChanged, reception: { at: clock.now(), door: 'UPLOAD', ...from } })
}

function account(
  { meter, log }: UploadDoorDeps,
  request: HttpRequest,
  outcomes: readonly UploadOutcome[],
  broken: FailureCode | 'set' | undefined,
): void {
  let refused = 0
  for (const outcome of outcomes) {
    if (outcome.kind === 'taken') meter?.instanceAdmitted('UPLOAD', outcome.taken.bytes)
    else if (outcome.kind === 'refused') {
      refused += 1
      meter?.instanceRefused('UPLOAD', 'invalid-dataset')
    }
  }
  const from = { correlation: request.id, door: 'UPLOAD' }
  if (refused > 0) log.warn('upload-refused', { ...from, count: refused })
  if (broken !== undefined) log.warn('upload-broken', { ...from, code: broken === 'set' ? 'invalid-argument' : broken })
}
