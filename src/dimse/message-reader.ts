import { type CommandSet, parseCommandSet } from './command-set.ts'
import { ABORT, CONTROL } from './pdu.ts'
import { ProtocolError } from './pdu-error.ts'

/** Who hears the messages of an association (PS3.7 6.3, PS3.8 E). Promises hold the reading up. */
export interface MessageUser {
  hasContext(contextId: number): boolean
  /** A whole command set; when it says so its data set follows. */
  command(contextId: number, command: CommandSet): void | Promise<void>
  /** A piece of the data set, valid until the promise resolves. */
  dataSet(slice: Buffer): void | Promise<void>
  /** The data set is complete. */
  dataSetEnd(): void | Promise<void>
}

const MOST_COMMAND = 64 * 1024

/** Makes messages of fragments: command, then data set when there is one, on one context, in this order and no other. */
export class MessageReader {
  readonly #user: MessageUser
  #phase: 'between' | 'command' | 'data-set' = 'between'
  #contextId = 0
  #parts: Buffer[] = []
  #partsLength = 0

  constructor(user: MessageUser) {
    this.#user = user
  }

  /** Whether a message has begun and is not yet complete. */
  get isMidMessage(): boolean {
    return this.#phase !== 'between'
  }

  /** As PduConsumer.fragment. Throws ProtocolError, or `bad-pdu` for a command set that cannot be read. */
  fragment(contextId: number, control: number, slice: Buffer, complete: boolean): void | Promise<void> {
    const isCommand = (control & CONTROL.command) !== 0
    this.#check(contextId, isCommand)
    const isEnd = complete && (control & CONTROL.last) !== 0
    if (isCommand) return this.#command(contextId, slice, isEnd)
    const waiting = slice.length === 0 ? undefined : this.#user.dataSet(slice)
    if (!isEnd) return waiting
    return waiting === undefined ? this.#endDataSet() : waiting.then(() => this.#endDataSet())
  }

  #check(contextId: number, isCommand: boolean): void {
    if (this.#phase !== 'between' && contextId !== this.#contextId) {
      throw new ProtocolError(ABORT.invalidParameterValue, 'a message changes its presentation context')
    }
    if (isCommand === (this.#phase === 'data-set')) {
      throw new ProtocolError(ABORT.unexpectedParameter, 'command and data set fragments out of order')
    }
    if (this.#phase === 'between' && !this.#user.hasContext(contextId)) {
      throw new ProtocolError(ABORT.invalidParameterValue, 'presentation context was not accepted')
    }
  }

  #command(contextId: number, slice: Buffer, isEnd: boolean): void | Promise<void> {
    this.#phase = 'command'
    this.#contextId = contextId
    this.#partsLength += slice.length
    if (this.#partsLength > MOST_COMMAND) {
      throw new ProtocolError(ABORT.invalidParameterValue, 'command set too long')
    }
    // The slice is only lent; a command set is a few hundred bytes, in as many pieces at most.
    if (slice.length > 0) this.#parts.push(Buffer.from(slice))
    if (!isEnd) return
    const command = parseCommandSet(this.#parts.length === 1 ? (this.#parts[0] ?? slice) : Buffer.concat(this.#parts))
    this.#parts = []
    this.#partsLength = 0
    this.#phase = command.hasDataSet ? 'data-set' : 'between'
    return this.#user.command(contextId, command)
  }

  #endDataSet(): void | Promise<void> {
    this.#phase = 'between'
    return this.#user.dataSetEnd()
  }
}
