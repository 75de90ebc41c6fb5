import { watch } from 'chokidar'
import { type Clock, type Milliseconds, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import { Wakes } from '../base/wake.ts'
import type { Spool } from '../spool/spool.ts'
import type { AdmissionMeter } from './dimse-door.ts'
import { DropFolder } from './folder-door-folder.ts'
import { DONE, REFUSED } from './folder-door-shelves.ts'

export interface FolderDoorDeps {
  readonly spool: Pick<Spool, 'begin'>
  readonly clock: Clock
  readonly log: Log
  readonly meter?: AdmissionMeter
  /** The drop folders; none: nothing is watched. */
  readonly folders: readonly string[]
  /** How long a file that is being written has to stand still. */
  readonly settle: Milliseconds
  /** How long until the folder is looked at although nothing was heard: network file systems tell nothing. */
  readonly look?: Milliseconds
}

const LOOK = ms(10_000)
/** A copy of ten thousand files is told of ten thousand times. */
const BETWEEN_LOOKS = ms(200)
const WATCHED_DEPTH = 8

/** The way in for what can only write files: each watched folder empties itself into the spool. */
export class FolderDoor implements Service {
  readonly #deps: FolderDoorDeps
  readonly #folders: readonly DropFolder[]
  readonly #stop = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(deps: FolderDoorDeps) {
    this.#deps = deps
    this.#folders = deps.folders.map((path) => new DropFolder({ ...deps, path }))
  }

  /** What keeps a folder from being emptied, one sentence each. */
  get problems(): readonly string[] {
    return this.#folders.flatMap(({ path, problem }) =>
      problem === undefined ? [] : [`The drop folder ${path} is not being emptied: ${problem}.`],
    )
  }

  start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true })
    this.#running = Promise.all(this.#folders.map((folder) => this.#empty(folder)))
    return Promise.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #empty(folder: DropFolder): Promise<void> {
    const { signal } = this.#stop
    const wakes = new Wakes()
    // The first look makes the folder; what comes before the watcher stands is found by the look that its being ready asks for.
    let waits = await this.#lookAt(folder, signal)
    await using _watcher = this.#watch(folder.path, wakes)
    while (!signal.aborted) {
      await this.#pause(BETWEEN_LOOKS, signal)
      await this.#untilWoken(wakes, waits ? this.#deps.settle : (this.#deps.look ?? LOOK))
      waits = await this.#lookAt(folder, signal)
    }
  }

  /** Whether files are being waited for. */
  async #lookAt(folder: DropFolder, signal: AbortSignal): Promise<boolean> {
    try {
      return await folder.look(signal)
    } catch (error) {
      // The folder may come back, and so may the disk: the next look finds out.
      const code = error instanceof KurirError ? error.code : 'disk-io'
      this.#deps.log.warn('drop-folder-failed', { code })
      return false
    }
  }

  #watch(path: string, wakes: Wakes): AsyncDisposable {
    const ours = [`/${DONE}`, `/${REFUSED}`].map((shelf) => `${path}${shelf}`)
    const watcher = watch(path, {
      ignoreInitial: true,
      followSymlinks: false,
      depth: WATCHED_DEPTH,
      ignored: (name) => ours.some((shelf) => name === shelf || name.startsWith(`${shelf}/`)),
    })
    watcher.on('all', () => wakes.wake('drop'))
    watcher.on('ready', () => wakes.wake('drop'))
    // Out of watches, say. The slow look goes on.
    watcher.on('error', () => this.#deps.log.warn('drop-watch-failed'))
    return { [Symbol.asyncDispose]: () => watcher.close() }
  }

  async #untilWoken(wakes: Wakes, wait: Milliseconds): Promise<void> {
    const over = new AbortController()
    const signal = AbortSignal.any([this.#stop.signal, over.signal])
    await Promise.race([wakes.next('drop', signal), this.#pause(wait, signal)])
    over.abort()
  }

  #pause(wait: Milliseconds, signal: AbortSignal): Promise<void> {
    return this.#deps.clock.sleep(wait, signal).catch(() => {})
  }
}
