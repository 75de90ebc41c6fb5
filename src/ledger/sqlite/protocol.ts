import type { MessagePort } from 'node:worker_threads'
import type { Instant } from '../../base/clock.ts'
import type { FailureCode, RetryClass } from '../../base/failure.ts'
import type { InstanceId } from '../ids.ts'
import type { Actor, Ledger, ProcessEvent, RulesetRecord, TokenGrant } from '../ledger.ts'
import type { LedgerViews } from '../views.ts'

/** A method of the port as a worker has it: the same arguments, the answer at once. */
type Answered<Method> = Method extends (...args: infer Args) => Promise<infer Result>
  ? (...args: Args) => Result
  : never
type Verbs<Port, Names extends keyof Port> = { readonly [Name in Names]: Answered<Port[Name]> }

/** The verbs that write. Secrets do not cross threads: only their SHA-256 does. */
export type WriterVerbs = Verbs<
  Ledger,
  | 'admit'
  | 'withdraw'
  | 'markVerified'
  | 'plan'
  | 'claim'
  | 'renew'
  | 'settle'
  | 'giveBack'
  | 'rescue'
  | 'destinationDown'
  | 'destinationUp'
  | 'destinationNotes'
  | 'deliveryRetry'
  | 'deliveriesRetry'
  | 'deliveryCancel'
  | 'destinationPause'
  | 'destinationResume'
  | 'instanceReplan'
  | 'instanceAmend'
  | 'holdRelease'
  | 'holdDiscard'
  | 'decideAnew'
  | 'claimQuestions'
  | 'settleQuestion'
  | 'questionsDue'
  | 'callsRescued'
  | 'waitsExpired'
  | 'studyAskAgain'
  | 'studiesStirred'
  | 'openRound'
  | 'planRound'
  | 'studySettle'
  | 'claimErrands'
  | 'settleErrand'
  | 'errandsDue'
  | 'errandRetry'
  | 'tokenRevoke'
  | 'callerRefused'
  | 'deliveriesHoldGone'
  | 'deliveriesReleaseGone'
> & {
  rulesetInForce(ruleset: RulesetRecord): void
  tokenCreate(sha256: string, grant: TokenGrant, by: Actor): void
  processEvent(event: ProcessEvent): void
  phiRead(by: Actor, what: string, count: number): void
}
export type WriterVerb = keyof WriterVerbs

/** The verbs that only read, from the second worker; those that speak of now are told when that is. */
export type ReaderVerbs = Verbs<
  Omit<LedgerViews, 'queueDepth' | 'conditions'>,
  keyof Omit<LedgerViews, 'queueDepth' | 'conditions'>
> &
  Verbs<
    Ledger,
    | 'lastRuleset'
    | 'tokens'
    | 'refusedCallers'
    | 'nextQuestionAt'
    | 'nextStudyAt'
    | 'nextErrandAt'
    | 'openRounds'
    | 'roundMembers'
  > & {
    dueStudies(limit: number, at: Instant): Awaited<ReturnType<Ledger['dueStudies']>>
    answers(asked: Parameters<Ledger['answers']>[0], at: Instant): Awaited<ReturnType<Ledger['answers']>>
    unplanned(limit: number, after?: InstanceId): Awaited<ReturnType<Ledger['unplanned']>>
    tokenGrant(sha256: string): TokenGrant | undefined
    queueDepth(destination: string, at: Instant): Awaited<ReturnType<LedgerViews['queueDepth']>>
    conditions(at: Instant): Awaited<ReturnType<LedgerViews['conditions']>>
    nextDueAt(destination: string, at: Instant): Instant | undefined
    auditSlice(from: AuditCursor | undefined): AuditSlice
  }
export type ReaderVerb = keyof ReaderVerbs

/** How far a check of the audit chain has come: the row looked at last, and each node's head. */
export interface AuditCursor {
  readonly seq: number
  readonly events: number
  readonly heads: ReadonlyMap<string, { readonly sequence: number; readonly hash: Uint8Array }>
}
/** Part of a check, so that a long one lets other reads through. `next` is undefined at the end. */
export interface AuditSlice {
  readonly events: number
  readonly firstBroken: number | null
  readonly next: AuditCursor | undefined
}

/**
 * The verbs whose answer means that what they wrote would survive a power cut. The others commit without a flush of their
 * own and ride on the next of these; repeating them after a crash is harmless (wall W8).
 */
export const FULL_VERBS: ReadonlySet<WriterVerb> = new Set<WriterVerb>([
  'admit',
  'withdraw',
  'deliveryRetry',
  'deliveriesRetry',
  'deliveryCancel',
  'destinationPause',
  'destinationResume',
  'instanceReplan',
  'instanceAmend',
  'holdRelease',
  'holdDiscard',
  'studyAskAgain',
  'studySettle',
  'errandRetry',
  'rulesetInForce',
  'deliveriesHoldGone',
  'deliveriesReleaseGone',
  'tokenCreate',
  'tokenRevoke',
])

/** A verb on its way to a worker. */
export interface Call {
  readonly id: number
  readonly verb: string
  readonly args: readonly unknown[]
  /** What the ledger's time was when the verb was called. */
  readonly at: Instant
}

export interface Failure {
  readonly code: FailureCode
  readonly retry: RetryClass
  readonly message: string
}

export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly failure: Failure }

/** What one transaction of the writer did. */
export interface BatchAnswer {
  readonly answers: readonly Answer[]
  /** Topics to wake, now that it is committed. */
  readonly wakes: readonly string[]
  readonly commit: 'full' | 'quiet' | 'none'
}

/** What the writer tells the main thread. */
export type FromWriter =
  | { readonly kind: 'opened' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | ({ readonly kind: 'batch'; readonly checkpoints: number; readonly walBytes: number } & BatchAnswer)

/** What the writer's thread is started with. */
export interface WriterStart {
  readonly file: string
  readonly node: string
  readonly port: MessagePort
  /** An Int32Array of `SIGNALS.length`: how often something was posted, how many admissions are expected. */
  readonly signals: SharedArrayBuffer
  /** The wall clock at opening. */
  readonly at: Instant
  readonly migrations: string
  readonly duplicateWindowMs: number
  readonly gatherWindowMs: number
  readonly walLimitBytes: number
}

export interface ReaderStart {
  readonly file: string
  readonly port: MessagePort
}
