/** PDU types (PS3.8 9.3.1). */
export const PDU = {
  associateRq: 0x01,
  associateAc: 0x02,
  associateRj: 0x03,
  data: 0x04,
  releaseRq: 0x05,
  releaseRp: 0x06,
  abort: 0x07,
} as const

export const PDU_HEADER = 6
export const PDV_HEADER = 6

/** A-ABORT (PS3.8 9.3.8): source 0 is the service user, 2 the service provider, whose reasons are below. */
export interface AbortReason {
  readonly source: number
  readonly reason: number
}

export const ABORT = {
  user: { source: 0, reason: 0 },
  notSpecified: { source: 2, reason: 0 },
  unrecognisedPdu: { source: 2, reason: 1 },
  unexpectedPdu: { source: 2, reason: 2 },
  unrecognisedParameter: { source: 2, reason: 4 },
  unexpectedParameter: { source: 2, reason: 5 },
  invalidParameterValue: { source: 2, reason: 6 },
} as const satisfies Record<string, AbortReason>

/** A-ASSOCIATE-RJ (PS3.8 9.3.4): result 1 permanent, 2 transient; source 1 user, 2 ACSE, 3 presentation. */
export interface Rejection {
  readonly result: number
  readonly source: number
  readonly reason: number
}

export const REJECT = {
  noReason: { result: 1, source: 1, reason: 1 },
  applicationContext: { result: 1, source: 1, reason: 2 },
  callingAe: { result: 1, source: 1, reason: 3 },
  calledAe: { result: 1, source: 1, reason: 7 },
  protocolVersion: { result: 1, source: 2, reason: 2 },
  temporaryCongestion: { result: 2, source: 3, reason: 1 },
  localLimit: { result: 2, source: 3, reason: 2 },
} as const satisfies Record<string, Rejection>

const control = (type: number, b7: number, b8: number, b9: number): Buffer =>
  Buffer.from([type, 0, 0, 0, 0, 4, 0, b7, b8, b9])

export const encodeReleaseRq = (): Buffer => control(PDU.releaseRq, 0, 0, 0)
export const encodeReleaseRp = (): Buffer => control(PDU.releaseRp, 0, 0, 0)
export const encodeAbort = ({ source, reason }: AbortReason): Buffer => control(PDU.abort, 0, source, reason)
export const encodeRejection = ({ result, source, reason }: Rejection): Buffer =>
  control(PDU.associateRj, result, source, reason)

/** Writes the headers of a P-DATA-TF PDU that holds one PDV of `length` bytes (PS3.8 9.3.5, Annex E.2). */
export function writeDataHeaders(block: Buffer, at: number, contextId: number, control: number, length: number): void {
  block[at] = PDU.data
  block[at + 1] = 0
  block.writeUInt32BE(length + PDV_HEADER, at + 2)
  block.writeUInt32BE(length + 2, at + PDU_HEADER)
  block[at + PDU_HEADER + 4] = contextId
  block[at + PDU_HEADER + 5] = control
}

/** The message control header (PS3.8 E.2): bit 0 a command, bit 1 the last fragment. */
export const CONTROL = { command: 1, last: 2 } as const

/**
 * A command set as P-DATA-TF PDUs of at most `maxPduLength` bytes after their header.
 *
 * @param maxPduLength at least 128, even or not
 */
export function encodeCommandPdus(contextId: number, command: Buffer, maxPduLength: number): Buffer {
  const most = (maxPduLength - PDV_HEADER) & ~1
  const parts: Buffer[] = []
  for (let at = 0; at < command.length; at += most) {
    const part = command.subarray(at, at + most)
    const last = at + most >= command.length
    const headers = Buffer.allocUnsafe(PDU_HEADER + PDV_HEADER)
    writeDataHeaders(headers, 0, contextId, CONTROL.command | (last ? CONTROL.last : 0), part.length)
    parts.push(headers, part)
  }
  return Buffer.concat(parts)
}

/** The length of P-DATA-TF we may send: the peer's maximum (0 is none) or our own cap, even. Under 128 nobody can talk. */
export function sendLength(peerMaxPduLength: number, own: number): number | undefined {
  const most = peerMaxPduLength === 0 ? own : Math.min(peerMaxPduLength, own)
  return most < 128 ? undefined : most & ~1
}
