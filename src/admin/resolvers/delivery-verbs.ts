import type { DeliveryId } from '../../ledger/ids.ts'
import type { OperatorOutcome } from '../../ledger/ledger.ts'
import type { AdminContext } from '../context.ts'
import type { MutationResolvers } from '../generated.ts'
import { keyOf } from '../global-id.ts'
import { invalid, notFound, readReason, refusalOf } from './refusals.ts'
import { deliverySelection } from './selection.ts'

const MOST_RETRIES = 10_000

export const deliveryVerbs = {
  async deliveryRetry(_root, { input }, context) {
    const id = keyOf('Delivery', input.deliveryId)
    if (id === undefined) return notFound('delivery', input.deliveryId)
    const outcome = await context.ledger.deliveryRetry(id, context.caller)
    const done = await changed(outcome, input.deliveryId, context)
    return done.__typename === 'Done' ? { __typename: 'DeliveryRetrySuccess', delivery: done.delivery } : done
  },

  async deliveryCancel(_root, { input }, context) {
    const reason = readReason(input.reason)
    const id = keyOf('Delivery', input.deliveryId)
    if (id === undefined) return notFound('delivery', input.deliveryId)
    const outcome = await context.ledger.deliveryCancel(id, reason, context.caller)
    const done = await changed(outcome, input.deliveryId, context)
    return done.__typename === 'Done' ? { __typename: 'DeliveryCancelSuccess', delivery: done.delivery } : done
  },

  async deliveriesRetry(_root, { input }, { ledger, caller }) {
    if (input.limit < 1 || input.limit > MOST_RETRIES) {
      return invalid(`limit is from 1 to ${MOST_RETRIES}.`, ['input', 'limit'])
    }
    const selection = deliverySelection(input.filter)
    const { plannedAfter, plannedBefore } = selection
    if (plannedAfter !== undefined && plannedBefore !== undefined && plannedAfter >= plannedBefore) {
      return invalid('plannedAfter comes before plannedBefore.', ['input', 'filter', 'plannedAfter'])
    }
    const { retried, left } = await ledger.deliveriesRetry(selection, input.limit, caller)
    return { __typename: 'DeliveriesRetrySuccess', retried, left }
  },
} satisfies Pick<MutationResolvers, 'deliveryRetry' | 'deliveryCancel' | 'deliveriesRetry'>

/** The delivery as the verb left it, or why it did nothing. */
async function changed(outcome: OperatorOutcome<DeliveryId>, id: string, { ledger }: AdminContext) {
  const refusal = refusalOf(outcome, 'delivery', id)
  if (refusal !== undefined || outcome.kind !== 'ok') return refusal ?? notFound('delivery', id)
  const delivery = await ledger.views.delivery(outcome.value)
  return delivery === undefined ? notFound('delivery', id) : ({ __typename: 'Done', delivery } as const)
}
