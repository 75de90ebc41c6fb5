import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import type { ResolvedEdit } from '../../src/dicom/resolved-edit.ts'
import { encodeCommandSet } from '../../src/dimse/command-set.ts'
import type { StoreReply } from '../../src/dimse/handler.ts'
import { REJECT } from '../../src/dimse/pdu.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetDigests, sha256 } from '../support/data-set-bytes.ts'
import { archiveAt, type HarnessOptions, openDelivery, quickRetry } from '../support/delivery-harness.ts'
import { abort, EXPLICIT } from '../support/dimse-bytes.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { describeWithPeers } from '../support/peers.ts'
import { freePort, startStorescp, temporaryDir } from '../support/processes.ts'
import { answeredContext, associateBody, dataPdu, pdu, pdv, serveRaw, userInformation } from '../support/raw-peer.ts'

const stack: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of stack.splice(0).reverse()) await each[Symbol.asyncDispose]()
})
function use<T extends AsyncDisposable>(resource: T): T {
  stack.push(resource)
  return resource
}

async function delivering(options: Omit<HarnessOptions, 'folder'>) {
  const { path: folder } = use(await temporaryDir('deliver'))
  return use(await openDelivery({ folder, ...options }))
}

const small = (n: number, more: Parameters<typeof ctInstance>[0] = {}) =>
  ctInstance({ sizeBytes: 2_048, instanceNumber: n, ...more })

/** A destination that answers with these statuses, one after the other, then with Success. */
const answering = async (...statuses: readonly number[]) => {
  const left = [...statuses]
  return use(await recordingServer({ end: async (): Promise<StoreReply> => ({ status: left.shift() ?? 0 }) }))
}

