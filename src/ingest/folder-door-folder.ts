import { resolve } from 'node:path'
import type { Clock, Milliseconds } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Announced, Arrival } from '../spool/arrival.ts'
import type { Spool } from '../spool/spool.ts'
import type { AdmissionMeter } from './dimse-door.ts'
import { type DropRefusal, refusalText } from './folder-door-reason.ts'
import { isSameContent, Settling } from './folder-door-settling.ts'
import { DONE, REFUSED, Shelves } from './folder-door-shelves.ts'
import { type ReadOutcome, takeFile } from './folder-door-take.ts'
import { type FoundFile, filesBelow } from './folder-door-tree.ts'
import { filesBeingWritten } from './folder-door-writers.ts'
import { Part10Reception } from './part10-reception.ts'

export interface DropFolderDeps {
  readonly spool: Pick<Spool, 'begin'>
  readonly clock: Clock
  readonly log: Log
  readonly meter?: AdmissionMeter
  readonly path: string
  readonly settle: Milliseconds
}

/** Each waits for its own flush; the ledger lets those of several meet in one. */
const AT_ONCE = 4
/** Files that were taken and could not be moved away. */
const MOST_STUCK = 10_000

/** One drop folder: what settles in it is taken, and put aside. */
export class DropFolder {
  readonly path: string
  readonly #deps: DropFolderDeps
  readonly #settling: Settling
  /** By path: what was taken and could not be put aside, so that it is not taken once more. */
  readonly #stuck = new Map<string, FoundFile>()
  #problem: string | undefined

  constructor(deps: DropFolderDeps) {
    this.#deps = deps
    this.path = resolve(deps.path)
    this.#settling = new Settling(deps.clock, deps.settle)
  }

  /** Why it is not being emptied, as the end of a sentence; undefined when it is. */
  get problem(): string | undefined {
    return this.#problem
  }

  /**
   * Takes everything that has settled.
   *
   * @returns whether files are left that have not
   * @throws KurirError of the spool, when nothing more can be taken now; Node's error of the folder
   */
  async look(signal: AbortSignal): Promise<boolean> {
    try {
      const shelves = await Shelves.open(this.path)
      this.#settling.beginLook()
      await this.#takeAll(shelves, signal)
      this.#problem = this.#stuck.size === 0 ? undefined : 'files that were taken cannot be moved away'
      return this.#settling.waiting > 0
    } catch (error) {
      this.#problem = problemOf(error)
      throw error
    }
  }

  async #takeAll(shelves: Shelves, signal: AbortSignal): Promise<void> {
    const files = filesBelow({ top: shelves.top, except: [DONE, REFUSED], now: this.#deps.clock.now() })
    let written: Promise<ReadonlySet<string>> | undefined
    const isFree = async (file: FoundFile): Promise<boolean> => {
      written ??= filesBeingWritten(shelves.top)
      return !(await written).has(file.path)
    }
    const gone = new Set(this.#stuck.keys())
    const failed = new AbortController()
    const work = async (): Promise<void> => {
      for (;;) {
        if (signal.aborted || failed.signal.aborted) return
        const next = await files.next()
        if (next.done === true) return
        gone.delete(next.value.path)
        if (!this.#settling.isSettled(next.value)) continue
        if (await isFree(next.value)) await this.#take(next.value, shelves)
        else this.#settling.again(next.value)
      }
    }
    const guarded = (): Promise<void> =>
      work().catch((error) => {
        failed.abort()
        throw error
      })
    // Every one is waited for, so that nothing is in work when the door has closed.
    const ended = await Promise.allSettled(Array.from({ length: AT_ONCE }, guarded))
    await files.return(undefined)
    for (const end of ended) if (end.status === 'rejected') throw end.reason
    // What was stuck and is met no more somebody else has taken away.
    if (!signal.aborted) for (const path of gone) this.#stuck.delete(path)
  }

  async #take(file: FoundFile, shelves: Shelves): Promise<void> {
    const stuck = this.#stuck.get(file.path)
    if (stuck !== undefined && isSameContent(stuck.stats, file.stats)) return this.#putDone(file, shelves)
    const reception = new Part10Reception({
      spool: this.#deps.spool,
      arrival: (announced) => this.#arrival(announced),
    })
    await this.#settle(file, await takeFile(file, shelves.top, reception), shelves)
  }

  async #settle(file: FoundFile, outcome: ReadOutcome, shelves: Shelves): Promise<void> {
    switch (outcome.kind) {
      case 'taken':
        this.#deps.meter?.instanceAdmitted('FOLDER', outcome.taken.bytes)
        return this.#putDone(file, shelves)
      case 'directory':
        return this.#putDone(file, shelves)
      case 'refused':
        return this.#refuse(file, outcome.reason, shelves)
      case 'unreadable':
        return this.#refuse(file, 'unreadable-file', shelves)
      case 'unsettled':
        return this.#settling.again(file)
      case 'gone':
        return
      default:
        return outcome satisfies never
    }
  }

  /** Until it has been moved, what was taken is remembered: after a stop in between it is a duplicate, which the ledger knows. */
  async #putDone(file: FoundFile, shelves: Shelves): Promise<void> {
    try {
      if ((await shelves.putDone(file)) === 'changed') this.#settling.again(file)
      this.#stuck.delete(file.path)
    } catch {
      if (this.#stuck.size < MOST_STUCK) this.#stuck.set(file.path, file)
      this.#deps.log.warn('dropped-file-not-moved', { door: 'FOLDER', code: 'disk-io' })
    }
  }

  async #refuse(file: FoundFile, reason: DropRefusal, shelves: Shelves): Promise<void> {
    this.#deps.meter?.instanceRefused('FOLDER', 'invalid-dataset')
    this.#deps.log.warn('dropped-file-refused', { door: 'FOLDER', reason, bytes: file.stats.size })
    if ((await shelves.putRefused(file, refusalText(reason))) === 'changed') this.#settling.again(file)
  }

  #arrival(announced: Announced): Arrival {
    const from = { callingAe: null, calledAe: null, peer: null, associationId: null }
    return { announced, reception: { at: this.#deps.clock.now(), door: 'FOLDER', ...from } }
  }
}

function problemOf(error: unknown): string {
  if (error instanceof KurirError) return error.message
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'internal'
  return `the operating system says ${code}`
}
