import type { Instant } from '../../base/clock.ts'
import type { Ledger } from '../ledger.ts'
import type { LedgerViews } from '../views.ts'
import type { Answer, AuditCursor, AuditSlice, ReaderVerb, ReaderVerbs } from './protocol.ts'
import { openLine, type WorkerLine } from './worker-line.ts'

/** A line to the thread that reads. */
export type Read = <Name extends ReaderVerb>(
  name: Name,
  ...args: Parameters<ReaderVerbs[Name]>
) => Promise<ReturnType<ReaderVerbs[Name]>>

/**
 * The reading half alone, over a thread of its own: beside a Kurir that serves, or when none does. Never waits for the
 * writer. The file must be there.
 */
export function openSqliteViews(
  file: string,
  now: () => Instant,
): Pick<Ledger, 'views' | 'lastRuleset' | 'answers'> & AsyncDisposable {
  const reader: WorkerLine = openLine<Answer>({
    script: new URL('./reader-worker.ts', import.meta.url),
    start: { file },
    stamp: (verb, args, id) => ({ id, verb, args, at: now() }),
    receive: (answer) => reader.answered(answer),
  })
  const read = readThrough(reader)
  return {
    views: viewsOver(read, now),
    lastRuleset: () => read('lastRuleset'),
    answers: (asked) => read('answers', asked, now()),
    [Symbol.asyncDispose]: reader.close,
  }
}

/** What comes back over a line is what the verb of that name answered. */
export function readThrough(reader: WorkerLine): Read {
  return (name, ...args) => reader.call(name, args) as Promise<ReturnType<ReaderVerbs[typeof name]>>
}

/** The views, name by name. */
export function viewsOver(read: Read, now: () => Instant): LedgerViews {
  return {
    study: (uid) => read('study', uid),
    studies: (selection, page) => read('studies', selection, page),
    instance: (id) => read('instance', id),
    instances: (selection, page) => read('instances', selection, page),
    header: (id) => read('header', id),
    obligations: (instance) => read('obligations', instance),
    obligation: (id) => read('obligation', id),
    delivery: (id) => read('delivery', id),
    deliveries: (selection, page) => read('deliveries', selection, page),
    deliveryCount: (selection, cap) => read('deliveryCount', selection, cap),
    attempts: (delivery, page) => read('attempts', delivery, page),
    attempt: (id) => read('attempt', id),
    auditEvents: (selection, page) => read('auditEvents', selection, page),
    auditEvent: (node, sequence) => read('auditEvent', node, sequence),
    amendments: (instance) => read('amendments', instance),
    held: (page) => read('held', page),
    errand: (id) => read('errand', id),
    errands: (selection, page) => read('errands', selection, page),
    errandAttempts: (errand, page) => read('errandAttempts', errand, page),
    pastDecisions: (span, limit, after) => read('pastDecisions', span, limit, after),
    ruleset: (digest) => read('ruleset', digest),
    rulesets: (page) => read('rulesets', page),
    rulesetFiles: (digest) => read('rulesetFiles', digest),
    spooledStudies: (selection, limit, after) => read('spooledStudies', selection, limit, after),
    spooledInstances: (selection, limit, after) => read('spooledInstances', selection, limit, after),
    spooledSeries: (study) => read('spooledSeries', study),
    spooledCounts: (selection) => read('spooledCounts', selection),
    queueDepth: (destination) => read('queueDepth', destination, now()),
    conditions: () => read('conditions', now()),
    obligationCounts: () => read('obligationCounts'),
    undecidedBlobs: () => read('undecidedBlobs'),
    decidedBlobs: (keys) => read('decidedBlobs', keys),
    unverified: (limit, after) => read('unverified', limit, after),
  }
}

/** Walks the whole chain of audit events, a slice at a time. */
export async function verifyAudit(slice: (from: AuditCursor | undefined) => Promise<AuditSlice>) {
  let part = await slice(undefined)
  while (part.next !== undefined) part = await slice(part.next)
  return { events: part.events, firstBroken: part.firstBroken }
}
