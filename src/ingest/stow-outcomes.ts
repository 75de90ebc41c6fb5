import { type FailureCode, KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import { REASON } from '../dicomweb/store-response.ts'
import type { Taken } from '../spool/admission.ts'
import type { Announced } from '../spool/arrival.ts'

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

/** What a store makes of an object: the spool has it, or it was none. */
export type Ended = { readonly announced: Announced; readonly taken: Taken } | 'no-instance'

/** Instances of one request that are being made durable while the next one is read already. */
const BEHIND = 4

/** What became of everything in one request, in the order in which it came. */
export class StowOutcomes {
  readonly #log: Log
  readonly #correlation: string
  readonly #outcomes: (StowOutcome | undefined)[] = []
  readonly #ending = new Set<Promise<void>>()

  /** @param correlation stands in the log beside what happened */
  constructor(log: Log, correlation: string) {
    this.#log = log
    this.#correlation = correlation
  }

  /** Of an object that is being made durable; resolves when one more may begin. */
  async await(ended: Promise<Ended>, announced: () => Announced | undefined): Promise<void> {
    const place = this.#outcomes.push(undefined) - 1
    const settled = ended.then(
      (end) => {
        this.#outcomes[place] = end === 'no-instance' ? nameless('unreadable') : outcomeOf(end.announced, end.taken)
      },
      (error: unknown) => {
        this.#outcomes[place] = this.#failure(announced(), error)
      },
    )
    const done = settled.finally(() => this.#ending.delete(done))
    this.#ending.add(done)
    if (this.#ending.size >= BEHIND) await Promise.race(this.#ending)
  }

  /** Of one that could not be stored. */
  failed(announced: Announced | undefined, error: unknown): void {
    this.#outcomes.push(this.#failure(announced, error))
  }

  /** Everything, when all of it is durable. */
  async all(): Promise<readonly StowOutcome[]> {
    await Promise.all(this.#ending)
    return this.#outcomes.filter((outcome) => outcome !== undefined)
  }

  /** The code of whatever was thrown; what nobody foresaw is logged. */
  codeOf(error: unknown): FailureCode {
    if (error instanceof KurirError) return error.code
    this.#log.error('stow-failed', { code: 'internal', correlation: this.#correlation })
    return 'internal'
  }

  #failure(announced: Announced | undefined, error: unknown): StowOutcome {
    const code = this.codeOf(error)
    if (announced === undefined) return nameless(code)
    return { kind: 'failed', announced, reason: reasonOf(code), code }
  }
}

const nameless = (code: FailureCode): StowOutcome => ({ kind: 'nameless', reason: reasonOf(code), code })

const REASONS: Readonly<Partial<Record<FailureCode, number>>> = {
  'disk-full': REASON.outOfResources,
  'disk-io': REASON.outOfResources,
  'out-of-resources': REASON.outOfResources,
  'no-presentation-context': REASON.transferSyntaxNotSupported,
  'invalid-argument': REASON.cannotUnderstand,
  'invalid-dataset': REASON.cannotUnderstand,
  'too-large': REASON.cannotUnderstand,
  unreadable: REASON.cannotUnderstand,
}

const reasonOf = (code: FailureCode): number => REASONS[code] ?? REASON.processingFailure

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
