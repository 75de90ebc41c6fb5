import type { Clock } from '../base/clock.ts'
import { type FailureCode, KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import { type ContentEncoding, contentEncodingOf, decodeBody, InflationError } from '../dicomweb/content-encoding.ts'
import { type MediaType, parseMediaType } from '../dicomweb/media-type.ts'
import { MultipartReader, type Part } from '../dicomweb/multipart-reader.ts'
import { type PartType, partTypeOf, type StoreRequest } from '../dicomweb/store-request.ts'
import type { Announced, Arrival } from '../spool/arrival.ts'
import type { Spool } from '../spool/spool.ts'
import { Part10Reception } from './part10-reception.ts'
import { StowAssembly } from './stow-assembly.ts'
import { type BulkRoom, BulkShelf } from './stow-bulk.ts'
import { type Ended, StowOutcomes, type StowResult } from './stow-outcomes.ts'

export interface StowIntakeDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly spool: Pick<Spool, 'begin'>
  readonly log: Log
  readonly arrival: (announced: Announced) => Arrival
  readonly bulkRoom: BulkRoom
  /** Stands in the log beside what happened. */
  readonly correlation: string
}

/** Stores what one request carries: part by part, as they come. */
export class StowIntake {
  readonly #deps: StowIntakeDeps
  readonly #outcomes: StowOutcomes
  readonly #shelf: BulkShelf
  readonly #assembly: StowAssembly

  constructor(deps: StowIntakeDeps) {
    this.#deps = deps
    this.#outcomes = new StowOutcomes(deps.log, deps.correlation)
    this.#shelf = new BulkShelf(deps.bulkRoom)
    const begin = (announced: Announced) => deps.spool.begin(deps.arrival(announced))
    this.#assembly = new StowAssembly({ clock: deps.clock, shelf: this.#shelf, outcomes: this.#outcomes, begin })
  }

  /** Never rejects: what goes wrong with the body is `broken`, what goes wrong with an instance is its outcome. */
  async run(request: StoreRequest, body: AsyncGenerator<Buffer, void, void>): Promise<StowResult> {
    await using _shelf = this.#shelf
    let broken: FailureCode | undefined
    const whole = request.encoding === 'identity' ? body : unpacked(body, request.encoding)
    try {
      if (request.boundary === undefined) await this.#single(request.partType, whole)
      else await this.#parts(new MultipartReader(whole, request.boundary), request.partType)
    } catch (error) {
      broken = this.#outcomes.codeOf(error)
    }
    await whole.return()
    await this.#assembly.finish(broken === undefined)
    return { outcomes: await this.#outcomes.all(), broken }
  }

  async #single(type: PartType, body: AsyncIterable<Buffer>): Promise<void> {
    await this.#storePart({ headers: new Map([['content-type', type]]), body }, type)
  }

