import { unpadEnd } from '../dicom/padding.ts'
import { ABORT } from './pdu.ts'
import { ProtocolError } from './pdu-error.ts'

/** An item of the variable part: type, then its value (PS3.8 9.3.2). */
interface Item {
  readonly type: number
  readonly value: Buffer
}

/** A presentation context as an A-ASSOCIATE-RQ offers it (PS3.8 9.3.2.2): UIDs without their padding, as text. */
export interface OfferedContext {
  readonly id: number
  readonly abstractSyntax: string
  readonly transferSyntaxes: readonly string[]
}

/** A presentation context as an A-ASSOCIATE-AC answers it (PS3.8 9.3.3.2). */
export interface AnsweredContext {
  readonly id: number
  /** 0 accepted, 1 user rejection, 2 no reason, 3 abstract syntax not supported, 4 transfer syntaxes not supported. */
  readonly result: number
  /** Means nothing unless accepted, and may be missing then. */
  readonly transferSyntax?: string
}

/** SCP/SCU role selection (PS3.7 D.3.3.4). */
export interface RoleSelection {
  readonly sopClass: string
  readonly scu: boolean
  readonly scp: boolean
}

/** User information (PS3.8 D.1, PS3.7 D.3.3). User identity and extended negotiation are read over, never kept. */
export interface UserInformation {
  readonly maxPduLength: number
  readonly implementationClassUid?: string
  readonly implementationVersion?: string
  readonly roles: readonly RoleSelection[]
  /** Whether the peer asked for an asynchronous operations window (PS3.7 D.3.3.3). */
  readonly asyncWindow: boolean
}

interface Associate<Context> {
  readonly protocolVersion: number
  /** The sixteen characters as they came. */
  readonly calledAe: string
  readonly callingAe: string
  readonly applicationContext: string
  readonly contexts: readonly Context[]
  readonly user: UserInformation
}

export type AssociateRq = Associate<OfferedContext>
export type AssociateAc = Associate<AnsweredContext>

// A peer that does not say what it can take gets what every toolkit takes.
const UNSAID_MAX_PDU_LENGTH = 16_384
const FIXED = 68

const malformed = (message: string): ProtocolError => new ProtocolError(ABORT.invalidParameterValue, message)
const text = (value: Buffer): string => unpadEnd(value.toString('latin1'))

/** Reads the body of an A-ASSOCIATE-RQ, all after its six-byte header. Throws ProtocolError. */
export function parseAssociateRq(body: Buffer): AssociateRq {
  return parseAssociate(body, 0x20, parseOfferedContext)
}

/** Reads the body of an A-ASSOCIATE-AC, all after its six-byte header. Throws ProtocolError. */
export function parseAssociateAc(body: Buffer): AssociateAc {
  return parseAssociate(body, 0x21, parseAnsweredContext)
}

function parseAssociate<Context extends { readonly id: number }>(
  body: Buffer,
  contextType: number,
  parseContext: (value: Buffer) => Context,
): Associate<Context> {
  if (body.length < FIXED) throw malformed('associate PDU shorter than its fixed fields')
  const contexts = new Map<number, Context>()
  let applicationContext = ''
  let user: UserInformation | undefined
  for (const { type, value } of items(body, FIXED)) {
    if (type === 0x10) applicationContext = text(value)
    else if (type === contextType) {
      const context = parseContext(value)
      if (context.id % 2 === 0) throw malformed('presentation context id is not odd')
      if (contexts.has(context.id)) throw malformed('presentation context id used twice')
      contexts.set(context.id, context)
    } else if (type === 0x50) {
      if (user !== undefined) throw malformed('user information twice')
      user = parseUser(value)
    }
  }
  return {
    protocolVersion: body.readUInt16BE(0),
    calledAe: body.toString('latin1', 4, 20),
    callingAe: body.toString('latin1', 20, 36),
    applicationContext,
    contexts: [...contexts.values()],
    user: user ?? { maxPduLength: UNSAID_MAX_PDU_LENGTH, roles: [], asyncWindow: false },
  }
}

/** Walks items of type, reserved byte, two-byte length, value. Items of unknown type are the caller's to skip. */
function* items(body: Buffer, from: number): Generator<Item> {
  let at = from
  while (at < body.length) {
    if (at + 4 > body.length) throw malformed('item header cut off')
    const end = at + 4 + body.readUInt16BE(at + 2)
    if (end > body.length) throw malformed('item longer than what holds it')
    yield { type: body.readUInt8(at), value: body.subarray(at + 4, end) }
    at = end
  }
}

function parseOfferedContext(value: Buffer): OfferedContext {
  if (value.length < 4) throw malformed('presentation context shorter than its fixed fields')
  const abstractSyntaxes: string[] = []
  const transferSyntaxes: string[] = []
  for (const item of items(value, 4)) {
    if (item.type === 0x30) abstractSyntaxes.push(text(item.value))
    else if (item.type === 0x40) transferSyntaxes.push(text(item.value))
  }
  const [abstractSyntax] = abstractSyntaxes
  if (abstractSyntax === undefined || abstractSyntaxes.length > 1) {
    throw malformed('a presentation context has exactly one abstract syntax')
  }
  return { id: value.readUInt8(0), abstractSyntax, transferSyntaxes }
}

function parseAnsweredContext(value: Buffer): AnsweredContext {
  if (value.length < 4) throw malformed('presentation context shorter than its fixed fields')
  const answer = { id: value.readUInt8(0), result: value.readUInt8(2) }
  for (const item of items(value, 4)) {
    if (item.type === 0x40) return { ...answer, transferSyntax: text(item.value) }
  }
  return answer
}

function parseUser(value: Buffer): UserInformation {
  let maxPduLength = UNSAID_MAX_PDU_LENGTH
  let asyncWindow = false
  const roles: RoleSelection[] = []
  const implementation: { implementationClassUid?: string; implementationVersion?: string } = {}
  for (const item of items(value, 0)) {
    if (item.type === 0x51) {
      if (item.value.length !== 4) throw malformed('maximum length item is not four bytes')
      maxPduLength = item.value.readUInt32BE(0)
    } else if (item.type === 0x52) implementation.implementationClassUid = text(item.value)
    else if (item.type === 0x55) implementation.implementationVersion = text(item.value)
    else if (item.type === 0x53) asyncWindow = true
    else if (item.type === 0x54) roles.push(parseRole(item.value))
  }
  return { maxPduLength, roles, asyncWindow, ...implementation }
}

function parseRole(value: Buffer): RoleSelection {
  const length = value.length < 4 ? -1 : value.readUInt16BE(0)
  if (length < 0 || length + 4 !== value.length) throw malformed('role selection of the wrong length')
  const sopClass = text(value.subarray(2, 2 + length))
  return { sopClass, scu: value[2 + length] === 1, scp: value[3 + length] === 1 }
}
