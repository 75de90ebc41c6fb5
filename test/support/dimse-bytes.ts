// The bytes of a well-behaved requestor, for tests that then misbehave in one thing.
import { encodeCommandSet } from '../../src/dimse/command-set.ts'
import { associateBody, context, dataPdu, pdu, pdv, RawPeer, userInformation } from './raw-peer.ts'

export const CT = '1.2.840.10008.5.1.4.1.1.2'
export const VERIFICATION = '1.2.840.10008.1.1'
export const IMPLICIT = '1.2.840.10008.1.2'
export const EXPLICIT = '1.2.840.10008.1.2.1'
export const BIG_ENDIAN = '1.2.840.10008.1.2.2'
export const JPEG_2000 = '1.2.840.10008.1.2.4.90'

/** An A-ASSOCIATE-RQ for verification (context 1) and CT storage (context 3). */
export const associateRq = (maxPduLength = 16_384): Buffer =>
  pdu(
    0x01,
    associateBody({
      items: [context(1, [VERIFICATION], [IMPLICIT]), context(3, [CT], [EXPLICIT]), userInformation(maxPduLength)],
    }),
  )

export const releaseRq = pdu(0x05, Buffer.alloc(4))
export const releaseRp = pdu(0x06, Buffer.alloc(4))
export const abort = pdu(0x07, Buffer.alloc(4))

/** The command set of a C-ECHO-RQ. */
export const echoCommand = (messageId = 1): Buffer =>
  encodeCommandSet([
    [0x0002, VERIFICATION],
    [0x0100, 0x0030],
    [0x0110, messageId],
    [0x0800, 0x0101],
  ])

/** The command set of a C-STORE-RQ. */
export const storeCommand = (messageId = 1, sopInstanceUid = '1.2.3.4'): Buffer =>
  encodeCommandSet([
    [0x0002, CT],
    [0x0100, 0x0001],
    [0x0110, messageId],
    [0x0700, 0],
    [0x0800, 0x0001],
    [0x1000, sopInstanceUid],
  ])

export const echoPdu = (messageId = 1): Buffer => dataPdu(pdv(1, 3, echoCommand(messageId)))
export const storePdu = (messageId = 1): Buffer => dataPdu(pdv(3, 3, storeCommand(messageId)))

/** The US value of one element of the command set in a P-DATA-TF body of one PDV, undefined when it is not there. */
export function usOf(body: Buffer, element: number): number | undefined {
  for (let at = 6; at + 8 <= body.length; at += 8 + body.readUInt32LE(at + 4)) {
    if (body.readUInt16LE(at + 2) === element) return body.readUInt16LE(at + 8)
  }
  return undefined
}

/** Hears a P-DATA-TF and gives the status in it. Throws when something else comes. */
export async function hearStatus(peer: RawPeer): Promise<number | undefined> {
  const heard = await peer.hear()
  if (heard.kind !== 'pdu' || heard.type !== 4) {
    throw new Error(`expected P-DATA-TF, heard ${heard.kind === 'pdu' ? heard.type : heard.kind}`)
  }
  return usOf(heard.body, 0x0900)
}

/** Connects and associates. */
export async function associated(port: number, maxPduLength?: number): Promise<RawPeer> {
  const peer = await RawPeer.connect(port)
  await peer.send(associateRq(maxPduLength))
  const heard = await peer.hear()
  if (heard.kind !== 'pdu' || heard.type !== 2) throw new Error('association was not accepted')
  return peer
}

/** A whole C-ECHO on an association of its own. */
export async function echoes(port: number): Promise<boolean> {
  using peer = await associated(port)
  await peer.send(echoPdu())
  const status = await hearStatus(peer)
  await peer.send(releaseRq)
  return status === 0 && (await peer.hearLine()) === '06'
}
