import type { Connection } from './connection.ts'

export const AUDIT_UNLISTED = `SELECT count(*) FROM audit_event WHERE listed = 0`
export const AUDIT_LIST = `UPDATE audit_event SET listed = 1
  WHERE seq IN (SELECT seq FROM audit_event WHERE listed = 0 ORDER BY at LIMIT ?)`

/** How many events wait for their indexes before they are brought into them, and how many at a stretch. */
const TOGETHER = 512
const AT_ONCE = 2_048

/**
 * Brings audit events into the indexes by which they are looked for, many at a time: one by one, each would write a page
 * of every index before the sender that waits for its flush is answered.
 */
export function auditListing(db: Connection) {
  const list = db.prepare<[number]>(AUDIT_LIST)
  let waiting = db.prepare<[], number>(AUDIT_UNLISTED).pluck().get() ?? 0
  return {
    appended() {
      waiting += 1
    },
    get isDue(): boolean {
      return waiting >= TOGETHER
    },
    /** Within a transaction of its own, between those of the verbs. */
    list() {
      const { changes } = list.run(AT_ONCE)
      // Events of transactions that were rolled back were counted too.
      waiting = changes < AT_ONCE ? 0 : waiting - changes
    },
  }
}

export type AuditListing = ReturnType<typeof auditListing>
