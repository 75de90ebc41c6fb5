import { CHAIN_START, type ChainHead, chainHash } from '../../audit/chain.ts'
import type { AuditEventName, AuditSubjectKind } from '../../audit/events.ts'
import type { Instant } from '../../base/clock.ts'
import { type AuditListing, auditListing } from './audit-listing.ts'
import type { Connection } from './connection.ts'

export const AUDIT_INSERT = `INSERT INTO audit_event
  (node, sequence, segment, at, event, actor, outcome, subject_kind, subject_id, detail, hash)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

export const AUDIT_HEAD = `SELECT sequence, hash FROM audit_event WHERE node = ? ORDER BY sequence DESC LIMIT 1`

/** How many events a segment holds; sealing and exporting work on whole ones. */
const SEGMENT = 100_000

/** A verb's own word on what it did. */
export interface Note {
  /** A known event, or a process event's own name. */
  readonly event: AuditEventName | (string & {})
  readonly actor: string
  readonly outcome: string
  readonly subject?: readonly [kind: AuditSubjectKind, id: string]
  readonly detail?: string | null
}

/** The tail of this node's chain of audit events. Appending happens inside the verb's transaction. */
export interface AuditLog {
  append(at: Instant, note: Note): void
  /** Where the chain stands, to go back to when the transaction is. */
  head(): ChainHead
  rewind(head: ChainHead): void
  readonly listing: AuditListing
}

/** Reads where the chain of this node ends, and goes on from there. */
export function openAuditLog(db: Connection, node: string): AuditLog {
  const insert = db.prepare(AUDIT_INSERT)
  const last = db.prepare<[string], ChainHead>(AUDIT_HEAD).get(node)
  const listing = auditListing(db)
  let head: ChainHead = last ?? { sequence: 0, hash: CHAIN_START }
  return {
    append(at, { event, actor, outcome, subject, detail }) {
      const [subjectKind, subjectId] = subject ?? [null, null]
      const sequence = head.sequence + 1
      const chained = { at, event, actor, outcome, subjectKind, subjectId, detail: detail ?? null }
      const hash = chainHash(head.hash, node, sequence, chained)
      const segment = Math.floor(sequence / SEGMENT)
      insert.run(node, sequence, segment, at, event, actor, outcome, subjectKind, subjectId, chained.detail, hash)
      head = { sequence, hash }
      listing.appended()
    },
    listing,
    head: () => head,
    rewind(to) {
      head = to
    },
  }
}
