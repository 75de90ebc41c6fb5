import type { MutationResolvers } from '../generated.ts'
import { createToken } from '../tokens.ts'
import { invalid, notFound } from './refusals.ts'

export const tokenVerbs = {
  async tokenCreate(_root, { input }, { ledger, caller }) {
    const created = await createToken(ledger, input, caller)
    if (created.kind === 'refused') return invalid(created.sentence, ['input', created.path])
    const { token, name, roles } = created
    return { __typename: 'TokenCreateSuccess', token: token.reveal(), name, roles }
  },

  async tokenRevoke(_root, { input: { name } }, { ledger, caller }) {
    if (!(await ledger.tokenRevoke(name, caller))) return notFound('token', name)
    const revoked = (await ledger.tokens()).find((token) => token.name === name)
    return revoked === undefined ? notFound('token', name) : { __typename: 'TokenRevokeSuccess', revoked }
  },
} satisfies Pick<MutationResolvers, 'tokenCreate' | 'tokenRevoke'>
