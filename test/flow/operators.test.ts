import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { sha256 } from '../support/data-set-bytes.ts'
import { type RecordingServer, recordingServer } from '../support/dimse-server.ts'
import { ask } from '../support/graphql-client.ts'
import { testWithPeers } from '../support/peers.ts'
import type { KurirProcess } from '../support/processes.ts'
import { type Archive, ctFiles, digestOf, forwardTo, openSite, type Site, storeOnce } from '../support/site.ts'
import { untilSettled } from '../support/until-settled.ts'

const DOES_NOT_MATCH = 0xa900
const CANNOT_UNDERSTAND = 0xc000

let stack = new AsyncDisposableStack()
let site: Site
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  site = stack.use(await openSite('operators'))
})
afterEach(async () => {
  await stack.disposeAsync()
})

interface Row {
  readonly id: string
  readonly state: string
  readonly reason: string | null
  readonly attempts: { readonly nodes: readonly { readonly outcome: string; readonly status: string | null }[] }
}

/** Every delivery, with its attempts from the latest. */
async function deliveries(kurir: KurirProcess): Promise<readonly Row[]> {
  const answer = await ask<{ deliveries: { nodes: readonly Row[] } }>(
    kurir,
    '{ deliveries(first: 50) { nodes { id state reason attempts { nodes { outcome status } } } } }',
  )
  return answer.deliveries.nodes
}

const typename = async (kurir: KurirProcess, mutation: string, input: object): Promise<unknown> => {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input!`
  const query = `mutation($input: ${type}) { ${mutation}(input: $input) { __typename } }`
  const answer = await ask<Readonly<Record<string, { readonly __typename: string }>>>(kurir, query, { input })
  return answer[mutation]?.__typename
}

const attempts = (row: Row | undefined): readonly string[] =>
  (row?.attempts.nodes ?? []).map(({ outcome, status }) => `${outcome} ${status}`)

/** An archive that answers C-STOREs with these statuses in turn, and 0000H from then on. */
async function answering(statuses: number[]): Promise<RecordingServer> {
  return stack.use(await recordingServer({ end: async () => ({ status: statuses.shift() ?? 0 }) }))
}

test('what an archive refused for good is REJECTED until a person retries it, each try on record', async () => {
  const archive = await answering([DOES_NOT_MATCH])
  await site.rules(forwardTo({ archive: archive.port }))
  const kurir = await site.start()
  expect(await storeOnce(kurir, ctFiles(1, 1))).toEqual([0])
  await untilSettled(kurir)
  const [rejected] = await deliveries(kurir)
  expect(rejected).toMatchObject({ state: 'REJECTED', reason: 'data-set-does-not-match-sop-class' })
  expect(attempts(rejected)).toEqual(['PERMANENT 0xA900'])

  expect(await typename(kurir, 'deliveryRetry', { deliveryId: rejected?.id })).toBe('DeliveryRetrySuccess')
  await untilSettled(kurir)
  const [delivered] = await deliveries(kurir)
  expect(delivered?.state).toBe('DELIVERED')
  expect(attempts(delivered)).toEqual(['DELIVERED 0x0000', 'PERMANENT 0xA900'])
  expect(await typename(kurir, 'deliveryRetry', { deliveryId: rejected?.id })).toBe('NotAllowedNow')
})

test('a status that may pass is asked again, and each try is listed', async () => {
  const archive = await answering([CANNOT_UNDERSTAND, CANNOT_UNDERSTAND])
  await site.rules(forwardTo({ archive: archive.port }))
  const kurir = await site.start()
  expect(await storeOnce(kurir, ctFiles(1, 1))).toEqual([0])
  await untilSettled(kurir)
  const [delivered] = await deliveries(kurir)
  expect(attempts(delivered)).toEqual(['DELIVERED 0x0000', 'TRANSIENT 0xC000', 'TRANSIENT 0xC000'])
})

testWithPeers(['storescp'], 'what no accepted transfer syntax can carry is held, and no archive sees it', async () => {
  const archive = await site.archive('arrived', ['+xi'])
  await site.rules(forwardTo({ archive: archive.port }).replace('associations: 2', 'transfer_syntax: as_received'))
  const kurir = await site.start()
  expect(await storeOnce(kurir, ctFiles(1, 1))).toEqual([0])
  await untilSettled(kurir)
  const [held] = await deliveries(kurir)
  expect(held).toMatchObject({ state: 'HELD', reason: 'no-transfer-syntax' })
  expect(await archive.digests()).toEqual([])
})

testWithPeers(
  ['storescp'],
  'a paused destination gets nothing until it is resumed, and what is cancelled never',
  async () => {
    const archive: Archive = await site.archive('arrived')
    const other = await site.archive('other')
    await site.rules(forwardTo({ archive: archive.port, other: other.port }))
    const kurir = await site.start()
    expect(await typename(kurir, 'destinationPause', { name: 'archive', reason: 'maintenance' })).toBe(
      'DestinationPauseSuccess',
    )
    const files = ctFiles(1, 5)
    expect(await storeOnce(kurir, files)).toEqual(files.map(() => 0))
    await untilSettled(kurir, ['other'])
    expect(await other.digests()).toEqual(files.map(digestOf).sort())
    expect(await archive.digests()).toEqual([])
    const paused = await ask<{ destination: unknown }>(
      kurir,
      '{ destination(name: "archive") { state queue { ready } deliveries(first: 1) { nodes { id } } } }',
    )
    expect(paused.destination).toMatchObject({ state: 'PAUSED', queue: { ready: 5 } })

    const waiting = (await deliveries(kurir)).filter(({ state }) => state === 'READY')
    expect(waiting).toHaveLength(5)
    const cancelled = waiting[0]?.id
    expect(await typename(kurir, 'deliveryCancel', { deliveryId: cancelled, reason: 'wrong patient' })).toBe(
      'DeliveryCancelSuccess',
    )
    expect(await typename(kurir, 'destinationResume', { name: 'archive' })).toBe('DestinationResumeSuccess')
    await untilSettled(kurir)
    const states = (await deliveries(kurir)).map(({ state }) => state)
    expect(states.filter((state) => state === 'CANCELLED')).toHaveLength(1)
    expect(states.filter((state) => state === 'DELIVERED')).toHaveLength(9)
    expect(await archive.digests()).toHaveLength(4)
  },
)

test('a pause outlives a restart', async () => {
  const archive = await answering([])
  await site.rules(forwardTo({ archive: archive.port }))
  const first = await site.start()
  await typename(first, 'destinationPause', { name: 'archive', reason: 'maintenance' })
  const [file = Buffer.alloc(0)] = ctFiles(1, 1)
  expect(await storeOnce(first, [file])).toEqual([0])
  expect(await first.stop()).toBe(0)
  const second = await site.start()
  const { destination } = await ask<{ destination: unknown }>(second, '{ destination(name: "archive") { state } }')
  expect(destination).toEqual({ state: 'PAUSED' })
  expect(archive.received).toEqual([])
  await typename(second, 'destinationResume', { name: 'archive' })
  await untilSettled(second)
  expect(archive.received.map(({ bytes }) => sha256(bytes))).toEqual([digestOf(file)])
})
