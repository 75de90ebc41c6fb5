import type { MutationResolvers } from '../generated.ts'
import { keyOf } from '../global-id.ts'
import { notAllowedNow, notFound, refusalOf } from './refusals.ts'

export const otherVerbs = {
  async instanceReplan(_root, { input: { instanceId } }, { ledger, caller }) {
    const id = keyOf('Instance', instanceId)
    const before = id === undefined ? undefined : await ledger.views.instance(id)
    if (id === undefined || before === undefined) return notFound('instance', instanceId)
    if (!before.spooled) return notAllowedNow('The original is no longer in the spool.', before.state)
    const refusal = refusalOf(await ledger.instanceReplan(id, caller), 'instance', instanceId)
    if (refusal !== undefined) return refusal
    return { __typename: 'InstanceReplanSuccess', instance: (await ledger.views.instance(id)) ?? before }
  },

  async rulesetReload(_root, _args, { rulesets, ledger, caller }) {
    const reload = await rulesets.reload(caller)
    if (reload.kind === 'loaded') return { __typename: 'RulesetReloadSuccess', ruleset: reload.ruleset }
    const count = reload.problems.length
    await ledger.processEvent({ event: 'ruleset-refused', actor: caller.name, outcome: 'refused', detail: null })
    return {
      __typename: 'RulesetRefused',
      code: 'INVALID',
      message: `The rules have ${count} ${count === 1 ? 'mistake' : 'mistakes'}; those in force stay in force.`,
      problems: reload.problems,
      inForce: rulesets.inForce(),
    }
  },
} satisfies Pick<MutationResolvers, 'instanceReplan' | 'rulesetReload'>