describe('delivering by C-STORE', () => {
  test('many instances leave on one association, bytes as they came', async () => {
    const server = await answering()
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    const files = Array.from({ length: 200 }, (_, n) => small(n + 1))
    for (const { file } of files) await harness.owe(file)
    await harness.start()
    await harness.until(200)
    expect(server.received.map(({ bytes }) => sha256(bytes)).sort()).toEqual(
      files.map(({ dataSet }) => sha256(dataSet)).sort(),
    )
    expect(new Set(server.received.map(({ request }) => request.association.id)).size).toBe(1)
    expect(harness.settled.every(({ state, sentSha256 }) => state === 'DELIVERED' && sentSha256 !== null)).toBe(true)
  })

  test('several associations share the work when there is enough of it', async () => {
    const server = await answering()
    const harness = await delivering({ destinations: [archiveAt(server.port, { dimse: { associations: 3 } })] })
    for (let n = 1; n <= 150; n += 1) await harness.owe(small(n).file)
    await harness.start()
    await harness.until(150)
    const associations = new Set(server.received.map(({ request }) => request.association.id)).size
    expect(associations).toBeGreaterThan(1)
    expect(associations).toBeLessThanOrEqual(3)
  })

  test('fewer associations by new rules are fewer at once, though there is work for more', async () => {
    const threeWait = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<StoreReply>()
    const before = new Set<string>()
    const after = new Set<string>()
    let isChanged = false
    const server = use(
      await recordingServer({
        open: async ({ association }) => {
          if (!isChanged) before.add(association.id)
          else if (!before.has(association.id)) after.add(association.id)
          return undefined
        },
        end: () => {
          if (before.size === 3) threeWait.resolve()
          return answer.promise
        },
      }),
    )
    const to = (associations: number) => archiveAt(server.port, { dimse: { associations } })
    const harness = await delivering({ destinations: [to(3)], linger: 60_000, timeouts: { dimse: ms(60_000) } })
    for (let n = 1; n <= 200; n += 1) await harness.owe(small(n).file)
    await harness.start()
    await threeWait.promise
    isChanged = true
    await harness.reconfigure([to(1)])
    answer.resolve({ status: 0 })
    await harness.until(200)
    expect(after.size).toBe(1)
    expect(harness.settled.every(({ state }) => state === 'DELIVERED')).toBe(true)
  })

  test('an archive that refuses a second association is one that takes one: it does not rest, and is not asked again at once', async () => {
    const server = use(await recordingServer({ maxAssociations: 1 }))
    const harness = await delivering({ destinations: [archiveAt(server.port, { dimse: { associations: 2 } })] })
    for (let n = 1; n <= 200; n += 1) await harness.owe(small(n).file)
    await harness.start()
    await harness.until(200)
    expect(new Set(server.received.map(({ request }) => request.association.id)).size).toBe(1)
    expect(server.received).toHaveLength(200)
    expect(server.refused).toHaveLength(1)
    expect((await harness.condition())?.down ?? null).toBe(null)
  })

  test('an idle association is kept for a moment: what is owed then goes over it', async () => {
    const server = await answering()
    const harness = await delivering({ destinations: [archiveAt(server.port)], linger: 60_000 })
    await harness.start()
    await harness.owe(small(1).file)
    await harness.until(1)
    await harness.owe(small(2).file)
    await harness.until(2)
    expect(server.server.associations).toBe(1)
    expect(new Set(server.received.map(({ request }) => request.association.id)).size).toBe(1)
  })

  test('an association that stays idle is released, and another opened for what is owed then', async () => {
    const server = await answering()
    const harness = await delivering({ destinations: [archiveAt(server.port)], linger: 10 })
    await harness.start()
    await harness.owe(small(1).file)
    await server.untilClosed(1)
    expect(server.closed[0]).toContain('release')
    await harness.owe(small(2).file)
    await harness.until(2)
    expect(new Set(server.received.map(({ request }) => request.association.id)).size).toBe(2)
  })

  test('warnings are delivered with their note, refusals are rejected once', async () => {
    const server = await answering(0xb006, 0xa900, 0x0122, 0x0117)
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    const planned = []
    for (let n = 1; n <= 4; n += 1) planned.push(await harness.owe(small(n).file))
    await harness.start()
    await harness.until(4)
    const tries = await Promise.all(planned.map(({ deliveries }) => harness.tries(deliveries[0])))
    expect(tries.flat().sort()).toEqual([
      'DELIVERED_WITH_WARNING 0xB006 elements-discarded',
      'PERMANENT 0x0117 invalid-sop-instance',
      'PERMANENT 0x0122 sop-class-not-supported',
      'PERMANENT 0xA900 data-set-does-not-match-sop-class',
    ])
    expect(server.received).toHaveLength(4)
  })

  test('a processing failure is asked again after a while', async () => {
    const server = await answering(0x0110, 0x0110)
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    const { deliveries } = await harness.owe(small(1).file)
    await harness.start()
    await harness.until(1)
    expect(await harness.tries(deliveries[0])).toEqual([
      'TRANSIENT 0x0110 processing-failure',
      'TRANSIENT 0x0110 processing-failure',
      'DELIVERED 0x0000',
    ])
  })

  test('a full archive rests and loses nothing: no try is counted', async () => {
    const server = await answering(0xa700, 0xa700)
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    const planned = []
    for (let n = 1; n <= 20; n += 1) planned.push(await harness.owe(small(n).file))
    await harness.start()
    await harness.until(20)
    for (const { deliveries } of planned) expect(await harness.tries(deliveries[0])).toEqual(['DELIVERED 0x0000'])
    expect((await harness.condition())?.down).toBeNull()
  })

  test('one instance that an archive calls too much does not hold up the rest', async () => {
    const poison = small(1)
    const server = use(
      await recordingServer({
        open: async ({ affectedSopInstanceUid }) =>
          affectedSopInstanceUid === poison.sopInstanceUid ? { status: 0xa700 } : undefined,
      }),
    )
    const retry = { first: ms(20), longest: ms(40), giveUpAfter: ms(60) }
    const harness = await delivering({ destinations: [archiveAt(server.port, { retry })] })
    const { deliveries } = await harness.owe(poison.file)
    for (let n = 2; n <= 10; n += 1) await harness.owe(small(n).file)
    await harness.start()
    await harness.until(10)
    expect((await harness.delivery(deliveries[0])).state).toBe('FAILED')
    expect(server.received).toHaveLength(9)
  })

  test('0111 is delivered only after a try of the same bytes that may have been taken', async () => {
    const silent = Promise.withResolvers<StoreReply>()
    let calls = 0
    const server = use(
      await recordingServer({
        end: () => {
          calls += 1
          return calls === 1 ? silent.promise : Promise.resolve({ status: 0x0111 })
        },
      }),
    )
    const harness = await delivering({ destinations: [archiveAt(server.port)], timeouts: { dimse: ms(300) } })
    const maybe = await harness.owe(small(1).file)
    await harness.start()
    await harness.until(1)
    const fresh = await harness.owe(small(2).file)
    await harness.until(2)
    silent.resolve({ status: 0 })
    expect(await harness.tries(maybe.deliveries[0])).toEqual([
      'AMBIGUOUS timeout',
      'DELIVERED_WITH_WARNING 0x0111 already-there',
    ])
    expect(await harness.tries(fresh.deliveries[0])).toEqual(['PERMANENT 0x0111 duplicate-sop-instance'])
  })

  test('0111 that comes in the middle of the data set, and breaks it off, still tells that the try before was taken', async () => {
    const ac = associateBody({ items: [answeredContext(1, 0, EXPLICIT), userInformation(16_384)] })
    const refusal = encodeCommandSet([
      [0x0100, 0x8001],
      [0x0120, 1],
      [0x0800, 0x0101],
      [0x0900, 0x0111],
    ])
    let associations = 0
    const server = use(
      await serveRaw(async (peer) => {
        associations += 1
        await peer.hear()
        await peer.send(pdu(2, ac))
        if (associations === 1) {
          for (let last = false; !last; ) {
            const heard = await peer.hear()
            if (heard.kind !== 'pdu') return
            last = heard.body.readUInt8(5) === 2
          }
          return void peer.socket.end()
        }
        await peer.hear()
        await peer.send(dataPdu(pdv(1, 3, refusal)))
        await peer.send(abort)
      }),
    )
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    const { deliveries } = await harness.owe(ctInstance({ sizeBytes: 8_000_000 }).file)
    await harness.start()
    await harness.until(1)
    expect(await harness.tries(deliveries[0])).toEqual([
      'AMBIGUOUS connection-closed',
      'DELIVERED_WITH_WARNING 0x0111 already-there',
    ])
  })

  test('more SOP classes than contexts: another association takes the rest', async () => {
    const server = await answering()
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    const { file, sopClassUid } = small(1)
    const planned = Array.from({ length: 90 }, (_, n) => {
      // The same length, so that nothing else of the file moves.
      const other = `1.2.826.0.1.3680043.${String(n).padStart(5, '1')}`
        .slice(0, sopClassUid.length)
        .padEnd(sopClassUid.length, '7')
      const uid = small(n + 1).file
      return Buffer.from(uid.toString('latin1').replaceAll(sopClassUid, other), 'latin1')
    })
    expect(file.length).toBeGreaterThan(0)
    for (const each of planned) await harness.owe(each)
    await harness.start()
    await harness.until(90)
    expect(harness.settled.map(({ state }) => state).filter((state) => state !== 'DELIVERED')).toEqual([])
    expect(new Set(server.received.map(({ request }) => request.association.id)).size).toBeGreaterThan(1)
    expect(Math.max(...server.received.map(({ request }) => request.association.contexts.length))).toBeLessThanOrEqual(
      128,
    )
  })

  test('under "{calling_ae}" each modality calls under its own title', async () => {
    const server = await answering()
    const harness = await delivering({
      destinations: [archiveAt(server.port, { dimse: { callingAe: '{calling_ae}' } })],
    })
    for (let n = 1; n <= 12; n += 1) {
      await harness.owe(small(n).file, ['archive'], { reception: { callingAe: n % 2 === 0 ? 'CT_EVEN' : 'CT_ODD' } })
    }
    await harness.start()
    await harness.until(12)
    const titles = server.received.map(({ request }) => request.association.callingAe)
    expect(titles.filter((title) => title === 'CT_EVEN')).toHaveLength(6)
    expect(titles.filter((title) => title === 'CT_ODD')).toHaveLength(6)
    expect(new Set(server.received.map(({ request }) => request.association.id)).size).toBeLessThan(6)
  })

  test('who needs another association waits for some of those that fit the open one, not for all of them', async () => {
    const server = await answering()
    const harness = await delivering({
      destinations: [archiveAt(server.port, { dimse: { callingAe: '{calling_ae}' } })],
    })
    const from = (callingAe: string) => ({ reception: { callingAe } })
    await harness.owe(small(1).file, ['archive'], from('CT_BUSY'))
    await harness.owe(small(2).file, ['archive'], from('US_WARD'))
    for (let n = 3; n <= 300; n += 1) await harness.owe(small(n).file, ['archive'], from('CT_BUSY'))
    await harness.start()
    await harness.until(300)
    const titles = server.received.map(({ request }) => String(request.association.callingAe))
    expect(titles.indexOf('US_WARD')).toBeLessThan(100)
    expect(new Set(server.received.map(({ request }) => request.association.id)).size).toBeLessThan(6)
  })

  test('what is urgent does not wait for what was claimed before it came', async () => {
    const answer = Promise.withResolvers<StoreReply>()
    const waiting = Promise.withResolvers<void>()
    const server = use(
      await recordingServer({
        end: () => {
          waiting.resolve()
          return answer.promise
        },
      }),
    )
    const harness = await delivering({
      destinations: [archiveAt(server.port)],
      timeouts: { dimse: ms(60_000) },
    })
    const urgentClaimed = Promise.withResolvers<void>()
    const claim = harness.ledger.claim.bind(harness.ledger)
    jest.spyOn(harness.ledger, 'claim').mockImplementation(async (...asked) => {
      const claimed = await claim(...asked)
      if (claimed.some(({ urgent }) => urgent)) urgentClaimed.resolve()
      return claimed
    })
    for (let n = 1; n <= 100; n += 1) await harness.owe(small(n).file)
    await harness.start()
    await waiting.promise
    const stat = small(101)
    await harness.owe(stat.file, ['archive'], { urgent: true })
    await urgentClaimed.promise
    answer.resolve({ status: 0 })
    await harness.until(101)
    const order = server.received.map(({ request }) => String(request.affectedSopInstanceUid))
    // One was on its way, and the first bytes of one more were read.
    expect(order.indexOf(stat.sopInstanceUid)).toBe(2)
  })

  test('an edited instance differs in the edited element alone, and leaves under its digest', async () => {
    const server = await answering(0x0110)
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    const made = small(1, { patientId: 'OLD1' })
    const edits: ResolvedEdit[] = [
      { verb: 'set', path: [{ tag: tagOf(0x0010, 0x0020) }], vr: 'LO', value: Buffer.from('NEW1') },
    ]
    await harness.owe(made.file, ['archive'], { edits })
    await harness.start()
    const [settled] = await harness.until(1)
    const wanted = Buffer.from(made.dataSet.toString('latin1').replace('OLD1', 'NEW1'), 'latin1')
    expect(server.received.map(({ bytes }) => sha256(bytes))).toEqual([sha256(wanted), sha256(wanted)])
    expect(settled?.sentSha256).toBe(sha256(wanted))
  })

  test('a corrupt blob is held and never sent whole, and the others go on', async () => {
    const server = await answering()
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    const { file, dataSet } = small(1)
    const bad = await harness.owe(file)
    const good = await harness.owe(small(2).file)
    const row = await harness.ledger.views.instance(bad.instance)
    const path = harness.blobFile(row?.blob.key ?? '')
    const blob = await readFile(path)
    blob.writeUInt8(0x5a, blob.indexOf(dataSet) + dataSet.length - 3)
    await writeFile(path, blob)
    await harness.start()
    await harness.until(2)
    expect(await harness.delivery(bad.deliveries[0])).toMatchObject({ state: 'HELD', reason: 'blob corrupt' })
    expect((await harness.delivery(good.deliveries[0])).state).toBe('DELIVERED')
    expect(server.received).toHaveLength(1)
  })

  test('a destination that comes up later gets everything, without a counted try, and delays no other', async () => {
    const port = await freePort()
    const other = await answering()
    const late = { ...archiveAt(port), name: 'late' }
    const harness = await delivering({ destinations: [archiveAt(other.port), late] })
    const planned = []
    for (let n = 1; n <= 30; n += 1) planned.push(await harness.owe(small(n).file, ['archive', 'late']))
    await harness.start()
    await harness.until(30)
    expect(other.received).toHaveLength(30)
    expect((await harness.condition('late'))?.down?.reason).toBe('connection-refused')
    // A probe may hold a few of them at this moment.
    const owed = await harness.ledger.views.queueDepth('late')
    expect(owed.ready + owed.waiting + owed.sending).toBe(30)
    const server = await answering()
    await harness.reconfigure([archiveAt(other.port), { ...archiveAt(server.port), name: 'late' }])
    await harness.until(60)
    expect(server.received).toHaveLength(30)
    for (const { deliveries } of planned) expect(await harness.tries(deliveries[1])).toEqual(['DELIVERED 0x0000'])
    expect((await harness.condition('late'))?.down).toBeNull()
  })

  test('a destination that left the rules keeps what is owed to it, held', async () => {
    const port = await freePort()
    const harness = await delivering({ destinations: [archiveAt(port)] })
    const { deliveries } = await harness.owe(small(1).file)
    await harness.start()
    await harness.reconfigure([])
    await harness.until(1)
    expect(await harness.delivery(deliveries[0])).toMatchObject({ state: 'HELD', reason: 'destination gone' })
  })

  test('stopping returns what is on its way uncounted; the next process sends it', async () => {
    const never = Promise.withResolvers<undefined>()
    const reached = Promise.withResolvers<void>()
    const server = use(
      await recordingServer({
        slow: () => {
          reached.resolve()
          return never.promise
        },
      }),
    )
    const { path: folder } = use(await temporaryDir('deliver'))
    const big = ctInstance({ sizeBytes: 40_000_000 })
    const first = await openDelivery({
      folder,
      destinations: [archiveAt(server.port)],
      grace: 100,
      timeouts: { network: ms(60_000) },
    })
    const { deliveries } = await first.owe(big.file)
    await first.start()
    await reached.promise
    await first[Symbol.asyncDispose]()
    never.resolve(undefined)
    const up = await answering()
    const second = use(await openDelivery({ folder, destinations: [archiveAt(up.port)] }))
    await second.start()
    await second.until(1)
    expect(await second.tries(deliveries[0])).toEqual(['DELIVERED 0x0000'])
    expect(sha256(up.received[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(big.dataSet))
  })

  test('stopping gives every line its grace, also those that were opened beside others', async () => {
    const answer = Promise.withResolvers<StoreReply>()
    const bothWait = Promise.withResolvers<void>()
    const waiting = new Set<string>()
    const server = use(
      await recordingServer({
        open: async ({ association }) => void waiting.add(association.id),
        end: () => {
          if (waiting.size === 2) bothWait.resolve()
          return answer.promise
        },
      }),
    )
    const harness = await delivering({
      destinations: [archiveAt(server.port, { dimse: { associations: 2 } })],
      grace: 60_000,
      timeouts: { dimse: ms(60_000) },
    })
    for (let n = 1; n <= 40; n += 1) await harness.owe(small(n).file)
    await harness.start()
    await bothWait.promise
    const stopped = harness[Symbol.asyncDispose]()
    answer.resolve({ status: 0 })
    await stopped
    expect(harness.settled.map(({ state }) => state)).toEqual(['DELIVERED', 'DELIVERED'])
    await server.untilClosed(2)
    expect(server.closed.filter((line) => !line.startsWith('released'))).toEqual([])
  })

  test('a pause holds back what is claimed, and a resume lets it go', async () => {
    const server = await answering()
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    await harness.ledger.destinationPause('archive', 'maintenance', null, { name: 'test' })
    await harness.owe(small(1).file)
    await harness.start()
    await harness.ledger.destinationResume('archive', { name: 'test' })
    await harness.until(1)
    expect(server.received).toHaveLength(1)
  })

  test.each(['a delivery', 'an echo'])(
    'an address that is in force no more is no failure of the new one, though %s was still under way to it',
    async (what) => {
      const tried = Promise.withResolvers<void>()
      const silent = use(
        await serveRaw(async (peer) => {
          await peer.hear()
          tried.resolve()
        }),
      )
      const server = await answering()
      const verify = what === 'an echo' ? 'c_echo' : undefined
      const harness = await delivering({ destinations: [archiveAt(silent.port, { verify })] })
      if (verify !== undefined) await harness.ledger.destinationDown('archive', 1, harness.ledger.now(), 'timeout')
      const down = jest.spyOn(harness.ledger, 'destinationDown')
      const { deliveries } = await harness.owe(small(1).file)
      await harness.start()
      await tried.promise
      await harness.reconfigure([archiveAt(server.port, { verify })])
      await harness.until(1)
      expect(await harness.tries(deliveries[0])).toEqual(['DELIVERED 0x0000'])
      expect(down).not.toHaveBeenCalled()
    },
  )

  test('nor is what the old one said of an instance that was still on its way there', async () => {
    const answer = Promise.withResolvers<StoreReply>()
    const asked = Promise.withResolvers<void>()
    const full = use(
      await recordingServer({
        end: () => {
          asked.resolve()
          return answer.promise
        },
      }),
    )
    const server = await answering()
    const harness = await delivering({ destinations: [archiveAt(full.port)] })
    const down = jest.spyOn(harness.ledger, 'destinationDown')
    const { deliveries } = await harness.owe(small(1).file)
    await harness.start()
    await asked.promise
    await harness.reconfigure([archiveAt(server.port)])
    answer.resolve({ status: 0xa700 })
    await harness.until(1)
    expect(await harness.tries(deliveries[0])).toEqual(['DELIVERED 0x0000'])
    expect(down).not.toHaveBeenCalled()
  })

  test('an archive that knows the titles of modalities alone is there for an echo, and gets everything', async () => {
    const server = use(
      await recordingServer({
        admit: ({ callingAe }) =>
          callingAe === 'KURIR' ? { kind: 'reject', ...REJECT.callingAe } : { kind: 'accept' },
      }),
    )
    const borrowing = archiveAt(server.port, { verify: 'c_echo', dimse: { callingAe: '{calling_ae}' } })
    const harness = await delivering({ destinations: [borrowing] })
    await harness.ledger.destinationDown('archive', 1, harness.ledger.now(), 'connection-refused')
    const { deliveries } = await harness.owe(small(1).file)
    await harness.start()
    await harness.until(1)
    expect(await harness.tries(deliveries[0])).toEqual(['DELIVERED 0x0000'])
    expect(await harness.dispatchers.verify('archive')).toMatchObject({ reached: true })
  })

  test('an archive that is back counts as back, though it takes nothing of what is owed to it', async () => {
    const server = use(await recordingServer({ handlers: { stores: new Map() } }))
    const harness = await delivering({ destinations: [archiveAt(server.port)] })
    await harness.ledger.destinationDown('archive', 1, harness.ledger.now(), 'connection-refused')
    const { deliveries } = await harness.owe(small(1).file)
    const up = Promise.withResolvers<void>()
    const plain = harness.ledger.destinationUp.bind(harness.ledger)
    jest.spyOn(harness.ledger, 'destinationUp').mockImplementation(async (name) => {
      await plain(name)
      up.resolve()
    })
    await harness.start()
    await harness.until(1)
    expect(await harness.delivery(deliveries[0])).toMatchObject({ state: 'HELD', reason: 'no-transfer-syntax' })
    await up.promise
    expect((await harness.condition())?.down ?? null).toBe(null)
  }, 20_000)

  test('an echo tells an operator whether somebody is there', async () => {
    const server = await answering()
    const port = await freePort()
    const harness = await delivering({ destinations: [archiveAt(server.port), { ...archiveAt(port), name: 'nobody' }] })
    await harness.start()
    expect(await harness.dispatchers.verify('archive')).toMatchObject({ reached: true, reason: null })
    expect(await harness.dispatchers.verify('nobody')).toMatchObject({ reached: false, reason: 'connection-refused' })
    expect(await harness.dispatchers.verify('unheard-of')).toBeUndefined()
  })
})

describeWithPeers(['storescp'], 'delivering to dcmtk', () => {
  async function archive(...args: readonly string[]) {
    const { path: home } = use(await temporaryDir('archive'))
    const dir = path.join(home, 'got')
    await mkdir(dir)
    const scp = use(await startStorescp(dir, args))
    return { dir, scp, port: scp.port }
  }

  test('data sets arrive bit-identical', async () => {
    const { dir, port } = await archive()
    const harness = await delivering({ destinations: [archiveAt(port)] })
    const files = Array.from({ length: 20 }, (_, n) => small(n + 1))
    for (const { file } of files) await harness.owe(file)
    await harness.start()
    await harness.until(20)
    expect(await dataSetDigests(dir)).toEqual(files.map(({ dataSet }) => sha256(dataSet)).sort())
  })

  test('what serves one association at a time gets everything on that one, though it lets another wait', async () => {
    const { dir, port } = await archive()
    // Were an instance to wait for the second association, it would wait until the first is released.
    const harness = await delivering({
      destinations: [archiveAt(port, { dimse: { associations: 2 } })],
      linger: 60_000,
      timeouts: { acse: ms(60_000) },
    })
    const files = Array.from({ length: 60 }, (_, n) => small(n + 1))
    for (const { file } of files) await harness.owe(file)
    await harness.start()
    await harness.until(60)
    expect(await dataSetDigests(dir)).toEqual(files.map(({ dataSet }) => sha256(dataSet)).sort())
  })

  test('where only Implicit VR is accepted, VRs are re-encoded and pixels are not', async () => {
    const { dir, port } = await archive('+xi')
    const harness = await delivering({ destinations: [archiveAt(port)] })
    const made = small(1)
    await harness.owe(made.file)
    await harness.start()
    const [settled] = await harness.until(1)
    expect(settled).toMatchObject({ state: 'DELIVERED', sentSha256: sha256(made.dataSet) })
    expect(await readdir(dir)).toHaveLength(1)
  })

  test('what no context is accepted for is held once, and the others of the association go on', async () => {
    const { dir, port } = await archive('+xi')
    const harness = await delivering({ destinations: [archiveAt(port)] })
    // Its pixels are not looked at; that it says JPEG is enough.
    const plain = small(1)
    const explicit = '1.2.840.10008.1.2.1\0'
    const jpeg = Buffer.from(plain.file.toString('latin1').replace(explicit, '1.2.840.10008.1.2.5\0'), 'latin1')
    const parked = await harness.owe(jpeg)
    await harness.owe(small(2).file)
    await harness.start()
    await harness.until(2)
    expect(await harness.delivery(parked.deliveries[0])).toMatchObject({ state: 'HELD', reason: 'no-transfer-syntax' })
    expect(await harness.tries(parked.deliveries[0])).toHaveLength(1)
    expect(await readdir(dir)).toHaveLength(1)
    expect((await harness.condition())?.notes).toContain('1.2.840.10008.1.2.5')
  })

  test.each([['--abort-during'], ['--abort-after'], ['--refuse']])(
    'an archive under %s gets everything once it behaves',
    async (misbehaviour) => {
      const bad = await archive(misbehaviour)
      const harness = await delivering({ destinations: [archiveAt(bad.port)] })
      const files = Array.from({ length: 6 }, (_, n) => small(n + 1, { sizeBytes: 300_000 }))
      for (const { file } of files) await harness.owe(file)
      await harness.start()
      await harness.untilDown()
      const good = await archive()
      await harness.reconfigure([archiveAt(good.port)])
      await harness.until(6)
      expect(await dataSetDigests(good.dir)).toEqual(files.map(({ dataSet }) => sha256(dataSet)).sort())
    },
    20_000,
  )

  test('an archive that hangs is left in time, and nothing follows on that association', async () => {
    const { dir, port, scp } = await archive()
    const harness = await delivering({
      destinations: [archiveAt(port, { retry: { ...quickRetry, first: ms(300), longest: ms(300) } })],
      timeouts: { acse: ms(300), network: ms(300), dimse: ms(300), connect: ms(300) },
    })
    const made = ctInstance({ sizeBytes: 20_000_000 })
    scp.child.kill('SIGSTOP')
    await harness.owe(made.file)
    await harness.start()
    await harness.untilDown()
    scp.child.kill('SIGCONT')
    await harness.until(1)
    expect(await dataSetDigests(dir)).toEqual([sha256(made.dataSet)])
  }, 20_000)
})
