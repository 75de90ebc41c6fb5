import { expect } from '@jest/globals'
import { ctInstance } from '../support/data-set.ts'
import { ask } from '../support/graphql-client.ts'
import { testWithPeers } from '../support/peers.ts'
import { digestOf, forwardTo, openSite, storeOnce } from '../support/site.ts'
import { untilSettled } from '../support/until-settled.ts'

testWithPeers(['storescp'], 'one image sent twenty times over four associations is forwarded once', async () => {
  await using site = await openSite('duplicates')
  const archive = await site.archive('arrived')
  await site.rules(forwardTo({ archive: archive.port }))
  const kurir = await site.start()
  const { file } = ctInstance({ sizeBytes: 60_000 })
  const sent = await Promise.all(
    Array.from({ length: 4 }, () =>
      storeOnce(
        kurir,
        Array.from({ length: 5 }, () => file),
      ),
    ),
  )
  expect(sent.flat()).toEqual(Array.from({ length: 20 }, () => 0))
  await untilSettled(kurir)
  expect(await archive.digests()).toEqual([digestOf(file)])
})

testWithPeers(
  ['storescp'],
  'other bytes under the same SOP Instance UID are held as a conflict until a person sends them',
  async () => {
    await using site = await openSite('conflict')
    const archive = await site.archive('arrived')
    await site.rules(forwardTo({ archive: archive.port }))
    const kurir = await site.start()
    const first = ctInstance({ sizeBytes: 4_096 }).file
    const second = ctInstance({ sizeBytes: 4_096, accessionNumber: 'ACC0002' }).file
    expect(await storeOnce(kurir, [first])).toEqual([0])
    await untilSettled(kurir)
    expect(await storeOnce(kurir, [second])).toEqual([0])
    await untilSettled(kurir)
    expect(await archive.digests()).toEqual([digestOf(first)])
    const { deliveries } = await ask<{ deliveries: { nodes: readonly { id: string; reason: string }[] } }>(
      kurir,
      '{ deliveries(first: 5, filter: { state: [HELD] }) { nodes { id reason } } }',
    )
    expect(deliveries.nodes.map(({ reason }) => reason)).toEqual(['conflict'])

    const retried = await ask(
      kurir,
      'mutation($id: ID!) { deliveryRetry(input: { deliveryId: $id }) { __typename } }',
      { id: deliveries.nodes[0]?.id },
    )
    expect(retried).toEqual({ deliveryRetry: { __typename: 'DeliveryRetrySuccess' } })
    await untilSettled(kurir)
    expect(await archive.digests()).toEqual([digestOf(first), digestOf(second)].sort())
  },
)
