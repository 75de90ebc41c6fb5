import type { StoreRequestToSend } from './association.ts'
import { COMMAND, DATA_SET, ELEMENT, encodeCommandSet, NO_DATA_SET } from './command-set.ts'
import { VERIFICATION } from './negotiation.ts'
import { encodeCommandPdus } from './pdu.ts'

/** The PDUs of a C-ECHO-RQ (PS3.7 9.3.5.1). */
export function echoRequest(contextId: number, messageId: number, sendLength: number): Buffer {
  const command = encodeCommandSet([
    [ELEMENT.affectedSopClassUid, VERIFICATION],
    [ELEMENT.commandField, COMMAND.echoRq],
    [ELEMENT.messageId, messageId],
    [ELEMENT.dataSetType, NO_DATA_SET],
  ])
  return encodeCommandPdus(contextId, command, sendLength)
}

/** The PDUs of a C-STORE-RQ's command set (PS3.7 9.3.1.1); its data set follows. */
export function storeRequest(request: StoreRequestToSend, messageId: number, sendLength: number): Buffer {
  const command = encodeCommandSet([
    [ELEMENT.affectedSopClassUid, request.context.abstractSyntax],
    [ELEMENT.commandField, COMMAND.storeRq],
    [ELEMENT.messageId, messageId],
    [ELEMENT.priority, request.priority ?? 0],
    [ELEMENT.dataSetType, DATA_SET],
    [ELEMENT.affectedSopInstanceUid, request.sopInstanceUid],
  ])
  return encodeCommandPdus(request.context.id, command, sendLength)
}
