import type { IncomingMessage } from 'node:http'
import { type Clock, elapsed, type Milliseconds, type Monotonic, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'

/** How long a caller may keep us waiting for its body. The time that we take ourselves does not count. */
export interface BodyLimits {
  /** Without a byte. */
  readonly silence: Milliseconds
  /** In all, beside what the body's length allows at `leastRate`. */
  readonly grace: Milliseconds
  /** Bytes a second that a caller keeps up with, or it is taken for one that holds connections. */
  readonly leastRate: number
  /** Of the body as it comes over the wire. */
  readonly bytes: number
}

export const BODY_LIMITS: BodyLimits = {
  silence: ms(30_000),
  grace: ms(60_000),
  leastRate: 16_384,
  bytes: 64 * 2 ** 30,
}

const LOOK_EVERY = ms(1_000)

/**
 * A request's body as it comes, in slices that stay valid; nothing is read ahead of the reader but what Node has buffered.
 * The connection stays open when this ends early, so that an answer can still be given.
 *
 * @throws KurirError `timeout` for a caller that falls silent or drips, `aborted` when it goes away, `too-large`
 */
export async function* readBody(
  request: IncomingMessage,
  clock: Pick<Clock, 'monotonic' | 'after'>,
  limits: BodyLimits = BODY_LIMITS,
): AsyncGenerator<Buffer, void, void> {
  const patience = new Patience(clock, limits)
  let bytes = 0
  const wake = (): void => patience.wake()
  for (const event of EVENTS) request.on(event, wake)
  try {
    for (;;) {
      const slice: unknown = request.read()
      if (Buffer.isBuffer(slice)) {
        bytes += slice.length
        if (bytes > limits.bytes) throw new KurirError('too-large', 'permanent', 'the body is too large')
        yield slice
      } else if (request.readableEnded) return
      else if (request.destroyed) throw new KurirError('aborted', 'transient', 'the caller went away in mid-body')
      else await patience.wait(bytes)
    }
  } finally {
    for (const event of EVENTS) request.off(event, wake)
    patience.end()
  }
}

const EVENTS = ['readable', 'end', 'close', 'error'] as const

/** Measures only the time in which we had nothing to do but wait. One timer a body, not one a slice. */
class Patience {
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>
  readonly #limits: BodyLimits
  #waited = 0
  #since: Monotonic | undefined
  #bytes = 0
  #settle: { readonly resolve: () => void; readonly reject: (error: KurirError) => void } | undefined
  #timer: { cancel(): void } | undefined

  constructor(clock: Pick<Clock, 'monotonic' | 'after'>, limits: BodyLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#look()
  }

  wait(bytes: number): Promise<void> {
    this.#bytes = bytes
    this.#since = this.#clock.monotonic()
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
  }

  wake(): void {
    if (this.#since === undefined) return
    this.#waited += elapsed(this.#since, this.#clock.monotonic())
    this.#since = undefined
    this.#settle?.resolve()
  }

  end(): void {
    this.#timer?.cancel()
  }

  #look(): void {
    const every = ms(Math.min(LOOK_EVERY, Math.max(10, this.#limits.silence / 4)))
    this.#timer = this.#clock.after(every, () => {
      this.#look()
      if (this.#since === undefined) return
      const now = elapsed(this.#since, this.#clock.monotonic())
      const allowed = this.#limits.grace + (this.#bytes / this.#limits.leastRate) * 1000
      if (now < this.#limits.silence && this.#waited + now < allowed) return
      this.#since = undefined
      this.#settle?.reject(new KurirError('timeout', 'transient', 'the body did not come in time'))
    })
  }
}