  async #parts(reader: MultipartReader, type: PartType): Promise<void> {
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      await this.#storePart(part, type)
    }
  }

  async #storePart(part: Part, request: PartType): Promise<void> {
    const stated = part.headers.get('content-type')
    const media = stated === undefined ? undefined : parseMediaType(stated)
    const bulk = request === 'application/dicom' ? undefined : bulkName(part)
    const type = stated === undefined && bulk === undefined ? request : partTypeOf(media?.type ?? '')
    const encoding = contentEncodingOf(part.headers.get('content-encoding'))
    if ((type === undefined && bulk === undefined) || encoding === undefined) {
      return this.#outcomes.failed(undefined, unreadable('a part of a kind that is not stored'))
    }
    if (type === 'application/dicom') return this.#storePart10(part, encoding)
    await this.#storeModelPart(type ?? { bulk: bulk ?? '' }, media, part, encoding)
  }

  /** Metadata or bulk data. What is wrong with the part itself costs what it belongs to, and no other. */
  async #storeModelPart(
    type: Exclude<PartType, 'application/dicom'> | { readonly bulk: string },
    media: MediaType | undefined,
    part: Part,
    encoding: ContentEncoding,
  ): Promise<void> {
    const body = bodyOf(part, encoding)
    try {
      if (typeof type === 'object') await this.#assembly.bulk(type.bulk, media, body)
      else {
        const model = type === 'application/dicom+xml' ? 'xml' : 'json'
        await this.#assembly.metadata(model, body, media?.parameters.get('transfer-syntax'))
      }
    } catch (error) {
      if (!isOfPart(error)) throw error
      this.#outcomes.failed(undefined, error)
    }
  }

  async #storePart10(part: Part, encoding: ContentEncoding): Promise<void> {
    let announced: Announced | undefined
    const arrival = (said: Announced): Arrival => {
      announced = said
      return this.#deps.arrival(said)
    }
    const reception = new Part10Reception({ spool: this.#deps.spool, arrival })
    const failure = await this.#receive(reception, bodyOf(part, encoding))
    if (failure !== undefined) return this.#outcomes.failed(announced, failure.cause)
    const ended = reception.end().then((outcome): Ended => (outcome.kind === 'taken' ? outcome : 'no-instance'))
    await this.#outcomes.await(ended, () => announced)
  }

  /**
   * Everything of a part. Resolves with why the spool did not take it: that is the instance's fate; what is still to come of
   * the part is the multipart reader's to skip. Rejects when the body itself breaks off. Of either nothing is left.
   */
  async #receive(reception: Part10Reception, body: AsyncIterable<Buffer>): Promise<Refusal> {
    let failure: Refusal
    try {
      for await (const slice of body) {
        const written = writeTo(reception, slice)
        // Most slices are only copied: nothing is waited for that need not be.
        failure = written === undefined ? undefined : await written
        if (failure !== undefined) break
      }
    } catch (error) {
      await reception.abort()
      if (!isOfPart(error)) throw error
      return { cause: error }
    }
    if (failure !== undefined) await reception.abort()
    return failure
  }
}

/** The whole body without its encoding: what is wrong with that is no fault of one part. */
async function* unpacked(body: AsyncIterable<Buffer>, encoding: ContentEncoding): AsyncGenerator<Buffer, void, void> {
  try {
    yield* decodeBody(body, encoding)
  } catch (error) {
    if (!(error instanceof InflationError)) throw error
    throw new KurirError(error.code, error.retry, error.message, { cause: error })
  }
}

/** Whether only this part is at fault, and the body can still be divided into the others. */
const isOfPart = (error: unknown): boolean =>
  error instanceof InflationError || (error instanceof KurirError && error.code === 'invalid-dataset')

const unreadable = (what: string): KurirError => new KurirError('unreadable', 'permanent', what)

/** Under which name the metadata knows the part: RFC 2557 4.2, RFC 2392. */
function bulkName({ headers }: Part): string | undefined {
  const id = headers.get('content-id')
  return headers.get('content-location') ?? (id === undefined ? undefined : `cid:${id.replace(/^<|>$/g, '')}`)
}

type Refusal = { readonly cause: unknown } | undefined

/** Undefined: it is taken. */
function writeTo(reception: Part10Reception, slice: Buffer): Promise<Refusal> | Refusal {
  try {
    return reception.write(slice)?.then(
      () => undefined,
      (cause: unknown) => ({ cause }),
    )
  } catch (cause) {
    return { cause }
  }
}

/** A part without its encoding, held against the length that it states; as it comes where it has neither. */
function bodyOf({ headers, body }: Part, encoding: ContentEncoding): AsyncIterable<Buffer> {
  const stated = headers.get('content-length')
  if (encoding === 'identity' && stated === undefined) return body
  const counted = new CountedBody(body, stated)
  return counted.checked(decodeBody(counted, encoding))
}

/** A part's body with its bytes counted, to be held against the length that it states. */
class CountedBody implements AsyncIterable<Buffer> {
  readonly #body: AsyncIterable<Buffer>
  readonly #stated: string | undefined
  #bytes = 0

  constructor(body: AsyncIterable<Buffer>, contentLength: string | undefined) {
    this.#body = body
    this.#stated = contentLength?.trim()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    for await (const slice of this.#body) {
      this.#bytes += slice.length
      yield slice
    }
  }

  /**
   * What was made of it, and at its end whether it was as long as it says. Boundaries divide, not lengths; but a part that
   * is shorter or longer than stated has been damaged on its way.
   */
  async *checked(decoded: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
    yield* decoded
    if (this.#stated !== undefined && this.#stated !== String(this.#bytes)) {
      throw new KurirError('invalid-dataset', 'permanent', 'a part is not as long as it says')
    }
  }
}
