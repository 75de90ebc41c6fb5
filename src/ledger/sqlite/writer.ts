import { type Instant, instant } from '../../base/clock.ts'
import { KurirError } from '../../base/failure.ts'
import { idsFrom } from '../../base/id.ts'
import { admitVerbs } from './admit-verbs.ts'
import { amendVerbs } from './amend-verbs.ts'
import { openAuditLog } from './audit-log.ts'
import { callRescue } from './call-rescue.ts'
import { claimVerbs } from './claim-verbs.ts'
import type { Connection } from './connection.ts'
import { destinationVerbs } from './destination-verbs.ts'
import { errandVerbs } from './errand-verbs.ts'
import { goneVerbs } from './gone-verbs.ts'
import { holdVerbs } from './hold-verbs.ts'
import { keepVerbs } from './keep-verbs.ts'
import { operatorVerbs } from './operator-verbs.ts'
import { planVerbs } from './plan-verbs.ts'
import { type Answer, type BatchAnswer, type Call, FULL_VERBS, type WriterVerb, type WriterVerbs } from './protocol.ts'
import { questionVerbs } from './question-verbs.ts'
import { roundVerbs } from './round-verbs.ts'
import { rulesetVerbs } from './ruleset-verbs.ts'
import { settleVerbs } from './settle-verbs.ts'
import { failureFrom, isDiskFailure } from './sqlite-failure.ts'
import { openTimeMark } from './time-mark.ts'
import type { WriteContext } from './write-context.ts'

export interface WriterOptions {
  readonly node: string
  /** How long identical bytes from the same calling AE make no second delivery, in milliseconds. */
  readonly duplicateWindowMs: number
}

/** The writing half, synchronous: what the worker thread runs, and what tests run without one. */
export interface Writer {
  /**
   * One transaction: a savepoint a verb, all committed together or, when SQLite refuses the batch, all failed.
   *
   * @param more brings what else is part of it, and may wait for that. It is flushed if `calls` are; where they are not, it
   *   must not ask for that.
   */
  run(calls: readonly Call[], more?: Iterable<readonly Call[]>): BatchAnswer
  /** What is written many at a time, in a transaction of its own that is not flushed; nothing when there is little of it. */
  tend(): void
  /** Copies committed pages back into the database as far as readers allow; flushes twice. */
  checkpoint(mode: 'PASSIVE' | 'TRUNCATE'): void
  /** Size of the log that a checkpoint would still have to copy. */
  walBytes(): number
  close(): void
}

/** Writes through an open, migrated connection. */
export function openWriter(db: Connection, options: WriterOptions): Writer {
  let at: Instant = instant(0)
  let topics = new Set<string>()
  const audit = openAuditLog(db, options.node)
  const makeId = idsFrom({ now: () => at })
  const context: WriteContext = {
    db,
    node: options.node,
    newId: <Id extends string>() => makeId() as Id,
    audit,
    at: () => at,
    wake: (topic) => topics.add(topic),
  }
  const verbs = allVerbs(context, options)
  const timeMark = openTimeMark(db)
  const transaction = openTransaction(db)

  function runOne(call: Call): Answer {
    const head = audit.head()
    const woken = new Set(topics)
    transaction.save()
    try {
      at = call.at
      const value = perform(verbs, call)
      transaction.release()
      return { id: call.id, ok: true, value }
    } catch (error) {
      if (!db.inTransaction) throw error
      transaction.undo()
      audit.rewind(head)
      topics = woken
      return failed(call.id, error)
    }
  }

  function run(calls: readonly Call[], more: Iterable<readonly Call[]> = []): BatchAnswer {
    const full = anyFull(calls)
    const head = audit.head()
    const all = [...calls]
    topics = new Set()
    try {
      transaction.begin(full)
      const answers = calls.map(runOne)
      for (const some of more) {
        all.push(...some)
        if (!full && anyFull(some)) throw new Error('a verb that is flushed came into a transaction that is not')
        answers.push(...some.map(runOne))
      }
      timeMark.advance(at)
      transaction.commit()
      return { answers, wakes: [...topics], commit: full ? 'full' : 'quiet' }
    } catch (error) {
      transaction.abandon(error)
      audit.rewind(head)
      return { answers: all.map((call) => failed(call.id, error)), wakes: [], commit: 'none' }
    }
  }

  function tend(): void {
    if (!audit.listing.isDue) return
    try {
      transaction.begin(false)
      audit.listing.list()
      transaction.commit()
    } catch (error) {
      // Nobody asked for it, and nothing is lost without it: the next time is soon enough.
      transaction.abandon(error)
    }
  }

  return {
    run,
    tend,
    checkpoint: (mode) => transaction.copyBack(mode),
    walBytes: () => walBytes(db),
    close: () => db.close(),
  }
}

