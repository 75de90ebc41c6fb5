import { hash } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, Instant } from '../../base/clock.ts'
import { type Milliseconds, ms } from '../../base/clock.ts'
import type { Secret } from '../../base/secret.ts'
import { Wakes } from '../../base/wake.ts'
import type { AmendmentVerbs } from '../amendments.ts'
import type { ErrandVerbs } from '../errands.ts'
import type { HoldVerbs } from '../holds.ts'
import type { Admission, Ledger, LedgerCounts } from '../ledger.ts'
import type { QuestionVerbs } from '../questions.ts'
import type { RoundVerbs } from '../rounds.ts'
import { SIGNALS } from './gather.ts'
import { ledgerTime } from './ledger-time.ts'
import { MIGRATIONS } from './migrate.ts'
import { type Read, readThrough, verifyAudit, viewsOver } from './open-views.ts'
import type { Answer, FromWriter, WriterVerb, WriterVerbs } from './protocol.ts'
import { failureOf, openLine, type WorkerLine } from './worker-line.ts'

export interface SqliteLedgerOptions {
  /** The database file; made when it does not exist, in a directory that does. */
  readonly file: string
  /** This node's name, on every row it works on and in its chain of audit events. */
  readonly node: string
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** How long identical bytes from one calling AE make no second delivery. Default 10 minutes. */
  readonly duplicateWindow?: Milliseconds
  /** How long admissions wait for each other when several are on their way. Default 5 ms. */
  readonly gatherWindow?: Milliseconds
  /** From which size the write-ahead log is copied back without being asked. Default a 64th of the volume, 4 to 16 MB. */
  readonly walLimitBytes?: number
  /** Another folder of migrations, for tests. */
  readonly migrations?: string
  /** Told when a thread has died, each at most once: verbs are refused from then on, and only another process can go on. */
  readonly onDeath?: () => void
}

const MEGABYTE = 1024 * 1024

/**
 * Opens the ledger on SQLite: a thread that writes, one that reads, and this proxy before them. The caller holds the
 * directory lock (`directory-lock.ts`).
 *
 * @throws KurirError `sqlite-too-old`, `ledger-newer`, `disk-io`, `disk-full`
 */
export async function openSqliteLedger(options: SqliteLedgerOptions): Promise<Ledger> {
  const wakes = new Wakes()
  const now = ledgerTime(options.clock)
  const signals = new Int32Array(new SharedArrayBuffer(SIGNALS.length * Int32Array.BYTES_PER_ELEMENT))
  const counts = { fullCommits: 0, quietCommits: 0, checkpoints: 0, walBytes: 0 }
  const opening = Promise.withResolvers<void>()
  const start = writerStart(options, signals)
  let folding = false

  /** Most of the log on a thread of its own; what has come meanwhile is little, and the writer's, which may then begin anew. */
  function fold(): void {
    if (folding) return
    folding = true
    checkpointer
      .call('fold', [])
      .then(() => writer.call('checkpoint', []))
      // The log keeps everything until one succeeds; the writer makes its own when it grows too long.
      .catch(() => {})
      .finally(() => {
        folding = false
      })
  }

  const writer: WorkerLine = openLine<FromWriter>({
    script: new URL('./writer-worker.ts', import.meta.url),
    start,
    stamp: (verb, args, id) => ({ id, verb, args, at: now() }),
    receive: (message) => {
      if (message.kind === 'opened') opening.resolve()
      else if (message.kind === 'failed') opening.reject(failureOf(message.failure))
      else {
        if (message.commit === 'full') counts.fullCommits += 1
        if (message.commit === 'quiet') counts.quietCommits += 1
        counts.checkpoints = message.checkpoints
        counts.walBytes = message.walBytes
        if (message.walBytes >= start.walLimitBytes) fold()
        for (const topic of message.wakes) wakes.wake(topic)
        for (const answer of message.answers) writer.answered(answer)
      }
    },
    posted: () => ring(signals),
  })
  const reader: WorkerLine = openLine<Answer>({
    script: new URL('./reader-worker.ts', import.meta.url),
    start: { file: options.file },
    stamp: (verb, args, id) => ({ id, verb, args, at: now() }),
    receive: (answer) => reader.answered(answer),
  })
  const checkpointer: WorkerLine = openLine<Answer>({
    script: new URL('./checkpoint-worker.ts', import.meta.url),
    start: { file: options.file },
    stamp: (verb, args, id) => ({ id, verb, args, at: now() }),
    receive: (answer) => checkpointer.answered(answer),
  })
  writer.worker.once('error', (error) => opening.reject(error))
  for (const { worker } of [writer, reader, checkpointer]) worker.once('error', () => options.onDeath?.())
  try {
    await opening.promise
    syncDirectory(dirname(options.file))
  } catch (error) {
    await Promise.all([reader.close(), checkpointer.close(), writer.close()])
    throw error
  }
  return proxy({ writer, reader, checkpointer, wakes, now, signals, counts })
}

