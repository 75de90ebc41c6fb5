import type { CallOutcome as Outcome } from '../../services/call.ts'
import type { CallOutcome, MutationResolvers, ServiceAnswerResolvers, ServiceResolvers } from '../generated.ts'
import { verifyWithin } from '../verifying.ts'
import { argumentsOf } from './explanation.ts'
import { notFound } from './refusals.ts'

export const service: ServiceResolvers = { kind: ({ kind }) => (kind === 'http' ? 'HTTP' : 'SATUSEHAT') }

const OUTCOMES: Readonly<Record<Outcome['kind'], CallOutcome>> = {
  found: 'FOUND',
  missing: 'MISSING',
  accepted: 'ACCEPTED',
  already: 'ALREADY',
  again: 'AGAIN',
  refused: 'REFUSED',
}

export const serviceAnswer: ServiceAnswerResolvers = {
  arguments: (answer) => argumentsOf(answer.arguments),
  outcome: ({ outcome }) => OUTCOMES[outcome],
}

export const serviceVerbs = {
  async serviceVerify(_root, { input: { name } }, context) {
    const verified = await verifyWithin(context, (signal) => context.services.verify(name, signal))
    if (verified === undefined) return notFound('service', name)
    const { reached, took, reason } = verified
    await context.ledger.processEvent({
      event: 'service-verified',
      actor: context.caller.name,
      outcome: reached ? 'reached' : 'not-reached',
      detail: name,
    })
    const status = 'status' in verified ? verified.status : null
    return { __typename: 'ServiceVerifySuccess', reached, took, status, reason }
  },
} satisfies Pick<MutationResolvers, 'serviceVerify'>