function allVerbs(context: WriteContext, options: WriterOptions): WriterVerbs {
  return {
    ...admitVerbs(context),
    ...planVerbs(context, options.duplicateWindowMs),
    ...claimVerbs(context),
    ...settleVerbs(context),
    ...destinationVerbs(context),
    ...operatorVerbs(context),
    ...amendVerbs(context),
    ...holdVerbs(context),
    ...questionVerbs(context),
    ...callRescue(context),
    ...roundVerbs(context),
    ...errandVerbs(context),
    ...keepVerbs(context),
    ...rulesetVerbs(context),
    ...goneVerbs(context),
  }
}

/** Whether the verb may be answered only once its commit is flushed. */
export function isFull(verb: string): boolean {
  return (FULL_VERBS as ReadonlySet<string>).has(verb)
}

const anyFull = (calls: readonly Call[]): boolean => calls.some(({ verb }) => isFull(verb))

function perform(verbs: WriterVerbs, call: Call): unknown {
  // The wire carries names and plain values; the proxy that put them there is typed against the same interface.
  const verb = verbs[call.verb as WriterVerb] as (...args: readonly unknown[]) => unknown
  return verb(...call.args)
}

function failed(id: number, error: unknown): Answer {
  return { id, ok: false, failure: failureFrom(error) }
}

function openTransaction(db: Connection) {
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const save = db.prepare('SAVEPOINT verb')
  const release = db.prepare('RELEASE verb')
  const rollbackTo = db.prepare('ROLLBACK TO verb')
  let flushing = true
  let doubtful = false

  /**
   * After a failed flush the system may have dropped pages it reports clean: copy everything over before going on. That of a
   * checkpoint flushes what was committed without a flush, and what is promised next stands behind it in the log.
   */
  function clearDoubt(): void {
    if (!doubtful) return
    const [row] = db.prepare<[], { busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)').all()
    if (row?.busy !== 0) throw new KurirError('disk-io', 'transient', 'the disk failed under the ledger')
    doubtful = false
  }

  return {
    begin(full: boolean) {
      clearDoubt()
      if (full !== flushing) db.exec(`PRAGMA synchronous = ${full ? 'FULL' : 'NORMAL'}`)
      flushing = full
      begin.run()
    },
    commit: () => commit.run(),
    save: () => save.run(),
    release: () => release.run(),
    undo() {
      rollbackTo.run()
      release.run()
    },
    copyBack(mode: 'PASSIVE' | 'TRUNCATE') {
      try {
        db.pragma(`wal_checkpoint(${mode})`)
      } catch (error) {
        doubtful ||= isDiskFailure(error)
        throw error
      }
    },
    abandon(error: unknown) {
      doubtful ||= isDiskFailure(error)
      if (db.inTransaction) db.exec('ROLLBACK')
    },
  }
}

function walBytes(db: Connection): number {
  const [row] = db.prepare<[], { log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)').all()
  return Math.max(0, row?.log ?? 0) * PAGE_BYTES
}

const PAGE_BYTES = 4096
