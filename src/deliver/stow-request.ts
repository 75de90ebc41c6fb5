import { KurirError } from '../base/failure.ts'
import type { ClaimedDelivery } from '../ledger/ledger.ts'
import { judgeSource } from './failure-scope.ts'
import type { Outgoing } from './outgoing.ts'
import { part10HeadOf } from './part10-head.ts'
import type { Verdict } from './verdict.ts'

/** One instance of a request. `unsent`: the request ended before it was written out, so it cannot have been taken. */
export interface StowPart {
  readonly delivery: ClaimedDelivery
  readonly state: 'unsent' | 'sent'
  readonly sha256: string | null
  readonly maybeTaken: boolean
  /** What is wrong with our own bytes; then what the peer says does not count. */
  readonly fault: Verdict | undefined
}

/** Beyond this nothing more is added: what broke off late would have to be sent again. */
const MOST_BYTES = 256 * 2 ** 20

const INVALID_UID: Verdict = { state: 'HELD', scope: 'object', retry: 'permanent', reason: 'invalid-uid', status: null }

/** One request's body: multipart/related of Part 10 files (PS3.18 8.6.1.2.1), written as its instances are read. */
export class StowRequest {
  readonly boundary: string
  /** Set when the peer wanted the body a second time: after a redirect, or with a new token. */
  wasAskedAgain = false
  /** Set when the peer takes the end of the body: what it says before that it says of what it had not seen. */
  isWhole = false
  readonly #first: Outgoing
  readonly #next: () => Outgoing | undefined
  readonly #parts: MutablePart[] = []
  readonly #uids = new Set<string>()
  #bytes = 0
  #begun = false

  /** @param next another instance that fits, asked for when the one before it is written */
  constructor(boundary: string, first: Outgoing, next: () => Outgoing | undefined) {
    this.boundary = boundary
    this.#first = first
    this.#next = next
  }

  get contentType(): string {
    return `multipart/related; type="application/dicom"; boundary="${this.boundary}"`
  }

  /** Every instance that was asked for, in order. */
  get parts(): readonly StowPart[] {
    return this.#parts
  }

  /** Whether another instance may go along: each under a UID of its own, or the answer could not be told apart. */
  hasRoomFor(delivery: ClaimedDelivery): boolean {
    return !this.#uids.has(delivery.outgoingUid) && this.#bytes + delivery.blob.length <= MOST_BYTES
  }

  /**
   * Whether there is anything to send: instances whose own bytes are not to be had are passed over, each with its fault.
   */
  async open(): Promise<boolean> {
    for (let outgoing: Outgoing | undefined = this.#first; outgoing !== undefined; outgoing = this.#next()) {
      if (await this.#isReady(outgoing)) return true
    }
    return false
  }

  /**
   * Can be read once: instances are streamed, not kept. Slices are copies, for what they came in is used again while the
   * socket still holds them.
   *
   * @throws KurirError `refused` when it is asked for again, and what reading an instance throws
   */
  async *body(): AsyncGenerator<Uint8Array> {
    if (this.#begun) {
      this.wasAskedAgain = true
      throw new KurirError('refused', 'transient', 'the request would have to be sent once more')
    }
    this.#begun = true
    for (let part = this.#open(); part !== undefined; part = await this.#another()) {
      yield this.#partHead(part)
      yield* this.#dataSet(part)
    }
    this.isWhole = true
    yield Buffer.from(`\r\n--${this.boundary}--\r\n`, 'latin1')
  }

  /** Lets go of what was not written. */
  close(): void {
    for (const part of this.#parts) if (part.state === 'unsent') part.outgoing.discard()
  }

  #open(): MutablePart | undefined {
    return this.#parts.find(({ fault }) => fault === undefined)
  }

  async #another(): Promise<MutablePart | undefined> {
    for (let outgoing = this.#next(); outgoing !== undefined; outgoing = this.#next()) {
      if (await this.#isReady(outgoing)) return this.#parts.at(-1)
    }
    return undefined
  }

  async #isReady(outgoing: Outgoing): Promise<boolean> {
    const { delivery } = outgoing
    const head = part10HeadOf(delivery)
    const part = new MutablePart(outgoing, head ?? Buffer.alloc(0))
    this.#parts.push(part)
    this.#uids.add(delivery.outgoingUid)
    this.#bytes += delivery.blob.length
    if (head === undefined) part.fault = INVALID_UID
    else {
      const wrong = await outgoing.ready()
      if (wrong !== undefined) part.fault = judgeSource(wrong.error)
    }
    if (part.fault !== undefined) outgoing.discard()
    return part.fault === undefined
  }

  /** The transfer syntax stands in the file; said in the header too, Orthanc takes the part for something else. */
  #partHead({ head }: MutablePart): Buffer {
    const lines = [`\r\n--${this.boundary}`, 'Content-Type: application/dicom', '', '']
    return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), head])
  }

  /** Only what reading throws is a fault of ours: a reader that gives up throws into us where we yield. */
  async *#dataSet(part: MutablePart): AsyncGenerator<Uint8Array> {
    const slices = part.outgoing[Symbol.asyncIterator]()
    try {
      for (let slice = await next(slices, part); slice !== undefined; slice = await next(slices, part)) {
        yield Buffer.from(slice)
      }
      part.state = 'sent'
    } finally {
      if (part.state === 'unsent') await slices.return?.()
    }
  }
}

async function next(slices: AsyncIterator<Uint8Array>, part: MutablePart): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await slices.next()
    return done === true ? undefined : value
  } catch (error) {
    part.fault = judgeSource(error)
    throw error
  }
}

class MutablePart implements StowPart {
  readonly outgoing: Outgoing
  readonly head: Buffer
  state: 'unsent' | 'sent' = 'unsent'
  fault: Verdict | undefined

  constructor(outgoing: Outgoing, head: Buffer) {
    this.outgoing = outgoing
    this.head = head
  }

  get delivery(): ClaimedDelivery {
    return this.outgoing.delivery
  }

  get sha256(): string | null {
    return this.outgoing.sha256
  }

  get maybeTaken(): boolean {
    return this.outgoing.maybeTaken
  }
}
