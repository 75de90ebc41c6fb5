import { systemClock } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import { type AeTitle, parseAeTitle } from '../../src/dicom/ae-title.ts'
import { parseUid, type Uid } from '../../src/dicom/uid.ts'
import type { ConnectOutcome, ProposedContext, RequestedAssociation } from '../../src/dimse/association.ts'
import { type AssociationRequest, requestAssociation } from '../../src/dimse/requestor.ts'
import { CT, EXPLICIT, IMPLICIT, VERIFICATION } from './dimse-bytes.ts'

export function ae(text: string): AeTitle {
  const title = parseAeTitle(text)
  if (title === undefined) throw new Error('not an AE title')
  return title
}

export function uid<T extends Uid>(text: string): T {
  const parsed = parseUid<T>(text)
  if (parsed === undefined) throw new Error('not a UID')
  return parsed
}

export const propose = (abstractSyntax: string, ...transferSyntaxes: readonly string[]): ProposedContext => ({
  abstractSyntax: uid(abstractSyntax),
  transferSyntaxes: transferSyntaxes.map((each) => uid(each)),
})

/** Asks for an association on loopback: verification (1) and CT storage (3) unless told otherwise. */
export const request = (port: number, more: Partial<AssociationRequest> = {}): Promise<ConnectOutcome> =>
  requestAssociation({
    host: '127.0.0.1',
    port,
    callingAe: ae('KURIR'),
    calledAe: ae('PEER'),
    contexts: [propose(VERIFICATION, IMPLICIT), propose(CT, EXPLICIT)],
    clock: systemClock,
    newId: idsFrom(systemClock),
    ...more,
  })

/** As `request`. Throws when it is not established. */
export async function established(port: number, more: Partial<AssociationRequest> = {}): Promise<RequestedAssociation> {
  const outcome = await request(port, more)
  if (outcome.kind !== 'established') throw new Error(`not established: ${JSON.stringify(outcome)}`)
  return outcome.association
}

/** A data set in slices. */
export async function* slices(bytes: Uint8Array, length = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}
