import { type FSWatcher, watch } from 'chokidar'
import { type Clock, type Milliseconds, ms, type Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { signatureOf } from './folder-signature.ts'

/** A folder that stands still for so long is taken as finished: editors and copiers write in several steps. */
const SETTLE = ms(300)
/** What a watcher cannot see: a folder that was replaced, a volume that tells nobody of its changes. */
const LOOK_ANYWAY = ms(5_000)

export interface FolderWatchDeps {
  readonly folder: string
  readonly clock: Pick<Clock, 'after'>
  readonly log: Pick<Log, 'warn'>
  /**
   * Called when the rule files have changed and stand still again. Resolves with whether that could be dealt with; if not, it
   * is told once more.
   */
  readonly changed: () => Promise<boolean>
  /** Default 5 s. */
  readonly lookAnyway?: Milliseconds
}

/**
 * Tells when the files of a rules folder have changed. A change counts when two looks at the folder, a settling time apart,
 * see the same: a file that is half written, or a folder that is half copied, is waited for. Files that are no rules (an
 * editor's own) change nothing. Links are followed, so a link that is switched is a change.
 */
export class FolderWatch implements AsyncDisposable {
  readonly #deps: FolderWatchDeps
  #watcher: FSWatcher | undefined
  /** The directory that the watcher holds on to. */
  #watched: string | undefined
  /** How the folder stood when that was told last; undefined: never told. */
  #told: string | undefined
  /** How it stood when it was last seen to be another one. */
  #pending: string | undefined
  #isStirred = false
  #settling: Timer | undefined
  #looking: Timer | undefined
  #closed = false
  #work: Promise<void> = Promise.resolve()

  private constructor(deps: FolderWatchDeps) {
    this.#deps = deps
  }

  static start(deps: FolderWatchDeps): FolderWatch {
    const watching = new FolderWatch(deps)
    watching.#watch()
    watching.#lookAnyway()
    return watching
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#settling?.cancel()
    this.#looking?.cancel()
    await this.#watcher?.close()
    await this.#work
  }

  #watch(): void {
    this.#watcher = watch(this.#deps.folder, { ignoreInitial: true, depth: 1 })
    this.#watcher.on('all', () => this.#stir())
    this.#watcher.on('error', () => this.#deps.log.warn('rules-watch-failed'))
    this.#then(async () => {
      this.#watched = (await signatureOf(this.#deps.folder)).directory
    })
  }

  /** Something happened in the folder: is it something that we read? Many events are one question. */
  #stir(): void {
    if (this.#isStirred) return
    this.#isStirred = true
    this.#then(async () => {
      this.#isStirred = false
      const { text } = await signatureOf(this.#deps.folder)
      if (text !== this.#told && text !== this.#pending) this.#settle(text)
    })
  }

  /** And is it over? */
  #settle(pending: string): void {
    this.#settling?.cancel()
    if (this.#closed) return
    this.#pending = pending
    this.#settling = this.#deps.clock.after(SETTLE, () => this.#then(() => this.#lookAgain(pending)))
  }

  async #lookAgain(pending: string): Promise<void> {
    const now = await signatureOf(this.#deps.folder)
    if (this.#closed || this.#pending !== pending) return
    if (now.text !== pending) return this.#settle(now.text)
    this.#pending = undefined
    this.#told = now.text
    if (this.#watched !== now.directory) await this.#watchAnew()
    if (!(await this.#deps.changed())) this.#told = undefined
  }

  /** The watcher would go on looking at the directory that it was shown. */
  async #watchAnew(): Promise<void> {
    await this.#watcher?.close()
    if (!this.#closed) this.#watch()
  }

  #lookAnyway(): void {
    this.#looking = this.#deps.clock.after(this.#deps.lookAnyway ?? LOOK_ANYWAY, () => {
      this.#stir()
      this.#lookAnyway()
    })
  }

  #then(step: () => Promise<void>): void {
    this.#work = this.#work.then(step).catch(() => this.#deps.log.warn('rules-watch-failed'))
  }
}
