import type { Instant } from '../base/clock.ts'
import type { Actor } from '../ledger/ledger.ts'
import type { InForce, RulesInForce } from '../reload.ts'
import type { Rule } from '../rules/rule.ts'
import type { RuleProblem } from '../rules/rule-problem.ts'

interface RuleSummary {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly destinations: readonly string[]
}

interface Shown {
  readonly digest: string
  readonly loadedAt: Instant
  readonly files: readonly string[]
  readonly rules: readonly RuleSummary[]
}

type Reload =
  | { readonly kind: 'loaded'; readonly ruleset: Shown }
  | { readonly kind: 'refused'; readonly problems: readonly RuleProblem[] }

/** The rules in force as the admin shows them. */
export function rulesetSource(rules: RulesInForce): { inForce(): Shown; reload(by: Actor): Promise<Reload> } {
  return {
    inForce: () => show(rules.current),
    async reload(by) {
      const outcome = await rules.reload(by)
      return outcome.kind === 'refused' ? outcome : { kind: 'loaded', ruleset: show(outcome.inForce) }
    },
  }
}

const show = ({ ruleset, loadedAt, files }: InForce): Shown => ({
  digest: ruleset.digest,
  loadedAt,
  files,
  rules: ruleset.rules.flatMap(withChildren),
})

const withChildren = (rule: Rule): readonly RuleSummary[] => [
  { name: rule.ref.name, file: rule.ref.file, line: rule.ref.line, destinations: rule.forward },
  ...rule.rules.flatMap(withChildren),
]
