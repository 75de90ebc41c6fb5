import type { AttemptId, DeliveryId, ErrandId, InstanceId, ObligationId } from '../ledger/ids.ts'

/** As what the ledger or the rules know each kind of node. */
interface Keys {
  /** `node/sequence`. */
  readonly AuditEvent: string
  readonly Delivery: DeliveryId
  readonly DeliveryAttempt: AttemptId
  /** Its name. */
  readonly Destination: string
  readonly Errand: ErrandId
  readonly Instance: InstanceId
  readonly Obligation: ObligationId
  /** Its digest. */
  readonly Ruleset: string
  /** Its Study Instance UID. */
  readonly Study: string
}
export type NodeType = keyof Keys

export type NodeRef = { readonly [Type in NodeType]: { readonly type: Type; readonly key: Keys[Type] } }[NodeType]

const NODE_TYPES: ReadonlySet<string> = new Set<NodeType>([
  'AuditEvent',
  'Delivery',
  'DeliveryAttempt',
  'Destination',
  'Errand',
  'Instance',
  'Obligation',
  'Ruleset',
  'Study',
])

/** `base64("Delivery:4711")`: opaque to callers, and the same for ever. */
export const globalId = <Type extends NodeType>(type: Type, key: Keys[Type]): string =>
  Buffer.from(`${type}:${key}`).toString('base64')

/** Undefined when the text is not an id as we make them. Whether there is such a thing is another question. */
export function readGlobalId(id: string): NodeRef | undefined {
  const text = Buffer.from(id, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const type = text.slice(0, Math.max(0, colon))
  if (!NODE_TYPES.has(type) || Buffer.from(text).toString('base64') !== id) return undefined
  return { type, key: text.slice(colon + 1) } as NodeRef
}

/** The key, when the id is one of that type. */
export function keyOf<Type extends NodeType>(type: Type, id: string): Keys[Type] | undefined {
  const ref = readGlobalId(id)
  return ref?.type === type ? (ref.key as Keys[Type]) : undefined
}
