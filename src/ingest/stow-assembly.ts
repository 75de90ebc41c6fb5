import type { Clock } from '../base/clock.ts'
import { type FailureCode, KurirError } from '../base/failure.ts'
import type { Sink } from '../base/sink.ts'
import { EXPLICIT_VR_LITTLE_ENDIAN, type TransferSyntax } from '../dicom/transfer-syntax.ts'
import { writeDataSet } from '../dicomweb/data-set-writer.ts'
import { type Bulk, bulkNames, dataSetSlices, identityOf, pixelName, syntaxFor } from '../dicomweb/instance-model.ts'
import { readJsonModel } from '../dicomweb/json-model.ts'
import type { MediaType } from '../dicomweb/media-type.ts'
import { badModel, MODEL_BYTES, type ModelItem } from '../dicomweb/model.ts'
import { NativeModelReader } from '../dicomweb/native-model.ts'
import { Turns } from '../dicomweb/steps.ts'
import type { Taken } from '../spool/admission.ts'
import type { Announced } from '../spool/arrival.ts'
import type { BulkShelf } from './stow-bulk.ts'
import type { Ended, StowOutcomes } from './stow-outcomes.ts'

const NO_ROOM: ReadonlySet<FailureCode> = new Set<FailureCode>(['disk-full', 'disk-io', 'out-of-resources'])

/** Bytes of metadata that wait for their bulk data, of one request. */
const MOST_WAITING = 4 * MODEL_BYTES

interface Waiting {
  readonly model: ModelItem
  /** As `nameOf` writes them. */
  readonly missing: Set<string>
  /** Of the metadata part. */
  readonly transferSyntax: string | undefined
  readonly bytes: number
}

interface NamedBulk extends Bulk {
  readonly mediaType: string
  readonly transferSyntax: string | undefined
}

export interface StowAssemblyDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly shelf: BulkShelf
  readonly outcomes: StowOutcomes
  readonly begin: (announced: Announced) => Promise<Sink<Taken>>
}

/** Makes instances of metadata and bulk data as both come in, each as soon as it has all it needs. */
export class StowAssembly {
  readonly #deps: StowAssemblyDeps
  readonly #bulks = new Map<string, NamedBulk[]>()
  /** What did come, but could not be kept. */
  readonly #lost = new Map<string, KurirError>()
  #waiting: Waiting[] = []

  constructor(deps: StowAssemblyDeps) {
    this.#deps = deps
  }

