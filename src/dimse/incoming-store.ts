import { KurirError } from '../base/failure.ts'
import type { Sink } from '../base/sink.ts'
import type { StoreHandler, StoreReply, StoreRequest } from './handler.ts'
import { STATUS } from './status.ts'

/**
 * One C-STORE that is being received. Whatever happens, its sink hears exactly one of `end` and `abort`; once it failed
 * or refused, what still comes of the data set is thrown away and the reply waits for its end.
 */
export class IncomingStore {
  readonly request: StoreRequest
  #sink: Sink<StoreReply> | undefined
  #reply: StoreReply | undefined
  #working = false
  #aborted = false

  constructor(request: StoreRequest) {
    this.request = request
  }

  /** Asks the handler. Resolves when data may come. */
  async open(handler: StoreHandler): Promise<void> {
    this.#working = true
    try {
      const opened = await handler.open(this.request)
      if ('status' in opened) this.#reply = opened
      else this.#sink = opened
    } catch (error) {
      this.#reply = replyForFailure(error)
    }
    this.#working = false
    if (this.#aborted) await this.#abandon()
  }

  /** Refuses before any handler is asked. */
  refuse(reply: StoreReply): void {
    this.#reply = reply
  }

  write(slice: Buffer): void | Promise<void> {
    if (this.#sink === undefined) return
    try {
      const waiting = this.#sink.write(slice)
      if (waiting !== undefined) return this.#finishWrite(waiting)
    } catch (error) {
      return this.#fail(error)
    }
  }

  /** The data set is complete: what to answer. Undefined when the association ended meanwhile. */
  async end(): Promise<StoreReply | undefined> {
    const sink = this.#sink
    this.#sink = undefined
    if (sink === undefined || this.#aborted) return this.#aborted ? undefined : this.#reply
    try {
      return await sink.end()
    } catch (error) {
      return replyForFailure(error)
    }
  }

  /** The association is over. A write under way is let finish first. */
  abort(): void {
    this.#aborted = true
    if (!this.#working) void this.#abandon()
  }

  async #finishWrite(waiting: Promise<void>): Promise<void> {
    this.#working = true
    try {
      await waiting
    } catch (error) {
      await this.#fail(error)
    }
    this.#working = false
    if (this.#aborted) await this.#abandon()
  }

  async #fail(error: unknown): Promise<void> {
    this.#reply = replyForFailure(error)
    await this.#abandon()
  }

  async #abandon(): Promise<void> {
    const sink = this.#sink
    this.#sink = undefined
    try {
      await sink?.abort()
    } catch {
      // A sink that cannot even clean up has nobody left to tell: the reply already says that the object failed.
    }
  }
}

function replyForFailure(error: unknown): StoreReply {
  const full = error instanceof KurirError && (error.code === 'out-of-resources' || error.code === 'disk-full')
  return { status: full ? STATUS.outOfResources : STATUS.processingFailure }
}
