import { type FailureCode, KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import { type ContentEncoding, contentEncodingOf, decodeBody } from '../dicomweb/content-encoding.ts'
import { parseMediaType } from '../dicomweb/media-type.ts'
import { MultipartReader, type Part } from '../dicomweb/multipart-reader.ts'
import { type PartType, partTypeOf, type StoreRequest } from '../dicomweb/store-request.ts'
import { REASON } from '../dicomweb/store-response.ts'
import type { Taken } from '../spool/admission.ts'
import type { Announced, Arrival } from '../spool/arrival.ts'
import type { Spool } from '../spool/spool.ts'
import { Part10Reception } from './part10-reception.ts'

/** What became of one instance of a store. */
export type StowOutcome =
  | { readonly kind: 'stored'; readonly announced: Announced; readonly taken: Taken }
  | { readonly kind: 'failed'; readonly announced: Announced; readonly reason: number; readonly code: FailureCode }
  | { readonly kind: 'nameless'; readonly reason: number; readonly code: FailureCode }

/** Everything that was in a body, in the order in which it came. */
export interface StowResult {
  readonly outcomes: readonly StowOutcome[]
  /** Why the body was not read to its end, if it was not. What had come in whole before is kept. */
  readonly broken: FailureCode | undefined
}

export interface StowIntakeDeps {
  readonly spool: Pick<Spool, 'begin'>
  readonly log: Log
  readonly arrival: (announced: Announced) => Arrival
  /** Stands in the log beside what happened. */
  readonly correlation: string
}

/** Instances of one request that are being made durable while the next one is read already. */
const BEHIND = 4

/** Stores what one request carries: part by part, as they come. */
export class StowIntake {
  readonly #deps: StowIntakeDeps
  readonly #outcomes: (StowOutcome | undefined)[] = []
  readonly #ending = new Set<Promise<void>>()

  constructor(deps: StowIntakeDeps) {
    this.#deps = deps
  }

  /** Never rejects: what goes wrong with the body is `broken`, what goes wrong with an instance is its outcome. */
  async run(request: StoreRequest, body: AsyncIterable<Buffer>): Promise<StowResult> {
    let broken: FailureCode | undefined
    const whole = decodeBody(body, request.encoding)
    try {
      if (request.boundary === undefined) await this.#single(request.partType, whole)
      else await this.#parts(new MultipartReader(whole, request.boundary), request.partType)
    } catch (error) {
      broken = this.#codeOf(error)
    }
    await whole.return()
    await Promise.all(this.#ending)
    return { outcomes: this.#outcomes.filter((outcome) => outcome !== undefined), broken }
  }

  async #single(type: PartType, body: AsyncIterable<Buffer>): Promise<void> {
    await this.#storePart({ headers: new Map([['content-type', type]]), body }, type)
  }

  async #parts(reader: MultipartReader, type: PartType): Promise<void> {
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      await this.#storePart(part, type)
    }
  }

  async #storePart(part: Part, otherwise: PartType): Promise<void> {
    const stated = part.headers.get('content-type')
    const media = stated === undefined ? undefined : parseMediaType(stated)
    const type = stated === undefined ? otherwise : partTypeOf(media?.type ?? '')
    const encoding = contentEncodingOf(part.headers.get('content-encoding'))
    if (type === undefined || encoding === undefined) return this.#nameless('unreadable')
    if (type === 'application/dicom') return this.#storePart10(part, encoding)
    return this.#nameless('unreadable')
  }

  async #storePart10(part: Part, encoding: ContentEncoding): Promise<void> {
    let announced: Announced | undefined
    const arrival = (said: Announced): Arrival => {
      announced = said
      return this.#deps.arrival(said)
    }
    const reception = new Part10Reception({ spool: this.#deps.spool, arrival })
    const body = new CountedBody(part.body)
    const failure = await this.#receive(reception, decodeBody(body, encoding))
    if (failure === undefined && body.contradicts(part.headers.get('content-length'))) {
      await reception.abort()
      return this.#failed(announced, new KurirError('invalid-dataset', 'permanent', 'a part is not as long as it says'))
    }
    if (failure !== undefined) return this.#failed(announced, failure.cause)
    await this.#endLater(reception, () => announced)
  }

  /**
   * Everything of a part. Resolves with why the spool did not take it: that is the instance's fate; what is still to come of
   * the part is the multipart reader's to skip. Rejects when the body itself breaks off. Of either nothing is left.
   */
  async #receive(
    reception: Part10Reception,
    body: AsyncIterable<Buffer>,
  ): Promise<{ readonly cause: unknown } | undefined> {
    let failure: { readonly cause: unknown } | undefined
    try {
      for await (const slice of body) {
        failure = await refusalOf(reception, slice)
        if (failure !== undefined) break
      }
    } catch (error) {
      await reception.abort()
      throw error
    }
    if (failure !== undefined) await reception.abort()
    return failure
  }

  /** Makes it durable while the next part is read, a few at a time. */
  async #endLater(reception: Part10Reception, announced: () => Announced | undefined): Promise<void> {
    const place = this.#outcomes.push(undefined) - 1
    const ending = reception.end().then(
      (outcome) => {
        this.#outcomes[place] =
          outcome.kind === 'taken'
            ? outcomeOf(outcome.announced, outcome.taken)
            : { kind: 'nameless', reason: REASON.cannotUnderstand, code: 'unreadable' }
      },
      (error: unknown) => {
        this.#outcomes[place] = this.#failure(announced(), error)
      },
    )
    const done = ending.finally(() => this.#ending.delete(done))
    this.#ending.add(done)
    if (this.#ending.size >= BEHIND) await Promise.race(this.#ending)
  }

  #nameless(code: FailureCode): void {
    this.#outcomes.push({ kind: 'nameless', reason: REASON.cannotUnderstand, code })
  }

  #failed(announced: Announced | undefined, error: unknown): void {
    this.#outcomes.push(this.#failure(announced, error))
  }

  #failure(announced: Announced | undefined, error: unknown): StowOutcome {
    const code = this.#codeOf(error)
    const reason = REASONS[code] ?? REASON.processingFailure
    return announced === undefined ? { kind: 'nameless', reason, code } : { kind: 'failed', announced, reason, code }
  }

  #codeOf(error: unknown): FailureCode {
    if (error instanceof KurirError) return error.code
    this.#deps.log.error('stow-failed', { code: 'internal', correlation: this.#deps.correlation })
    return 'internal'
  }
}

