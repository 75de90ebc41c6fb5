import { type Clock, ms } from '../base/clock.ts'

/** At most so many at once, and begun no faster than so many a second; first come, first served. */
export class Turns {
  readonly #atOnce: number
  readonly #spacing: number
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly #waiting: (() => void)[] = []
  #taken = 0
  #next = 0

  /** @param perSecond undefined: as fast as they come */
  constructor(atOnce: number, perSecond: number | undefined, clock: Pick<Clock, 'monotonic' | 'sleep'>) {
    this.#atOnce = atOnce
    this.#spacing = perSecond === undefined ? 0 : 1_000 / perSecond
    this.#clock = clock
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves with what gives the turn back. Rejects with the signal's reason when it fires first. */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted()
    if (this.#taken >= this.#atOnce) await this.#wait(signal)
    else this.#taken++
    try {
      await this.#space(signal)
    } catch (error) {
      this.#give()
      throw signal.aborted ? signal.reason : error
    }
    return { [Symbol.dispose]: () => this.#give() }
  }

  /** A turn that is given back goes to the longest waiting without being free in between. */
  #give(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#taken--
    else next()
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1)
        reject(signal.reason)
      }
      this.#waiting.push(go)
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  async #space(signal: AbortSignal): Promise<void> {
    if (this.#spacing === 0) return
    const now = this.#clock.monotonic()
    const at = Math.max(now, this.#next)
    this.#next = at + this.#spacing
    if (at > now) await this.#clock.sleep(ms(Math.ceil(at - now)), signal)
  }
}
