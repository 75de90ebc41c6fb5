import type { NewAmendment } from './amendments.ts'
import type { InstanceId, ObligationId } from './ids.ts'
import type { Actor, OperatorOutcome } from './records.ts'

/** What a person does with what is held, and what a new ruleset does with it. */
export interface HoldVerbs {
  /**
   * FULL. A person has looked, and corrected it or not: what is held is decided again. What a rule's `hold` asked for is not
   * asked again; a hold that says something cannot be done comes back unless that changed. Answers it was held for are asked
   * anew. A held delivery goes. A study held for one reason is released as one.
   */
  holdRelease(
    obligation: ObligationId,
    reason: string,
    by: Actor,
    amendment?: NewAmendment,
  ): Promise<OperatorOutcome<InstanceId>>
  /** FULL. A person has looked, and it goes nowhere because of this; a held delivery is cancelled. */
  holdDiscard(obligation: ObligationId, reason: string, by: Actor): Promise<OperatorOutcome<InstanceId>>
  /**
   * Asks for new decisions on what waits or is held by another ruleset than this (RULES.md semantics 12), at most `limit`
   * instances and rounds. Resolves with how many; 0 when nothing is left.
   */
  decideAnew(rulesetDigest: string, limit: number): Promise<number>
}
