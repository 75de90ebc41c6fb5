import type { Connection } from './connection.ts'
import type { Answer, Call, ReaderVerb, ReaderVerbs } from './protocol.ts'
import { readAmendments } from './read-amendments.ts'
import { readDeliveries } from './read-deliveries.ts'
import { readErrands } from './read-errands.ts'
import { readInstances } from './read-instances.ts'
import { readAudit, readKeep } from './read-keep.ts'
import { readPast } from './read-past.ts'
import { readQuestions } from './read-questions.ts'
import { readRounds } from './read-rounds.ts'
import { readRulesets } from './read-rulesets.ts'
import { readSpooled } from './read-spooled.ts'
import { readWork } from './read-work.ts'
import { failureFrom } from './sqlite-failure.ts'

/** The reading half, synchronous: what the second worker runs, and what tests run without one. */
export interface Reader {
  readonly verbs: ReaderVerbs
  run(call: Call): Answer
  close(): void
}

/** Reads through a connection to a migrated database. Each verb sees one committed state. */
export function openReader(db: Connection): Reader {
  const verbs: ReaderVerbs = {
    ...readInstances(db),
    ...readDeliveries(db),
    ...readWork(db),
    ...readPast(db),
    ...readAmendments(db),
    ...readRounds(db),
    ...readErrands(db),
    ...readQuestions(db),
    ...readKeep(db),
    ...readRulesets(db),
    ...readSpooled(db),
    ...readAudit(db),
  }
  // A page may take several statements; they must not see different commits.
  const snapshot = db.transaction((act: () => unknown) => act())
  return {
    verbs,
    run(call) {
      try {
        const verb = verbs[call.verb as ReaderVerb] as (...args: readonly unknown[]) => unknown
        return { id: call.id, ok: true, value: snapshot(() => verb(...call.args)) }
      } catch (error) {
        return { id: call.id, ok: false, failure: failureFrom(error) }
      }
    },
    close: () => db.close(),
  }
}
