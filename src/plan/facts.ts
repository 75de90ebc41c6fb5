import { unpackHeader } from '../dicom/header-pack.ts'
import type { Unplanned } from '../ledger/ledger.ts'
import type { Answers, Facts } from '../rules/facts.ts'
import { viewOfHeader } from '../rules/header-view.ts'

/**
 * What the rules see of an instance: its header as received with the corrections on record, how it came, and the answers
 * that are there.
 *
 * @param defaultCharset reads text that is not ASCII and declares no character set; undefined: as ASCII
 * @throws KurirError `unreadable` when the stored header was not written by this version or an older one
 */
export function factsOf(
  instance: Pick<Unplanned, 'header' | 'reception' | 'identity'> & Partial<Pick<Unplanned, 'amendments'>>,
  defaultCharset: string | undefined,
  answers?: Answers,
): Facts {
  const stored = unpackHeader(instance.header)
  const header = defaultCharset === undefined ? stored : stored.withDefaultCharacterSet([defaultCharset])
  const { reception, identity } = instance
  return {
    callingAe: reception.callingAe ?? '',
    calledAe: reception.calledAe ?? '',
    peer: reception.peer ?? '',
    door: reception.door.toLowerCase(),
    sopClass: identity.sopClassUid,
    sopInstanceUid: identity.sopInstanceUid,
    transferSyntax: identity.transferSyntaxUid,
    header: viewOfHeader(header),
    isOfNoStudy: (identity.studyInstanceUid ?? '') === '',
    receivedAt: reception.at,
    ...(instance.amendments === undefined ? {} : { amendments: instance.amendments }),
    ...(answers === undefined ? {} : { answers }),
  }
}
