import type { LedgerViews } from '../ledger/views.ts'
import type { RuleProblem } from '../rules/rule-problem.ts'
import type { Ruleset } from '../rules/ruleset.ts'

/**
 * A problem for each destination that the next ruleset drops while it is still owed something: its deliveries would have
 * nowhere to go (RULES.md semantics 12).
 */
export async function stillOwed(
  views: Pick<LedgerViews, 'queueDepth'>,
  before: Ruleset,
  next: Ruleset,
): Promise<readonly RuleProblem[]> {
  const problems: RuleProblem[] = []
  for (const [name, { destination }] of before.destinations) {
    if (next.destinations.has(name)) continue
    const { ready, waiting, sending, awaitingCommitment, held } = await views.queueDepth(name)
    const owed = ready + waiting + sending + awaitingCommitment + held
    if (owed === 0) continue
    const message = `destination ${name} is gone from the rules, but ${owed} deliveries are still owed to it; keep it until they are settled or cancelled, or force the change: they are held then.`
    problems.push({ file: destination.file, line: destination.line, column: 1, message })
  }
  return problems
}
