import type { Clock, Monotonic } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { FreeMark } from '../settings/table.ts'
import type { BlobStore } from './blob-store.ts'

/** How long an answer of the volume is believed, and until how much of the room above the mark was taken since. That it is full is never believed. */
const BELIEVED_MS = 1_000
const BELIEVED_SHARE = 0.25

/** Refuses new objects while the volume has less room than it is to keep. Nothing has to be switched on again afterwards. */
export class FreeSpaceGuard {
  readonly #store: Pick<BlobStore, 'space'>
  readonly #mark: FreeMark
  readonly #clock: Pick<Clock, 'monotonic'>
  #checkedAt: Monotonic | undefined
  /** Bytes above the mark, as the volume said last; negative below it. */
  #room = 0
  #takenSince = 0
  #checking: Promise<void> | undefined

  constructor(store: Pick<BlobStore, 'space'>, mark: FreeMark, clock: Pick<Clock, 'monotonic'>) {
    this.#store = store
    this.#mark = mark
    this.#clock = clock
  }

  /** @throws KurirError `disk-full` */
  async expectRoom(): Promise<void> {
    const now = this.#clock.monotonic()
    const isOld = this.#checkedAt === undefined || now - this.#checkedAt >= BELIEVED_MS
    if (isOld || this.#room < 0 || this.#takenSince > this.#room * BELIEVED_SHARE) await this.#check()
    if (this.#room < 0) throw new KurirError('disk-full', 'transient', 'less free disk than KURIR_SPOOL_FREE_MIN')
  }

  /** So many bytes more lie on the volume. */
  taken(bytes: number): void {
    this.#takenSince += bytes
  }

  /** Many begin at once; one asks. */
  #check(): Promise<void> {
    this.#checking ??= this.#ask().finally(() => {
      this.#checking = undefined
    })
    return this.#checking
  }

  async #ask(): Promise<void> {
    this.#takenSince = 0
    const { freeBytes, totalBytes } = await this.#store.space()
    const least = 'bytes' in this.#mark ? this.#mark.bytes : this.#mark.share * totalBytes
    this.#room = freeBytes - least
    this.#checkedAt = this.#clock.monotonic()
  }
}