function writerStart(options: SqliteLedgerOptions, signals: Int32Array) {
  const { file, node, clock, duplicateWindow, gatherWindow, walLimitBytes, migrations } = options
  return {
    file,
    node,
    signals: signals.buffer,
    at: clock.now(),
    migrations: migrations ?? MIGRATIONS,
    duplicateWindowMs: duplicateWindow ?? ms(600_000),
    gatherWindowMs: gatherWindow ?? ms(10),
    walLimitBytes: walLimitBytes ?? walLimitOn(dirname(file)),
  }
}

/**
 * A longer log is copied back more rarely, but senders wait longer when it is; a small volume has no room for
 * one.
 */
function walLimitOn(directory: string): number {
  // That a directory is missing is for SQLite to say, which opens it next.
  if (!existsSync(directory)) return 4 * MEGABYTE
  const { blocks, bsize } = statfsSync(directory)
  return Math.min(16 * MEGABYTE, Math.max(4 * MEGABYTE, Math.floor((blocks * bsize) / 64)))
}

function ring(signals: Int32Array): void {
  Atomics.add(signals, SIGNALS.posted, 1)
  Atomics.notify(signals, SIGNALS.posted)
}

/** A new database survives a power cut only with its directory entry. */
function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

interface ProxyParts {
  readonly writer: WorkerLine
  readonly reader: WorkerLine
  readonly checkpointer: WorkerLine
  readonly wakes: Wakes
  readonly now: () => Instant
  readonly signals: Int32Array
  readonly counts: LedgerCounts
}

/** The port, verb by verb: straight lines to one thread or the other. */
function proxy({ writer, reader, checkpointer, wakes, now, signals, counts }: ProxyParts): Ledger {
  // What comes back over a line is what the verb of that name answered: the one place where that is said.
  const write: Write = (name, ...args) => writer.call(name, args) as Promise<ReturnType<WriterVerbs[typeof name]>>
  const read = readThrough(reader)

  return {
    now,
    wakes,
    views: viewsOver(read, now),
    counts: () => ({ ...counts }),
    expectAdmissions(count) {
      const before = Atomics.exchange(signals, SIGNALS.expected, count)
      // The writer may be waiting for one that will not come.
      if (count < before) ring(signals)
    },
    admit: (admissions) => {
      const packed = admissions.map(detached)
      const headers = packed.flatMap(({ header }) => (header === null ? [] : [header.buffer]))
      return writer.call('admit', [packed], headers) as ReturnType<Ledger['admit']>
    },
    withdraw: (instance, reason) => write('withdraw', instance, reason),
    markVerified: (upTo) => write('markVerified', upTo),
    unplanned: (limit, after) => read('unplanned', limit, after),
    plan: (entries) => write('plan', entries),
    claim: (destination, limit, claimant, lease, only) => write('claim', destination, limit, claimant, lease, only),
    renew: (tokens, lease) => write('renew', tokens, lease),
    settle: (settlements) => write('settle', settlements),
    giveBack: (deliveries) => write('giveBack', deliveries),
    rescue: (liveClaimant) => write('rescue', liveClaimant),
    nextDueAt: (destination) => read('nextDueAt', destination, now()),
    destinationDown: (name, failures, probeAt, reason) => write('destinationDown', name, failures, probeAt, reason),
    destinationUp: (name) => write('destinationUp', name),
    destinationNotes: (name, notes) => write('destinationNotes', name, notes),
    deliveryRetry: (delivery, by) => write('deliveryRetry', delivery, by),
    deliveriesRetry: (selection, limit, by) => write('deliveriesRetry', selection, limit, by),
    deliveryCancel: (delivery, reason, by) => write('deliveryCancel', delivery, reason, by),
    destinationPause: (name, reason, until, by) => write('destinationPause', name, reason, until, by),
    destinationResume: (name, by) => write('destinationResume', name, by),
    instanceReplan: (instance, by) => write('instanceReplan', instance, by),
    deliveriesHoldGone: (destination, limit) => write('deliveriesHoldGone', destination, limit),
    deliveriesReleaseGone: (destination, limit) => write('deliveriesReleaseGone', destination, limit),
    ...momentVerbs(write, read, now),
    rulesetInForce: (ruleset) => write('rulesetInForce', ruleset),
    lastRuleset: () => read('lastRuleset'),
    tokenCreate: (token, grant, by) => write('tokenCreate', digestOf(token), grant, by),
    tokenRevoke: (name, by) => write('tokenRevoke', name, by),
    tokenGrant: (token) => read('tokenGrant', digestOf(token)),
    tokens: () => read('tokens'),
    callerRefused: (callingAe, calledAe, peer, reason) => write('callerRefused', callingAe, calledAe, peer, reason),
    refusedCallers: (limit) => read('refusedCallers', limit),
    processEvent: (event) => write('processEvent', event),
    phiRead: (by, what, count) => write('phiRead', by, what, count),
    auditVerify: () => verifyAudit((from) => read('auditSlice', from)),
    checkpoint: () => writer.call('checkpoint', []) as ReturnType<Ledger['checkpoint']>,
    async [Symbol.asyncDispose]() {
      // The others first: they must not hold a snapshot while the writer folds the log back.
      await Promise.all([reader.close(), checkpointer.close()])
      await writer.close()
    },
  }
}

