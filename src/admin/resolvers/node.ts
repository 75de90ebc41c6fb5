import type { AuditRow } from '../../ledger/views.ts'
import type { AdminContext } from '../context.ts'
import type { ResolversInterfaceTypes, ResolversTypes } from '../generated.ts'
import { type NodeRef, readGlobalId } from '../global-id.ts'
import { findDestination } from './destination.ts'

type AnyNode = ResolversInterfaceTypes<ResolversTypes>['Node']
type NodeType = AnyNode['__typename']

/** Anything by its global id; null when the id is none of ours, or nothing has it (any more). */
export async function findNode(id: string, context: AdminContext): Promise<AnyNode | null> {
  const ref = readGlobalId(id)
  return ref === undefined ? null : await find(ref, context)
}

async function find(ref: NodeRef, context: AdminContext): Promise<AnyNode | null> {
  const { views } = context.ledger
  switch (ref.type) {
    case 'AuditEvent':
      return named('AuditEvent', await findAuditEvent(ref.key, context))
    case 'Delivery':
      return named('Delivery', await views.delivery(ref.key))
    case 'DeliveryAttempt':
      return named('DeliveryAttempt', await views.attempt(ref.key))
    case 'Destination':
      return named('Destination', await findDestination(ref.key, context))
    case 'Errand':
      return named('Errand', await views.errand(ref.key))
    case 'Instance':
      return named('Instance', await views.instance(ref.key))
    case 'Obligation':
      return named('Obligation', await views.obligation(ref.key))
    case 'Ruleset':
      return named('Ruleset', await views.ruleset(ref.key))
    case 'Study':
      return named('Study', await views.study(ref.key))
    default:
      throw new TypeError(`no such node: ${ref satisfies never}`)
  }
}

/** @param key `node/sequence` */
async function findAuditEvent(key: string, context: AdminContext): Promise<AuditRow | undefined> {
  const slash = key.lastIndexOf('/')
  const sequence = Number(key.slice(slash + 1))
  if (slash < 1 || !Number.isSafeInteger(sequence)) return undefined
  return await context.ledger.views.auditEvent(key.slice(0, slash), sequence)
}

function named<Type extends NodeType, Row extends object>(type: Type, row: Row | undefined) {
  return row === undefined ? null : { ...row, __typename: type }
}
