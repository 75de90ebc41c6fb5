import { KurirError } from '../../base/failure.ts'
import { transferSyntaxOf } from '../../dicom/transfer-syntax.ts'
import type { InstanceId } from '../../ledger/ids.ts'
import type { InstanceRow } from '../../ledger/views.ts'
import type { AdminContext } from '../context.ts'
import type {
  AmendmentResolvers,
  InstanceResolvers,
  ObligationCountsResolvers,
  ObligationResolvers,
  SopClassResolvers,
  StudyResolvers,
  TransferSyntaxResolvers,
} from '../generated.ts'
import { globalId } from '../global-id.ts'
import { readPage } from '../paging.ts'
import { sopClassName } from '../sop-class-names.ts'
import { deliverySelection, instanceSelection } from './selection.ts'

export const study: StudyResolvers = {
  id: (row) => globalId('Study', row.studyInstanceUid),
  instances: ({ studyInstanceUid }, args, { ledger }) =>
    ledger.views.instances({ ...instanceSelection(args.filter), studyInstanceUid }, readPage(args)),
  deliveries: ({ studyInstanceUid }, args, { ledger }) =>
    ledger.views.deliveries({ ...deliverySelection(args.filter), studyInstanceUid }, readPage(args)),
}

export const instance: InstanceResolvers = {
  id: (row) => globalId('Instance', row.id),
  sopInstanceUid: (row) => row.identity.sopInstanceUid,
  sopClass: (row) => ({ uid: row.identity.sopClassUid }),
  transferSyntax: (row) => ({ uid: row.identity.transferSyntaxUid }),
  async study({ identity }, _args, { ledger }) {
    return identity.studyInstanceUid === null ? null : ((await ledger.views.study(identity.studyInstanceUid)) ?? null)
  },
  size: (row) => row.blob.length,
  received: (row) => row.reception,
  obligations: (row, _args, { ledger }) => ledger.views.obligations(row.id),
  amendments: (row, _args, { ledger }) => ledger.views.amendments(row.id),
  deliveries: (row, args, { ledger }) => ledger.views.deliveries({ instance: row.id }, readPage(args)),
}

export const sopClass: SopClassResolvers = { name: ({ uid }) => sopClassName(uid) }

export const transferSyntax: TransferSyntaxResolvers = {
  name: ({ uid }) => (transferSyntaxOf(uid).keyword === 'Unknown' ? uid : transferSyntaxOf(uid).name),
}

export const obligationCounts: ObligationCountsResolvers = {
  pending: (counts) => counts.PENDING,
  waiting: (counts) => counts.WAITING,
  held: (counts) => counts.HELD,
  rejected: (counts) => counts.REJECTED,
  failed: (counts) => counts.FAILED,
  delivered: (counts) => counts.DELIVERED,
  discarded: (counts) => counts.DISCARDED,
  cancelled: (counts) => counts.CANCELLED,
}

export const amendment: AmendmentResolvers = { why: ({ reason }) => reason }

export const obligation: ObligationResolvers = {
  id: (row) => globalId('Obligation', row.id),
  instance: (row, _args, context) => instanceOf(row.instance, context),
  async delivery(row, _args, { ledger }) {
    return row.delivery === null ? null : ((await ledger.views.delivery(row.delivery)) ?? null)
  },
}

/** The instance of something that cannot be without one. */
export async function instanceOf(id: InstanceId, { ledger }: AdminContext): Promise<InstanceRow> {
  const row = await ledger.views.instance(id)
  if (row === undefined) throw new KurirError('not-found', 'permanent', 'something stands without its instance')
  return row
}
