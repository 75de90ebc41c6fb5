import { hash } from 'node:crypto'
import type { AuditEvent } from './events.ts'

/** What the first event of a node chains to: 32 zero bytes. */
export const CHAIN_START: Uint8Array = new Uint8Array(32)

/** A place in a node's chain: the last event's number and its hash. Sequences start at 1. */
export interface ChainHead {
  readonly sequence: number
  readonly hash: Uint8Array
}

/** An event with its place in the chain, as it stands on record. */
export interface ChainedEvent extends AuditEvent {
  readonly node: string
  readonly sequence: number
  readonly hash: Uint8Array
}

/**
 * The one spelling of an event that is hashed: a JSON array in a fixed order, so that no key order, no locale and no
 * driver can change it.
 */
export function canonicalEvent(node: string, sequence: number, event: AuditEvent): string {
  const { at, event: name, actor, outcome, subjectKind, subjectId, detail } = event
  return JSON.stringify([node, sequence, at, name, actor, outcome, subjectKind, subjectId, detail])
}

/** SHA-256 of the hash before it and the canonical event, 32 bytes. */
export function chainHash(previous: Uint8Array, node: string, sequence: number, event: AuditEvent): Uint8Array {
  const text = canonicalEvent(node, sequence, event)
  return hash('sha256', Buffer.concat([previous, Buffer.from(text, 'utf8')]), 'buffer')
}

/** Whether this event is the one that follows `head` in the chain, unaltered. */
export function follows(head: ChainHead, event: ChainedEvent): boolean {
  if (event.sequence !== head.sequence + 1) return false
  return Buffer.compare(chainHash(head.hash, event.node, event.sequence, event), event.hash) === 0
}
