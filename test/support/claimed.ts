import { instant } from '../../src/base/clock.ts'
import { EDIT_VERSION } from '../../src/dicom/resolved-edit.ts'
import type { ClaimToken, DeliveryId, InstanceId } from '../../src/ledger/ids.ts'
import type { ClaimedDelivery } from '../../src/ledger/ledger.ts'
import { ctInstance } from './data-set.ts'
import { sha256 } from './data-set-bytes.ts'

const ct = ctInstance({ sizeBytes: 4_096 })

/** The bytes of every delivery that says nothing else. */
export const claimedBytes: Buffer = ct.dataSet

/** A claimed delivery of a small CT, to a sender's test. */
export function claimed(more: Partial<Omit<ClaimedDelivery, 'id'>> & { readonly id?: string } = {}): ClaimedDelivery {
  const { id = 'delivery', ...rest } = more
  return {
    id: id as DeliveryId,
    token: `token of ${id}` as ClaimToken,
    instance: `instance of ${id}` as InstanceId,
    destination: 'archive',
    attempts: 0,
    blob: { store: 'disk', node: 'test', key: id, length: ct.dataSet.length, sha256: sha256(ct.dataSet) },
    sopClassUid: ct.sopClassUid,
    outgoingUid: ct.sopInstanceUid,
    transferSyntaxUid: ct.transferSyntaxUid,
    callingAe: 'CT_ONE',
    edits: [],
    editVersion: EDIT_VERSION,
    urgent: false,
    sentSha256: null,
    ambiguousBefore: false,
    plannedAt: instant(0),
    ...rest,
  }
}
