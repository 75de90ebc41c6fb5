import { IMPLEMENTATION_CLASS_UID } from '../dicom/identity.ts'
import type { AnsweredContext, AssociateAc, AssociateRq, OfferedContext, RoleSelection } from './associate-pdu.ts'
import { IMPLEMENTATION_VERSION_NAME } from './identity.ts'
import { PDU } from './pdu.ts'

/** The DICOM application context name (PS3.7 A.2.1). */
export const APPLICATION_CONTEXT = '1.2.840.10008.3.1.1.1'

/** What an A-ASSOCIATE-RQ of ours says. AE titles of at most 16 characters. */
export type RqFields = Pick<AssociateRq, 'calledAe' | 'callingAe' | 'contexts'> & UserFields
/** What an A-ASSOCIATE-AC of ours says; the AE titles are the sixteen bytes of the RQ, echoed (PS3.8 9.3.3). */
export type AcFields = Pick<AssociateAc, 'calledAe' | 'callingAe' | 'contexts'> & UserFields

interface UserFields {
  /** The longest P-DATA-TF we want to get, in bytes after its header. */
  readonly maxPduLength: number
  readonly roles: readonly RoleSelection[]
  /** Says that one operation at a time is performed and invoked: an answer, never an offer (PS3.7 D.3.3.3). */
  readonly asyncWindow: boolean
}

/** A-ASSOCIATE-RQ (PS3.8 9.3.2). */
export const encodeAssociateRq = (fields: RqFields): Buffer =>
  encodeAssociate(PDU.associateRq, fields, fields.contexts.map(offeredContext))

/** A-ASSOCIATE-AC (PS3.8 9.3.3). */
export const encodeAssociateAc = (fields: AcFields): Buffer =>
  encodeAssociate(PDU.associateAc, fields, fields.contexts.map(answeredContext))

function encodeAssociate(type: number, fields: Omit<RqFields, 'contexts'>, contexts: readonly Buffer[]): Buffer {
  const fixed = Buffer.alloc(68)
  fixed.writeUInt16BE(1, 0)
  fixed.write(fields.calledAe.padEnd(16).slice(0, 16), 4, 'latin1')
  fixed.write(fields.callingAe.padEnd(16).slice(0, 16), 20, 'latin1')
  const body = Buffer.concat([fixed, item(0x10, ascii(APPLICATION_CONTEXT)), ...contexts, item(0x50, user(fields))])
  const header = Buffer.alloc(6)
  header[0] = type
  header.writeUInt32BE(body.length, 2)
  return Buffer.concat([header, body])
}

function offeredContext(context: OfferedContext): Buffer {
  const syntaxes = context.transferSyntaxes.map((syntax) => item(0x40, ascii(syntax)))
  return item(0x20, Buffer.from([context.id, 0, 0, 0]), item(0x30, ascii(context.abstractSyntax)), ...syntaxes)
}

// The transfer syntax item is there even when rejected: its value is not tested then (PS3.8 9.3.3.2).
function answeredContext(context: AnsweredContext): Buffer {
  const syntax = item(0x40, ascii(context.transferSyntax ?? ''))
  return item(0x21, Buffer.from([context.id, 0, context.result, 0]), syntax)
}

function user(fields: UserFields): Buffer {
  const maxLength = Buffer.alloc(4)
  maxLength.writeUInt32BE(fields.maxPduLength)
  return Buffer.concat([
    item(0x51, maxLength),
    item(0x52, ascii(IMPLEMENTATION_CLASS_UID)),
    ...(fields.asyncWindow ? [item(0x53, Buffer.from([0, 1, 0, 1]))] : []),
    ...fields.roles.map(role),
    item(0x55, ascii(IMPLEMENTATION_VERSION_NAME)),
  ])
}

function role({ sopClass, scu, scp }: RoleSelection): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(sopClass.length)
  return item(0x54, length, ascii(sopClass), Buffer.from([scu ? 1 : 0, scp ? 1 : 0]))
}

function item(type: number, ...values: readonly Buffer[]): Buffer {
  const value = Buffer.concat(values)
  const header = Buffer.alloc(4)
  header[0] = type
  header.writeUInt16BE(value.length, 2)
  return Buffer.concat([header, value])
}

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1')
