import type { RulesetSource } from '../admin/sources.ts'
import type { RulesInForce } from '../reload.ts'
import type { RuleCounts } from './rule-counts.ts'

/** The rules in force as the admin shows and changes them. */
export function rulesetSource(rules: RulesInForce, counts: Pick<RuleCounts, 'lastHour'>): RulesetSource {
  return {
    inForce: () => rules.current,
    compiled: () => rules.current.ruleset,
    matchedLastHour: (rule) => counts.lastHour(rule),
    reload: (by, force) => rules.reload(by, force),
    rollback: (digest, reason, order) => rules.rollback(digest, reason, order),
  }
}
