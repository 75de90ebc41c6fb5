import { KurirError } from '../../base/failure.ts'
import type { DeliveryAttemptResolvers, DeliveryConnectionResolvers, DeliveryResolvers } from '../generated.ts'
import { globalId } from '../global-id.ts'
import { readPage } from '../paging.ts'
import { pageFields } from './page.ts'

export const delivery: DeliveryResolvers = {
  id: (row) => globalId('Delivery', row.id),
  async instance(row, _args, { ledger }) {
    const found = await ledger.views.instance(row.instance)
    if (found === undefined) throw new KurirError('not-found', 'permanent', 'a delivery stands without its instance')
    return found
  },
  destination: ({ destination }) => ({ name: destination }),
  sentTo: ({ sentTo }) => (sentTo === null ? null : { name: sentTo }),
  rewrite: (row) => row.changes,
  attempts: (row, args, { ledger }) => ledger.views.attempts(row.id, readPage(args)),
}

export const deliveryAttempt: DeliveryAttemptResolvers = {
  id: (row) => globalId('DeliveryAttempt', row.id),
}

export const deliveryConnection: DeliveryConnectionResolvers = {
  ...pageFields(),
  totalCount: async (page) => (await page.count?.()) ?? null,
}
