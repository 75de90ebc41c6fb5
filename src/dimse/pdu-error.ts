import type { AbortReason } from './pdu.ts'

/** A peer broke the protocol: thrown by parsers, answered with this A-ABORT by whoever owns the connection. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
  readonly abort: AbortReason

  /** @param message a sentence for the log; never quotes what the peer sent */
  constructor(abort: AbortReason, message: string) {
    super(message)
    this.abort = abort
  }
}
