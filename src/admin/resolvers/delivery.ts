import type { DeliveryAttemptResolvers, DeliveryConnectionResolvers, DeliveryResolvers } from '../generated.ts'
import { globalId } from '../global-id.ts'
import { readPage } from '../paging.ts'
import { instanceOf } from './instance.ts'
import { pageFields } from './page.ts'

export const delivery: DeliveryResolvers = {
  id: (row) => globalId('Delivery', row.id),
  instance: (row, _args, context) => instanceOf(row.instance, context),
  errand: async ({ errand }, _args, { ledger }) =>
    errand === null ? null : ((await ledger.views.errand(errand)) ?? null),
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
