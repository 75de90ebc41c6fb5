import { KurirError } from '../base/failure.ts'
import { unpadEnd } from '../dicom/padding.ts'

/** Command fields (PS3.7 E.1); a response has bit 15. */
export const COMMAND = {
  storeRq: 0x0001,
  storeRsp: 0x8001,
  getRq: 0x0010,
  findRq: 0x0020,
  moveRq: 0x0021,
  echoRq: 0x0030,
  echoRsp: 0x8030,
  cancelRq: 0x0fff,
} as const
export const RESPONSE = 0x8000

/** (0000,0800) says that no data set follows; any other value says that one does (PS3.7 E.1-1). */
export const NO_DATA_SET = 0x0101
export const DATA_SET = 0x0001

/** Elements of group 0000 by their element number (PS3.7 E.1). */
export const ELEMENT = {
  groupLength: 0x0000,
  affectedSopClassUid: 0x0002,
  requestedSopClassUid: 0x0003,
  commandField: 0x0100,
  messageId: 0x0110,
  messageIdBeingRespondedTo: 0x0120,
  moveDestination: 0x0600,
  priority: 0x0700,
  dataSetType: 0x0800,
  status: 0x0900,
  errorComment: 0x0902,
  affectedSopInstanceUid: 0x1000,
  requestedSopInstanceUid: 0x1001,
  eventTypeId: 0x1002,
  actionTypeId: 0x1008,
  remainingSubOperations: 0x1020,
  completedSubOperations: 0x1021,
  failedSubOperations: 0x1022,
  warningSubOperations: 0x1023,
  moveOriginatorAe: 0x1030,
  moveOriginatorMessageId: 0x1031,
} as const

/** A command set as it came: values by element number, always Implicit VR Little Endian (PS3.7 6.3.1). */
export class CommandSet {
  readonly #values: ReadonlyMap<number, Buffer>

  constructor(values: ReadonlyMap<number, Buffer>) {
    this.#values = values
  }

  /** A US value, undefined when the element is absent. Throws `bad-pdu` when it is not two bytes. */
  us(element: number): number | undefined {
    const value = this.#values.get(element)
    if (value === undefined) return undefined
    if (value.length !== 2) throw malformed('a US value of a command set is not two bytes')
    return value.readUInt16LE(0)
  }

  /** A text value (UI, AE, LO) without its padding, undefined when absent. */
  text(element: number): string | undefined {
    const value = this.#values.get(element)
    return value === undefined ? undefined : unpadEnd(value.toString('latin1'))
  }

  get commandField(): number {
    return this.#required(ELEMENT.commandField)
  }

  get messageId(): number {
    return this.#required(ELEMENT.messageId)
  }

  get messageIdBeingRespondedTo(): number {
    return this.#required(ELEMENT.messageIdBeingRespondedTo)
  }

  get status(): number {
    return this.#required(ELEMENT.status)
  }

  get hasDataSet(): boolean {
    return this.#required(ELEMENT.dataSetType) !== NO_DATA_SET
  }

  #required(element: number): number {
    const value = this.us(element)
    if (value === undefined) throw malformed('a command set lacks an element it must have')
    return value
  }
}

/** Reads a command set. Throws `bad-pdu` when lengths do not add up, or an element is not of group 0000 or out of order. */
export function parseCommandSet(bytes: Buffer): CommandSet {
  const values = new Map<number, Buffer>()
  let at = 0
  let last = -1
  while (at < bytes.length) {
    if (at + 8 > bytes.length) throw malformed('a command element is cut off')
    const element = bytes.readUInt16LE(at + 2)
    const end = at + 8 + bytes.readUInt32LE(at + 4)
    if (bytes.readUInt16LE(at) !== 0) throw malformed('an element of a command set is not of group 0000')
    if (element <= last) throw malformed('elements of a command set are out of order')
    if (end > bytes.length) throw malformed('a command element is longer than its set')
    values.set(element, bytes.subarray(at + 8, end))
    last = element
    at = end
  }
  return new CommandSet(values)
}

/** One element to write: a number becomes US, text is padded to an even length, with NUL as UI and spaces otherwise. */
export type CommandElement = readonly [element: number, value: number | string]

const UID_ELEMENTS: ReadonlySet<number> = new Set([
  ELEMENT.affectedSopClassUid,
  ELEMENT.requestedSopClassUid,
  ELEMENT.affectedSopInstanceUid,
  ELEMENT.requestedSopInstanceUid,
])

/** Writes a command set with its group length (0000,0000), in one buffer. Elements ascending. */
export function encodeCommandSet(elements: readonly CommandElement[]): Buffer {
  let length = 0
  for (const [, value] of elements) length += ELEMENT_HEAD + valueLength(value)
  const bytes = Buffer.allocUnsafe(ELEMENT_HEAD + 4 + length)
  let at = writeHead(bytes, 0, ELEMENT.groupLength, 4)
  at = bytes.writeUInt32LE(length, at)
  for (const [element, value] of elements) at = writeElement(bytes, at, element, value)
  return bytes
}

/** Tag and length (PS3.5 7.1.3). */
const ELEMENT_HEAD = 8

const valueLength = (value: number | string): number =>
  typeof value === 'number' ? 2 : value.length + (value.length % 2)

function writeHead(bytes: Buffer, at: number, element: number, length: number): number {
  return bytes.writeUInt32LE(length, bytes.writeUInt16LE(element, bytes.writeUInt16LE(0, at)))
}

function writeElement(bytes: Buffer, at: number, element: number, value: number | string): number {
  const length = valueLength(value)
  const start = writeHead(bytes, at, element, length)
  if (typeof value === 'number') return bytes.writeUInt16LE(value, start)
  const end = start + bytes.write(value, start, 'latin1')
  return end < start + length ? bytes.writeUInt8(UID_ELEMENTS.has(element) ? 0 : 0x20, end) : end
}

const malformed = (message: string): KurirError => new KurirError('bad-pdu', 'permanent', message)