  /** One part of metadata: one instance in XML, one or many in JSON. */
  async metadata(type: 'xml' | 'json', body: AsyncIterable<Buffer>, transferSyntax: string | undefined): Promise<void> {
    const turns = new Turns(this.#deps.clock)
    const refuse = (error: KurirError): void => this.#deps.outcomes.failed(undefined, error)
    const { models, bytes } = type === 'xml' ? await readXml(body, turns) : await readJson(body, turns, refuse)
    const held = this.#waiting.reduce((sum, one) => sum + one.bytes, 0)
    for (const model of models) {
      const missing = new Set([...bulkNames(model)].map(nameOf).filter((name) => !this.#bulks.has(name)))
      const instance = { model, missing, transferSyntax, bytes: bytes / models.length }
      if (this.#isReady(instance)) await this.#store(instance)
      else if (held + bytes > MOST_WAITING)
        this.#refuse(instance, new KurirError('out-of-resources', 'transient', 'too much metadata waits'))
      else this.#waiting.push(instance)
    }
  }

  /** One part of bulk data under its name: its Content-Location, or `cid:` and its Content-ID (RFC 2392). */
  async bulk(location: string, media: MediaType | undefined, body: AsyncIterable<Buffer>): Promise<void> {
    const name = nameOf(location)
    try {
      const bulk = await this.#deps.shelf.take(body)
      const named = { ...bulk, mediaType: media?.type ?? '', transferSyntax: media?.parameters.get('transfer-syntax') }
      this.#bulks.set(name, [...(this.#bulks.get(name) ?? []), named])
    } catch (error) {
      if (!(error instanceof KurirError)) throw error
      // What was to have it fails with it, though other frames of it did come.
      this.#lost.set(name, error)
      if (!NO_ROOM.has(error.code)) throw error
    }
    for (const instance of [...this.#waiting]) {
      instance.missing.delete(name)
      if (this.#isReady(instance)) await this.#storeWaiting(instance)
    }
  }

  /**
   * No more will come: what can be written is, what waits for bulk data that did not come has failed.
   *
   * @param isWhole whether the body was read to its end; else nobody knows how many frames there were
   */
  async finish(isWhole: boolean): Promise<void> {
    for (const instance of [...this.#waiting]) {
      if (isWhole) await this.#storeWaiting(instance)
      else this.#refuse(instance, badModel('the body ended before all that belongs to it had come'))
    }
  }

  async #storeWaiting(instance: Waiting): Promise<void> {
    this.#waiting = this.#waiting.filter((one) => one !== instance)
    await this.#store(instance)
  }

  #refuse({ model }: Waiting, error: unknown): void {
    this.#deps.outcomes.failed(announcedOf(model, undefined), error)
  }

  async #store(instance: Waiting): Promise<void> {
    const { model } = instance
    const syntax = this.#syntaxOf(instance)
    const announced = announcedOf(model, syntax)
    if (announced === undefined) return this.#refuse(instance, badModel('the metadata has no SOP UIDs'))
    if (syntax === undefined) {
      const error = new KurirError('no-presentation-context', 'permanent', 'a transfer syntax that is not written here')
      return this.#deps.outcomes.failed(announced, error)
    }
    let sink: Sink<Taken> | undefined
    try {
      for (const name of bulkNames(model)) {
        const lost = this.#lost.get(nameOf(name))
        if (lost !== undefined) throw lost
      }
      if (instance.missing.size > 0) throw badModel('bulk data that the metadata names did not come')
      const pieces = await new Turns(this.#deps.clock).run(writeDataSet(model, syntax))
      sink = await this.#deps.begin(announced)
      for await (const slice of dataSetSlices(pieces, syntax, (name) => this.#bulksOf(name))) await sink.write(slice)
    } catch (error) {
      await sink?.abort()
      return this.#deps.outcomes.failed(announced, error)
    }
    const ended = sink.end().then((taken): Ended => ({ announced, taken }))
    await this.#deps.outcomes.await(ended, () => announced)
  }

  /** Frames of encapsulated pixels come in as many parts as there are: only the end of the body says that they are all. */
  #isReady(instance: Waiting): boolean {
    if (instance.missing.size > 0) return false
    return pixelName(instance.model) === undefined || this.#syntaxOf(instance)?.encapsulated !== true
  }

  #syntaxOf({ model, transferSyntax }: Waiting): TransferSyntax | undefined {
    return syntaxFor(transferSyntax, identityOf(model), this.#bulksOf(pixelName(model) ?? '')[0])
  }

  #bulksOf(name: string): readonly NamedBulk[] {
    return this.#bulks.get(nameOf(name)) ?? []
  }
}

function announcedOf(model: ModelItem, syntax: TransferSyntax | undefined): Announced | undefined {
  const { sopClassUid, sopInstanceUid } = identityOf(model)
  if (sopClassUid === undefined || sopInstanceUid === undefined) return undefined
  return { sopClassUid, sopInstanceUid, transferSyntaxUid: (syntax ?? EXPLICIT_VR_LITTLE_ENDIAN).uid }
}

// Clients write a name once relative and once absolute: they are the same against any base.
const BASE = 'http://bulk.invalid/'

function nameOf(location: string): string {
  const trimmed = location.trim()
  return URL.canParse(trimmed, BASE) ? new URL(trimmed, BASE).href : trimmed
}

interface Models {
  readonly models: readonly ModelItem[]
  readonly bytes: number
}

async function readXml(body: AsyncIterable<Buffer>, turns: Turns): Promise<Models> {
  const reader = new NativeModelReader()
  let bytes = 0
  for await (const slice of body) {
    bytes += slice.length
    if (bytes > MODEL_BYTES) throw tooLarge()
    reader.write(slice)
    if (turns.isOver) await turns.next()
  }
  return { models: [reader.end()], bytes }
}

async function readJson(
  body: AsyncIterable<Buffer>,
  turns: Turns,
  refuse: (error: KurirError) => void,
): Promise<Models> {
  const slices: Buffer[] = []
  let bytes = 0
  for await (const slice of body) {
    bytes += slice.length
    if (bytes > MODEL_BYTES) throw tooLarge()
    slices.push(Buffer.from(slice))
  }
  return { models: await turns.run(readJsonModel(Buffer.concat(slices).toString('utf8'), refuse)), bytes }
}

const tooLarge = (): KurirError => badModel('the metadata is too large; large values belong into bulk data')
