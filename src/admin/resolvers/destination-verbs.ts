import { elapsed, ms } from '../../base/clock.ts'
import { badInput } from '../bad-input.ts'
import type { AdminContext } from '../context.ts'
import type { MutationResolvers } from '../generated.ts'
import { findDestination } from './destination.ts'
import { notFound, readReason, refusalOf } from './refusals.ts'

/** The longest a person waits for an answer to a click; a peer that hangs has its own limits below it. */
const VERIFY_LIMIT_MS = 15_000

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
    const { reached, took, reason } = await verify(name, context)
    await context.ledger.processEvent({
      event: 'destination-verified',
      actor: context.caller.name,
      outcome: reached ? 'reached' : 'not-reached',
      detail: name,
    })
    return { __typename: 'DestinationVerifySuccess', reached, took, reason }
  },
} satisfies Pick<MutationResolvers, 'destinationPause' | 'destinationResume' | 'destinationVerify'>

async function verify(name: string, { destinations, clock, stopping }: AdminContext) {
  const limit = new AbortController()
  const from = clock.monotonic()
  const timer = clock.after(ms(VERIFY_LIMIT_MS), () => limit.abort())
  const signal = AbortSignal.any([limit.signal, stopping])
  const over = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => over.reject(signal.reason), { once: true })
  try {
    signal.throwIfAborted()
    // The limit holds also for a sender that looks at the signal late.
    return await Promise.race([destinations.verify(name, signal), over.promise])
  } catch (error) {
    if (!limit.signal.aborted && !stopping.aborted) throw error
    const reason = stopping.aborted ? 'aborted' : 'timeout'
    return { reached: false, took: elapsed(from, clock.monotonic()), reason }
  } finally {
    timer.cancel()
  }
}
