import { badInput } from '../bad-input.ts'
import type { MutationResolvers } from '../generated.ts'
import { verifyWithin } from '../verifying.ts'
import { findDestination } from './destination.ts'
import { notFound, readReason, refusalOf } from './refusals.ts'

export const destinationVerbs = {
  async destinationPause(_root, { input: { name, reason, until } }, context) {
    const why = readReason(reason)
    if (typeof until === 'number' && until <= context.ledger.now()) throw badInput('until lies in the past.')
    if ((await findDestination(name, context)) === undefined) return notFound('destination', name)
    const outcome = await context.ledger.destinationPause(name, why, until ?? null, context.caller)
    const refusal = refusalOf(outcome, 'destination', name)
    return refusal ?? { __typename: 'DestinationPauseSuccess', destination: { name } }
  },

  async destinationResume(_root, { input: { name } }, context) {
    if ((await findDestination(name, context)) === undefined) return notFound('destination', name)
    const outcome = await context.ledger.destinationResume(name, context.caller)
    const refusal = refusalOf(outcome, 'destination', name)
    return refusal ?? { __typename: 'DestinationResumeSuccess', destination: { name } }
  },

  async destinationVerify(_root, { input: { name } }, context) {
    if (context.destinations.declared(name) === undefined) return notFound('destination', name)
    const { reached, took, reason } = await verifyWithin(context, (signal) => context.destinations.verify(name, signal))
    await context.ledger.processEvent({
      event: 'destination-verified',
      actor: context.caller.name,
      outcome: reached ? 'reached' : 'not-reached',
      detail: name,
    })
    return { __typename: 'DestinationVerifySuccess', reached, took, reason }
  },
} satisfies Pick<MutationResolvers, 'destinationPause' | 'destinationResume' | 'destinationVerify'>
