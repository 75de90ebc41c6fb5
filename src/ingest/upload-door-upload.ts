import { type FailureCode, KurirError } from '../base/failure.ts'
import { BulkShelf } from './stow-bulk.ts'
import { type ArchiveDeps, isArchive, peek, UploadedArchive } from './upload-door-archive.ts'
import { FormCorrections } from './upload-door-corrections.ts'
import { formParts } from './upload-door-form.ts'
import type { UploadIntake } from './upload-door-intake.ts'

/** How much of a form waits for its end, since a field behind the files may speak of them. */
export interface AsideLimits {
  readonly files: number
  readonly bytes: number
}

export const ASIDE_LIMITS: AsideLimits = { files: 64, bytes: 256 * 2 ** 20 }

/** Why a form was not taken to its end. `wrong`: a field cannot be set; `late`: it came behind files that were taken already. */
export type Broken =
  | { readonly kind: 'failure'; readonly code: FailureCode }
  | { readonly kind: 'wrong'; readonly sentence: string }
  | { readonly kind: 'late' }

interface Aside {
  readonly bytes: number
  take(): Promise<void>
}

/**
 * One form's files. Browsers and scripts put fields behind files as often as in front of them, and what is admitted may leave
 * at once: so a file waits aside until the form has ended or said all it can, as long as the form is small; a large one says
 * first what is to be set.
 */
export class Upload implements AsyncDisposable {
  readonly corrections = new FormCorrections()
  readonly #intake: UploadIntake
  readonly #archive: ArchiveDeps
  readonly #limits: AsideLimits
  readonly #shelf: BulkShelf
  readonly #archives = new AsyncDisposableStack()
  #aside: Aside[] | undefined = []
  #files = 0

  constructor(intake: UploadIntake, archive: ArchiveDeps, limits: AsideLimits) {
    this.#intake = intake
    this.#archive = archive
    this.#limits = limits
    this.#shelf = new BulkShelf(archive)
  }

  /** Takes the files; undefined when the form was read to its end. What is aside when it breaks off is not taken. */
  async run(body: AsyncIterable<Buffer>, boundary: string): Promise<Broken | undefined> {
    try {
      for await (const part of formParts(body, boundary)) {
        if (part.kind === 'file') await this.#take(part.body)
        else if (FormCorrections.isOne(part.name, part.value)) {
          if (this.#aside === undefined && this.#files > 0) return { kind: 'late' }
          const sentence = this.corrections.set(part.name, part.value)
          if (sentence !== undefined) return { kind: 'wrong', sentence }
        }
      }
      await this.#takeAside()
      return undefined
    } catch (error) {
      return { kind: 'failure', code: error instanceof KurirError ? error.code : 'internal' }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#archives.disposeAsync()
    await this.#shelf[Symbol.asyncDispose]()
  }

  async #take(body: AsyncIterable<Buffer>): Promise<void> {
    this.#files += 1
    const place = `file ${this.#files}`
    if (this.#aside !== undefined && (this.corrections.isComplete || this.#isFull(this.#aside))) await this.#takeAside()
    const [first, whole] = await peek(body)
    if (this.#aside !== undefined) this.#aside.push(await this.#put(place, isArchive(first), whole))
    else if (!isArchive(first)) await this.#intake.take(place, whole)
    else {
      await using archive = await UploadedArchive.receive(whole, this.#archive)
      await archive.takeAll(place, this.#intake)
    }
  }

  /** Looked at in front of each file: the one that makes it full may be the last. */
  #isFull(aside: readonly Aside[]): boolean {
    return aside.length >= this.#limits.files || aside.reduce((sum, { bytes }) => sum + bytes, 0) >= this.#limits.bytes
  }

  async #put(place: string, isZip: boolean, body: AsyncIterable<Buffer>): Promise<Aside> {
    if (isZip) {
      const archive = this.#archives.use(await UploadedArchive.receive(body, this.#archive))
      return { bytes: 0, take: () => archive.takeAll(place, this.#intake) }
    }
    const { length, slices } = await this.#shelf.take(body)
    return { bytes: length, take: () => this.#intake.take(place, slices()) }
  }

  /** From here on what comes is taken as it comes. */
  async #takeAside(): Promise<void> {
    const aside = this.#aside ?? []
    this.#aside = undefined
    for (const each of aside) await each.take()
  }
}
