import type { Stats } from 'node:fs'
import type { Clock, Milliseconds, Monotonic } from '../base/clock.ts'
import type { FoundFile } from './folder-door-tree.ts'

/** Beyond so many files that are being written at once, the others wait for their turn to be watched. */
const MOST_WATCHED = 100_000
/** Copiers that stamp an unfinished file do so with a date from before anybody scanned anything (robocopy: 1980). */
const STAMPED_BEFORE = Date.UTC(1981, 1, 1)

/** Tells whether two looks saw the same file with the same content. */
export const isUnchanged = (one: Stats, other: Stats): boolean => fingerprint(one) === fingerprint(other)

/** The same but for its names: giving it another one changes a file's own time. */
export const isSameContent = (one: Stats, other: Stats): boolean =>
  one.dev === other.dev && one.ino === other.ino && one.size === other.size && one.mtimeMs === other.mtimeMs

const fingerprint = ({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string =>
  `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`

/**
 * Tells files that are whole from files that are still being written. One that was last written a while ago has been moved
 * here, or finished: it is taken at once. Any other has to stand still for that while first.
 */
export class Settling {
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>
  readonly #settle: Milliseconds
  #watched = new Map<string, { readonly print: string; readonly since: Monotonic }>()
  #next = new Map<string, { readonly print: string; readonly since: Monotonic }>()

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>, settle: Milliseconds) {
    this.#clock = clock
    this.#settle = settle
  }

  /** How many are being waited for. */
  get waiting(): number {
    return this.#next.size
  }

  /** Begins a look at all files: those that are not met in it are forgotten. */
  beginLook(): void {
    this.#watched = this.#next
    this.#next = new Map()
  }

  isSettled({ path, stats }: FoundFile): boolean {
    const age = this.#clock.now() - stats.mtimeMs
    if (stats.size > 0 && age >= this.#settle && stats.mtimeMs > STAMPED_BEFORE) return true
    const print = fingerprint(stats)
    const before = this.#watched.get(path)
    const now = this.#clock.monotonic()
    const since = before?.print === print ? before.since : now
    if (now - since >= this.#settle) return true
    this.#watch(path, print, since)
    return false
  }

  /** Has the file wait again, from now. */
  again({ path, stats }: FoundFile): void {
    this.#watch(path, fingerprint(stats), this.#clock.monotonic())
  }

  #watch(path: string, print: string, since: Monotonic): void {
    if (this.#next.size < MOST_WATCHED) this.#next.set(path, { print, since })
  }
}
