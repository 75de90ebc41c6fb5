import type { Instant } from '../../base/clock.ts'
import type { AuditLog } from './audit-log.ts'
import type { Connection } from './connection.ts'

/** What every verb of the writer works with. Inside a verb a transaction is open. */
export interface WriteContext {
  readonly db: Connection
  readonly node: string
  /** A new id of the kind asked for: here they are made, so here they get their brand. */
  newId<Id extends string>(): Id
  readonly audit: AuditLog
  /** The ledger's time when the verb in hand was called. */
  at(): Instant
  /** Has a topic woken once the transaction is committed. */
  wake(topic: string): void
}
