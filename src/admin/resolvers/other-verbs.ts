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
} satisfies Pick<MutationResolvers, 'instanceReplan'>