/** An admission whose header may leave this thread: a slice of a larger buffer would drag all of it along. */
function detached(admission: Admission): Admission & { readonly header: Uint8Array<ArrayBuffer> | null } {
  return { ...admission, header: admission.header === null ? null : new Uint8Array(admission.header) }
}

const digestOf = (token: Secret): string => hash('sha256', token.reveal())

type Write = <Name extends WriterVerb>(
  name: Name,
  ...args: Parameters<WriterVerbs[Name]>
) => Promise<ReturnType<WriterVerbs[Name]>>

/** The verbs of corrections, holds, questions, study moments and errands. */
function momentVerbs(
  write: Write,
  read: Read,
  now: () => Instant,
): AmendmentVerbs & HoldVerbs & QuestionVerbs & RoundVerbs & ErrandVerbs {
  return {
    instanceAmend: (instance, amendment, by) => write('instanceAmend', instance, amendment, by),
    holdRelease: (obligation, reason, by, amendment) => write('holdRelease', obligation, reason, by, amendment),
    holdDiscard: (obligation, reason, by) => write('holdDiscard', obligation, reason, by),
    decideAnew: (rulesetDigest, limit) => write('decideAnew', rulesetDigest, limit),
    claimQuestions: (limit, lease) => write('claimQuestions', limit, lease),
    settleQuestion: (key, token, outcome) => write('settleQuestion', key, token, outcome),
    questionsDue: (service) => write('questionsDue', service),
    callsRescued: () => write('callsRescued'),
    waitsExpired: (limit) => write('waitsExpired', limit),
    nextQuestionAt: () => read('nextQuestionAt'),
    answers: (asked) => read('answers', asked, now()),
    studyAskAgain: (study, by) => write('studyAskAgain', study, by),
    dueStudies: (limit) => read('dueStudies', limit, now()),
    nextStudyAt: () => read('nextStudyAt'),
    studiesStirred: (studies, policy) => write('studiesStirred', studies, policy),
    openRound: (study, settledBy) => write('openRound', study, settledBy),
    openRounds: (limit) => read('openRounds', limit),
    roundMembers: (round, limit, after) => read('roundMembers', round, limit, after),
    planRound: (part) => write('planRound', part),
    studySettle: (study, by) => write('studySettle', study, by),
    claimErrands: (limit, lease) => write('claimErrands', limit, lease),
    settleErrand: (settlement) => write('settleErrand', settlement),
    errandsDue: (service) => write('errandsDue', service),
    nextErrandAt: () => read('nextErrandAt'),
    errandRetry: (errand, by) => write('errandRetry', errand, by),
  }
}
