import type { ByteBudget } from './byte-budget.ts'
import { ABORT, PDU, PDU_HEADER, PDV_HEADER } from './pdu.ts'
import { ProtocolError } from './pdu-error.ts'

/** Who hears what the reader reads. A promise stops the reading until it resolves; that is the back pressure. */
export interface PduConsumer {
  /** The header of every PDU, before anything of its body is read. Throws ProtocolError where that type is unexpected. */
  header(type: number, length: number): void
  /** The body of any PDU but P-DATA-TF, valid until this returns. */
  control(type: number, body: Buffer): void | Promise<void>
  /**
   * A piece of a PDV, valid until the promise resolves. `complete` is true for the last piece of that PDV, not of the
   * message; a PDV of length zero is one empty piece.
   */
  fragment(contextId: number, control: number, slice: Buffer, complete: boolean): void | Promise<void>
}

export interface PduLimits {
  /** The longest P-DATA-TF we put up with, in bytes after its header. It streams, so this costs no memory. */
  readonly dataLength: number
  /** The longest A-ASSOCIATE-RQ or -AC, in bytes after its header. */
  readonly associateLength: number
}

export const DEFAULT_PDU_LIMITS: PduLimits = { dataLength: 64 * 1024 * 1024, associateLength: 1024 * 1024 }

// A-RELEASE, A-ABORT and A-ASSOCIATE-RJ have four bytes; some make them longer.
const CONTROL_LENGTH = 1024
const FIRST_ALLOCATION = 8192

type Phase = 'header' | 'control' | 'pdv-header' | 'pdv'

/**
 * Reads PDUs out of a byte stream however it is cut (PS3.8 9.3). Holds at most one control PDU and two headers: the
 * bytes of P-DATA-TF are handed on as slices of the chunk they came in.
 */
export class PduReader {
  readonly #consumer: PduConsumer
  readonly #limits: PduLimits
  readonly #budget: ByteBudget
  readonly #small = Buffer.alloc(PDU_HEADER)
  #smallLength = 0
  #phase: Phase = 'header'
  #chunk: Buffer = Buffer.alloc(0)
  #at = 0
  #stopped = false
  #type = 0
  /** Bytes of the present PDU's body that are still to come. */
  #pduLeft = 0
  #body = Buffer.alloc(0)
  #bodyLength = 0
  #bodyTaken = 0
  #contextId = 0
  #control = 0
  #pdvLeft = 0

  constructor(consumer: PduConsumer, limits: PduLimits, budget: ByteBudget) {
    this.#consumer = consumer
    this.#limits = limits
    this.#budget = budget
  }

  /** Whether the last byte read was in the middle of a PDU, so that more has to come. */
  get isMidPdu(): boolean {
    return this.#phase !== 'header' || this.#smallLength > 0
  }

  /** Reads a chunk to its end. Rejects or throws ProtocolError; nothing may be fed after that but by `stop`ping. */
  feed(chunk: Buffer): void | Promise<void> {
    this.#chunk = chunk
    this.#at = 0
    return this.#run()
  }

  /** Reads nothing any more, not even the rest of the present chunk, and gives back what it held. */
  stop(): void {
    this.#stopped = true
    this.#release()
  }

  #run(): void | Promise<void> {
    while (!this.#stopped && this.#at < this.#chunk.length) {
      const waiting = this.#step()
      if (waiting !== undefined) return waiting.then(() => this.#run())
    }
  }

