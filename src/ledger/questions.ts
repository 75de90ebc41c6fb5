import type { Instant, Milliseconds } from '../base/clock.ts'
import type { Arguments } from '../rules/decision.ts'
import type { Answer } from '../rules/facts.ts'
import type { ClaimToken, InstanceId } from './ids.ts'
import type { Actor, OperatorOutcome } from './records.ts'

/** A question to a service as a decision puts it. Its arguments hold patient data. */
export interface NewQuestion {
  /** `Ask.key`: equal questions have equal keys. */
  readonly key: string
  readonly service: string
  readonly call: string
  readonly arguments: Arguments
}

/** An answer that is there. */
export interface KeptAnswer extends Answer {
  readonly key: string
  readonly answeredAt: Instant
  /** When the study first asked; null while no decision of it rests on this answer. */
  readonly askedAt: Instant | null
}

/** A question that is ours to put until the lease ends. */
export interface ClaimedQuestion extends NewQuestion {
  readonly token: ClaimToken
  /** Tries that counted, before this one. */
  readonly attempts: number
  readonly askedAt: Instant
}

export type QuestionOutcome =
  /** What is remembered across studies is remembered this long; a question with nothing found is asked again at `nextAttemptAt`. */
  | {
      readonly kind: 'answered'
      readonly answer: Answer
      readonly keepFor: Milliseconds
      readonly nextAttemptAt: Instant
      readonly status: string | null
    }
  | {
      readonly kind: 'again'
      readonly counted: boolean
      readonly nextAttemptAt: Instant
      readonly status: string | null
      readonly reason: string
    }
  /** Asking again cannot help: who waits is held with the reason. */
  | { readonly kind: 'refused'; readonly status: string | null; readonly reason: string }

/** Questions of decisions: asked once whoever waits, answers pinned by study (RULES.md semantics 7). */
export interface QuestionVerbs {
  /** Due ones, oldest first; those nobody waits for any more are forgotten. */
  claimQuestions(limit: number, lease: Milliseconds): Promise<readonly ClaimedQuestion[]>
  /**
   * Writes what came of asking. An answer is pinned for each study that waits, and decides exactly those instances and rounds
   * again.
   */
  settleQuestion(key: string, token: ClaimToken, outcome: QuestionOutcome): Promise<'applied' | 'superseded'>
  /** Due at once: their service answers again. Resolves with how many. */
  questionsDue(service: string): Promise<number>
  /**
   * At start, before anybody claims: questions and errands that a process which died had in hand are due at once, not when
   * their leases end. Only for who writes this ledger alone. Resolves with how many.
   */
  callsRescued(): Promise<number>
  /** Holds what has waited for its answer as long as it may, at most `limit` obligations. Resolves with how many. */
  waitsExpired(limit: number): Promise<number>
  /** When the next question or the end of a wait is due. */
  nextQuestionAt(): Promise<Instant | undefined>
  /** The answers there are: the study's own, else those remembered from other studies. In the order asked; undefined: none. */
  answers(
    asked: readonly { readonly instance: InstanceId; readonly key: string }[],
  ): Promise<readonly (KeptAnswer | undefined)[]>
  /** FULL. Forgets the study's answers and asks again for whatever waits or is held of it. */
  studyAskAgain(studyInstanceUid: string, by: Actor): Promise<OperatorOutcome<string>>
}
