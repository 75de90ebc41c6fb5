import type { AdminContext } from '../context.ts'
import type { MutationResolvers } from '../generated.ts'
import type { RuleMistake } from '../sources.ts'
import { notFound, readReason } from './refusals.ts'

export const rulesetVerbs = {
  async rulesetReload(_root, { input }, { rulesets, caller }) {
    const outcome = await rulesets.reload(caller, input?.force ?? false)
    if (outcome.kind === 'refused') return refused(outcome.problems, rulesets)
    return { __typename: 'RulesetReloadSuccess', ruleset: outcome.inForce }
  },

  async rulesetRollback(_root, { input: { digest, reason, force } }, { rulesets, caller }) {
    const outcome = await rulesets.rollback(digest, readReason(reason), { by: caller, force: force ?? false })
    if (outcome === undefined) return notFound('ruleset', digest)
    if (outcome.kind === 'refused') return refused(outcome.problems, rulesets)
    return { __typename: 'RulesetRollbackSuccess', ruleset: outcome.inForce }
  },
} satisfies Pick<MutationResolvers, 'rulesetReload' | 'rulesetRollback'>

/** The rules in force stay in force. */
export function refused(problems: readonly RuleMistake[], rulesets: AdminContext['rulesets']) {
  const count = problems.length
  const message = `The rules have ${count} ${count === 1 ? 'mistake' : 'mistakes'}; those in force stay in force.`
  return { __typename: 'RulesetRefused', code: 'INVALID', message, problems, inForce: rulesets.inForce() } as const
}