async function refusalOf(reception: Part10Reception, slice: Buffer): Promise<{ readonly cause: unknown } | undefined> {
  try {
    await reception.write(slice)
    return undefined
  } catch (cause) {
    return { cause }
  }
}

const REASONS: Readonly<Partial<Record<FailureCode, number>>> = {
  'disk-full': REASON.outOfResources,
  'disk-io': REASON.outOfResources,
  'out-of-resources': REASON.outOfResources,
  'invalid-dataset': REASON.cannotUnderstand,
  unreadable: REASON.cannotUnderstand,
}

function outcomeOf(announced: Announced, taken: Taken): StowOutcome {
  switch (taken.outcome) {
    case 'kept':
      return { kind: 'stored', announced, taken }
    case 'refused':
      return { kind: 'failed', announced, reason: REASON.duplicateInstance, code: 'conflict' }
    case 'other-study':
      return { kind: 'failed', announced, reason: REASON.doesNotMatch, code: 'refused' }
    default:
      return taken.outcome satisfies never
  }
}

/** A part's body with its bytes counted, to be held against the length that it states. */
class CountedBody implements AsyncIterable<Buffer> {
  readonly #body: AsyncIterable<Buffer>
  #bytes = 0

  constructor(body: AsyncIterable<Buffer>) {
    this.#body = body
  }

  /** Boundaries divide, not lengths; but a part that is shorter or longer than it says has been damaged on its way. */
  contradicts(contentLength: string | undefined): boolean {
    return contentLength !== undefined && contentLength.trim() !== String(this.#bytes)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    for await (const slice of this.#body) {
      this.#bytes += slice.length
      yield slice
    }
  }
}
