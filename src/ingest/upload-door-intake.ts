import { type FailureCode, KurirError } from '../base/failure.ts'
import type { Taken } from '../spool/admission.ts'
import type { Announced, Arrival } from '../spool/arrival.ts'
import type { Spool } from '../spool/spool.ts'
import { Part10Reception, type Part10Refusal } from './part10-reception.ts'

/** Why a file of an upload, or an entry of its archive, was not taken. */
export type UploadRefusal =
  | Part10Refusal
  | 'encrypted'
  | 'nested-archive'
  | 'compression-not-supported'
  | 'damaged'
  | 'changed'
  | FailureCode

/** A refusal as it is counted and logged: what a person is told of a file in more than one way is one code. */
export function refusalCode(reason: UploadRefusal): FailureCode {
  switch (reason) {
    case 'changed':
      return 'conflict'
    case 'empty':
    case 'not-dicom':
    case 'no-sop-instance-uid':
    case 'encrypted':
    case 'nested-archive':
    case 'compression-not-supported':
    case 'damaged':
      return 'invalid-dataset'
    default:
      return reason
  }
}

/** What became of one file, told by where it stood: names are the caller's and may name a patient. */
export type UploadOutcome =
  | { readonly kind: 'taken'; readonly place: string; readonly announced: Announced; readonly taken: Taken }
  | { readonly kind: 'refused'; readonly place: string; readonly reason: UploadRefusal }
  /** A DICOMDIR: a table of contents, neither taken nor missed. */
  | { readonly kind: 'directory'; readonly place: string }

export interface UploadIntakeDeps {
  readonly spool: Pick<Spool, 'begin'>
  readonly arrival: (announced: Announced) => Arrival
}

/** Files that are being made durable while the next one is read already. */
const BEHIND = 4

/** Takes the files of one upload, one after the other as they come. */
export class UploadIntake {
  readonly #deps: UploadIntakeDeps
  readonly #outcomes: (UploadOutcome | undefined)[] = []
  readonly #ending = new Set<Promise<void>>()

  constructor(deps: UploadIntakeDeps) {
    this.#deps = deps
  }

  /**
   * Reads one file to its end, or as far as the spool takes it.
   *
   * @param place `file 2`, `file 1, entry 17`
   * @throws what `slices` throws; nothing of the file is kept then
   */
  async take(place: string, slices: AsyncIterable<Uint8Array>): Promise<void> {
    const reception = new Part10Reception(this.#deps)
    let refusal: UploadRefusal | undefined
    try {
      for await (const slice of slices) {
        refusal = await refusalOf(reception, slice)
        if (refusal !== undefined) break
      }
    } catch (error) {
      await reception.abort()
      throw error
    }
    if (refusal === undefined) return this.#endLater(place, reception)
    await reception.abort()
    this.refuse(place, refusal)
  }

  refuse(place: string, reason: UploadRefusal): void {
    this.#outcomes.push({ kind: 'refused', place, reason })
  }

  /** Resolves with everything that was told of, when all that was taken is durable. */
  async outcomes(): Promise<readonly UploadOutcome[]> {
    await Promise.all(this.#ending)
    return this.#outcomes.filter((outcome) => outcome !== undefined)
  }

  async #endLater(place: string, reception: Part10Reception): Promise<void> {
    const at = this.#outcomes.push(undefined) - 1
    const ending = this.#end(place, reception).then((outcome) => {
      this.#outcomes[at] = outcome
    })
    const done = ending.finally(() => this.#ending.delete(done))
    this.#ending.add(done)
    if (this.#ending.size >= BEHIND) await Promise.race(this.#ending)
  }

  async #end(place: string, reception: Part10Reception): Promise<UploadOutcome> {
    try {
      const outcome = await reception.end()
      if (outcome.kind === 'refused') return { kind: 'refused', place, reason: outcome.reason }
      if (outcome.kind === 'directory') return { kind: 'directory', place }
      const { taken, announced } = outcome
      return taken.outcome === 'kept'
        ? { kind: 'taken', place, announced, taken }
        : { kind: 'refused', place, reason: 'changed' }
    } catch (error) {
      return { kind: 'refused', place, reason: codeOf(error) }
    }
  }
}

async function refusalOf(reception: Part10Reception, slice: Uint8Array): Promise<FailureCode | undefined> {
  try {
    await reception.write(slice)
    return undefined
  } catch (error) {
    return codeOf(error)
  }
}

const codeOf = (error: unknown): FailureCode => (error instanceof KurirError ? error.code : 'internal')
