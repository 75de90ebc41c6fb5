import { encodePart10Head } from '../dicom/file-meta.ts'
import { parseUid, type SopClassUid, type SopInstanceUid, type TransferSyntaxUid } from '../dicom/uid.ts'
import type { ClaimedDelivery } from '../ledger/ledger.ts'

/** Preamble, prefix and file meta of what leaves, the same at every try; undefined for UIDs that are none. */
export function part10HeadOf(delivery: ClaimedDelivery): Buffer | undefined {
  const sopClassUid = parseUid<SopClassUid>(delivery.sopClassUid)
  const sopInstanceUid = parseUid<SopInstanceUid>(delivery.outgoingUid)
  const transferSyntaxUid = parseUid<TransferSyntaxUid>(delivery.transferSyntaxUid)
  if (sopClassUid === undefined || sopInstanceUid === undefined || transferSyntaxUid === undefined) return undefined
  return encodePart10Head({ sopClassUid, sopInstanceUid, transferSyntaxUid })
}
