import type { AuditRow } from '../../ledger/views.ts'
import type { AdminContext } from '../context.ts'
import type { AuditEventResolvers, ResolversTypes, ResolversUnionTypes } from '../generated.ts'
import { globalId } from '../global-id.ts'
import { findNode } from './node.ts'

export const auditEvent: AuditEventResolvers = {
  id: (row) => globalId('AuditEvent', `${row.node}/${row.sequence}`),
  subject: (row, _args, context) => findSubject(row, context),
}

type Subject = ResolversUnionTypes<ResolversTypes>['AuditSubject']

async function findSubject(row: AuditRow, context: AdminContext): Promise<Subject | null> {
  if (row.subjectKind === null || row.subjectId === null) return null
  const node = await findNode(Buffer.from(`${row.subjectKind}:${row.subjectId}`).toString('base64'), context)
  switch (node?.__typename) {
    case 'Instance':
    case 'Study':
    case 'Delivery':
    case 'Destination':
    case 'Ruleset':
      return node
    default:
      return null
  }
}
