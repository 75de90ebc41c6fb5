import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { abort, associated, storePdu } from '../support/dimse-bytes.ts'
import { describeWithPeers } from '../support/peers.ts'
import type { KurirProcess } from '../support/processes.ts'
import { dataPdu, pdu, pdv, type RawPeer } from '../support/raw-peer.ts'
import {
  type Archive,
  ctFiles,
  digestOf,
  forwardTo,
  inLedger,
  isEchoed,
  openSite,
  type Site,
  storeOnce,
} from '../support/site.ts'
import { untilSettled } from '../support/until-settled.ts'

const data = (length: number): Buffer => dataPdu(pdv(3, 0, Buffer.alloc(length, 7)))

describeWithPeers(['storescp', 'echoscu'], 'a sender', () => {
  let site: Site
  let kurir: KurirProcess
  let archive: Archive
  const taken: Buffer[] = []
  beforeAll(async () => {
    site = await openSite('sender-fault')
    archive = await site.archive('arrived')
    await site.rules(forwardTo({ archive: archive.port }))
    kurir = await site.start({ KURIR_NETWORK_TIMEOUT: '1s', KURIR_ACSE_TIMEOUT: '1s' })
  })
  afterAll(async () => {
    await site[Symbol.asyncDispose]()
  })

  /** Somebody else's images are taken meanwhile. */
  async function expectTaken(count: number, sizeBytes: number): Promise<void> {
    const files = ctFiles(taken.length + 1, count, sizeBytes)
    expect(await storeOnce(kurir, files)).toEqual(files.map(() => 0))
    expect(await isEchoed(kurir)).toBe(true)
    taken.push(...files)
  }

  /** Nothing but these was taken in, and it went where it should; the process never fell. */
  async function expectNothingElse(): Promise<void> {
    expect(await isEchoed(kurir)).toBe(true)
    await untilSettled(kurir)
    expect(inLedger(site.dataDir, 'SELECT count(*) FROM instance')).toEqual([taken.length])
    expect(await archive.digests()).toEqual(taken.map(digestOf).sort())
    expect(kurir.child.exitCode).toBeNull()
    expect(kurir.complaints).toEqual([])
  }

  const breaks: readonly (readonly [string, (peer: RawPeer) => Promise<void>])[] = [
    ['aborts', (peer) => peer.send(storePdu(), data(9_000), abort)],
    [
      'resets the connection',
      async (peer) => {
        await peer.send(storePdu(), data(9_000))
        peer.socket.resetAndDestroy()
      },
    ],
    ['falls silent', (peer) => peer.send(storePdu(), data(9_000))],
    ['promises a PDU of 4 GB', (peer) => peer.send(storePdu(), data(9_000), pdu(4, Buffer.alloc(0), 0xfffffff0))],
    ['sends a PDV longer than its PDU', (peer) => peer.send(storePdu(), dataPdu(pdv(3, 2, Buffer.alloc(90), 9_000)))],
    ['sends a fragment of length 0', (peer) => peer.send(storePdu(), dataPdu(pdv(3, 0, Buffer.alloc(2), 0)))],
    ['sends another command inside the data set', (peer) => peer.send(storePdu(), data(900), storePdu(2))],
    ['releases', (peer) => peer.send(storePdu(), data(900), pdu(5, Buffer.alloc(4)))],
  ]
  test.each(breaks)('that %s in the middle of an object leaves nothing behind', async (_what, act) => {
    using peer = await associated(kurir.dicomPort)
    await act(peer)
    while ((await peer.hear()).kind === 'pdu');
    await expectTaken(1, 4_096)
    await expectNothingElse()
  })

  test('that drips its bytes keeps nobody waiting and is not taken for whole', async () => {
    const peers = await Promise.all(Array.from({ length: 40 }, () => associated(kurir.dicomPort)))
    const dripping = new AbortController()
    const drips = peers.map(async (peer) => {
      const bytes = Buffer.concat([storePdu(), data(16_000)])
      for (let at = 0; at < bytes.length && !dripping.signal.aborted; at++) {
        await peer.send(bytes.subarray(at, at + 1))
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })
    await expectTaken(20, 200_000)
    dripping.abort()
    await Promise.all(drips)
    for (const peer of peers) peer.destroy()
    await expectNothingElse()
  })

  test('that holds five hundred associations open keeps nobody out', async () => {
    const peers = await Promise.all(Array.from({ length: 500 }, () => associated(kurir.dicomPort)))
    await expectTaken(5, 4_096)
    for (const peer of peers) peer.socket.resetAndDestroy()
    await expectNothingElse()
  })

  test('whose data set lies about its lengths is taken as it is, held, and not forwarded', async () => {
    const lying = Buffer.from(ctFiles(9_999, 1)[0] ?? [])
    // The length of the first element of the data set becomes more than there is.
    const at = lying.indexOf(Buffer.from([0x08, 0x00, 0x05, 0x00, 0x43, 0x53]))
    lying.writeUInt16LE(0xfffe, at + 6)
    expect(await storeOnce(kurir, [lying])).toEqual([0])
    expect(await isEchoed(kurir)).toBe(true)
    await untilSettled(kurir)
    expect(inLedger(site.dataDir, `SELECT count(*) FROM instance WHERE state = 'HELD'`)).toEqual([1])
    expect(await archive.digests()).toEqual(taken.map(digestOf).sort())
  })
})