  #step(): void | Promise<void> {
    switch (this.#phase) {
      case 'header':
        return this.#readHeader()
      case 'control':
        return this.#readControl()
      case 'pdv-header':
        return this.#readPdvHeader()
      case 'pdv':
        return this.#readPdv()
    }
  }

  #readHeader(): void {
    if (!this.#fillSmall()) return
    this.#type = this.#small.readUInt8(0)
    this.#pduLeft = this.#small.readUInt32BE(2)
    if (this.#type < PDU.associateRq || this.#type > PDU.abort) {
      throw new ProtocolError(ABORT.unrecognisedPdu, 'unrecognised PDU type')
    }
    this.#consumer.header(this.#type, this.#pduLeft)
    this.#checkLength()
    this.#phase = this.#type === PDU.data ? 'pdv-header' : 'control'
  }

  #checkLength(): void {
    const associate = this.#type === PDU.associateRq || this.#type === PDU.associateAc
    const most = associate ? this.#limits.associateLength : CONTROL_LENGTH
    const [least, limit] = this.#type === PDU.data ? [PDV_HEADER, this.#limits.dataLength] : [4, most]
    if (this.#pduLeft < least || this.#pduLeft > limit) {
      throw new ProtocolError(ABORT.invalidParameterValue, 'PDU length out of bounds')
    }
  }

  #readControl(): void | Promise<void> {
    const available = this.#chunk.length - this.#at
    if (this.#bodyLength === 0 && available >= this.#pduLeft) {
      const body = this.#chunk.subarray(this.#at, this.#at + this.#pduLeft)
      this.#at += this.#pduLeft
      return this.#deliver(body)
    }
    const take = Math.min(available, this.#pduLeft)
    this.#grow(this.#bodyLength + take, this.#bodyLength + this.#pduLeft)
    this.#chunk.copy(this.#body, this.#bodyLength, this.#at, this.#at + take)
    this.#at += take
    this.#bodyLength += take
    this.#pduLeft -= take
    if (this.#pduLeft > 0) return
    const body = this.#body.subarray(0, this.#bodyLength)
    this.#release()
    return this.#deliver(body)
  }

  #deliver(body: Buffer): void | Promise<void> {
    this.#phase = 'header'
    this.#pduLeft = 0
    return this.#consumer.control(this.#type, body)
  }

  // Memory follows what came, never what a header claims.
  #grow(needed: number, whole: number): void {
    if (needed <= this.#body.length) return
    const size = Math.min(whole, Math.max(needed, FIRST_ALLOCATION, this.#body.length * 2))
    if (!this.#budget.take(size)) throw new ProtocolError(ABORT.notSpecified, 'too much held before association')
    const grown = Buffer.alloc(size)
    this.#body.copy(grown, 0, 0, this.#bodyLength)
    this.#budget.give(this.#bodyTaken)
    this.#bodyTaken = size
    this.#body = grown
  }

  #release(): void {
    this.#budget.give(this.#bodyTaken)
    this.#bodyTaken = 0
    this.#bodyLength = 0
    this.#body = Buffer.alloc(0)
  }

  #readPdvHeader(): void | Promise<void> {
    if (this.#smallLength === 0 && this.#pduLeft < PDV_HEADER) {
      throw new ProtocolError(ABORT.invalidParameterValue, 'PDV header cut off by its PDU')
    }
    if (!this.#fillSmall()) return
    const length = this.#small.readUInt32BE(0)
    this.#pduLeft -= PDV_HEADER
    if (length < 2 || length - 2 > this.#pduLeft) {
      throw new ProtocolError(ABORT.invalidParameterValue, 'PDV length out of bounds')
    }
    this.#contextId = this.#small.readUInt8(4)
    this.#control = this.#small.readUInt8(5)
    this.#pdvLeft = length - 2
    this.#phase = 'pdv'
    if (this.#pdvLeft === 0 || this.#at < this.#chunk.length) return this.#readPdv()
  }

  #readPdv(): void | Promise<void> {
    const end = Math.min(this.#at + this.#pdvLeft, this.#chunk.length)
    const slice = this.#chunk.subarray(this.#at, end)
    this.#at = end
    this.#pdvLeft -= slice.length
    this.#pduLeft -= slice.length
    const complete = this.#pdvLeft === 0
    if (complete) this.#phase = this.#pduLeft === 0 ? 'header' : 'pdv-header'
    return this.#consumer.fragment(this.#contextId, this.#control, slice, complete)
  }

  /** Collects the six bytes of a header. False while some are still to come. */
  #fillSmall(): boolean {
    const end = Math.min(this.#at + PDU_HEADER - this.#smallLength, this.#chunk.length)
    this.#chunk.copy(this.#small, this.#smallLength, this.#at, end)
    this.#smallLength += end - this.#at
    this.#at = end
    if (this.#smallLength < PDU_HEADER) return false
    this.#smallLength = 0
    return true
  }
}
