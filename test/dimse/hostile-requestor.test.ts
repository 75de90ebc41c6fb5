import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import {
  abort,
  associated,
  associateRq,
  CT,
  EXPLICIT,
  echoCommand,
  echoes,
  echoPdu,
  hearStatus,
  IMPLICIT,
  JPEG_2000,
  releaseRp,
  releaseRq,
  storeCommand,
  storePdu,
  usOf,
  VERIFICATION,
} from '../support/dimse-bytes.ts'
import { type RecordingServer, recordingServer } from '../support/dimse-server.ts'
import { associateBody, context, dataPdu, item, pdu, pdv, RawPeer, userInformation } from '../support/raw-peer.ts'

const BOUND = ms(5_000)
let running: RecordingServer
beforeAll(async () => {
  running = await recordingServer({ timeouts: { artim: BOUND, network: BOUND } })
})
afterAll(() => running.server.stop())

const rq = (...items: readonly Uint8Array[]): Buffer => pdu(1, associateBody({ items: [...items, userInformation(0)] }))
const ct = context(1, [CT], [EXPLICIT])

describe('before there is an association', () => {
  const cases: readonly (readonly [string, Buffer, string])[] = [
    ['an A-ASSOCIATE-RQ shorter than its fixed fields', pdu(1, Buffer.alloc(20)), '07 2/6'],
    ['two contexts of one id', rq(context(255, [CT], [EXPLICIT]), context(255, [CT], [EXPLICIT])), '07 2/6'],
    ['an even context id', rq(context(2, [CT], [EXPLICIT])), '07 2/6'],
    ['two abstract syntaxes', rq(context(1, [CT, VERIFICATION], [EXPLICIT])), '07 2/6'],
    ['no abstract syntax', rq(context(1, [], [EXPLICIT])), '07 2/6'],
    ['an item longer than its PDU', rq(item(0x20, Buffer.alloc(4), 60_000)), '07 2/6'],
    ['an item longer than its item', rq(item(0x20, Buffer.concat([Buffer.alloc(4), item(0x30, CT, 900)]))), '07 2/6'],
    ['an item cut off', rq(Buffer.from([0x20, 0])), '07 2/6'],
    ['no context', rq(), '03 1/1/1'],
    ['a protocol version without bit 0', pdu(1, associateBody({ version: 2, items: [ct] })), '03 1/2/2'],
    ['another application context', pdu(1, associateBody({ applicationContext: '1.2.3', items: [ct] })), '03 1/1/2'],
    ['an empty calling AE title', pdu(1, associateBody({ callingAe: '', items: [ct] })), '03 1/1/3'],
    ['control characters in the called AE title', pdu(1, associateBody({ calledAe: 'A\nB', items: [ct] })), '03 1/1/7'],
    [
      'a maximum length item of two bytes',
      pdu(1, associateBody({ items: [ct, item(0x50, item(0x51, 'ab'))] })),
      '07 2/6',
    ],
    ['P-DATA-TF before A-ASSOCIATE-RQ', storePdu(), '07 2/2'],
    ['A-RELEASE-RQ before A-ASSOCIATE-RQ', releaseRq, '07 2/2'],
    ['A-RELEASE-RP before A-ASSOCIATE-RQ', releaseRp, '07 2/2'],
    ['A-ASSOCIATE-AC from a requestor', pdu(2, Buffer.alloc(80)), '07 2/2'],
    ['a PDU of 4 GB', pdu(1, Buffer.alloc(0), 0xfffffff0), '07 2/6'],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), '07 2/1'],
    ['a TLS hello', Buffer.from('16030100c8010000c40303', 'hex'), '07 2/1'],
    ['A-ABORT', abort, 'end'],
  ]
  test.each(cases)('%s is answered with %s and nobody else suffers', async (_title, bytes, answer) => {
    using peer = await RawPeer.connect(running.port)
    await peer.send(bytes)
    expect(await peer.hearLine()).toBe(answer)
    expect(await echoes(running.port)).toBe(true)
  })

  test.each([1, 6, 12, 127])('a peer that can receive only %d bytes a PDU is told so', async (max) => {
    using peer = await RawPeer.connect(running.port)
    await peer.send(associateRq(max))
    expect(await peer.hearLine()).toBe('07 2/6')
    expect(await echoes(running.port)).toBe(true)
  })

  test('what was said last is heard though the peer is still sending', async () => {
    using peer = await RawPeer.connect(running.port)
    void peer.send(pdu(1, Buffer.alloc(8), 0xfffffff0), Buffer.alloc(8 * 1024 * 1024))
    expect(await peer.hearLine()).toBe('07 2/6')
    expect(await peer.hearLine()).toBe('end')
  })

  test('a role proposed a thousand times is answered once', async () => {
    using peer = await RawPeer.connect(running.port)
    const role = item(0x54, Buffer.concat([Buffer.from([0, CT.length]), Buffer.from(CT), Buffer.from([1, 0])]))
    const most = Math.floor((65_535 - 17) / role.length)
    const user = userInformation(16_384, ...Array.from({ length: most }, () => role))
    await peer.send(pdu(1, associateBody({ items: [context(3, [CT], [EXPLICIT]), user] })))
    const heard = await peer.hear()
    if (heard.kind !== 'pdu') throw new Error('no answer')
    expect(heard.type).toBe(2)
    expect(heard.body.toString('latin1').split(role.toString('latin1'))).toHaveLength(2)
  })

  test('contexts in any order are answered in theirs', async () => {
    using peer = await RawPeer.connect(running.port)
    await peer.send(
      rq(
        context(5, [CT], [EXPLICIT]),
        context(3, [CT], [JPEG_2000]),
        context(1, ['1.2.840.10008.5.1.4.1.2.2.1'], [IMPLICIT]),
      ),
    )
    const heard = await peer.hear()
    if (heard.kind !== 'pdu') throw new Error('no answer')
    const answers = [...heard.body.toString('latin1').matchAll(/\x21\0\0.(.)\0(.)\0/gs)]
    expect(answers.map((match) => [match[1]?.charCodeAt(0), match[2]?.charCodeAt(0)])).toEqual([
      [5, 0],
      [3, 0],
      [1, 3],
    ])
  })
})

describe('on an association', () => {
  const data = (control: number, length: number, fill = 7): Buffer => pdv(3, control, Buffer.alloc(length, fill))
  const cases: readonly (readonly [string, readonly Buffer[], string])[] = [
    ['a second A-ASSOCIATE-RQ', [associateRq()], '07 2/2'],
    ['A-RELEASE-RP that nobody asked for', [releaseRp], '07 2/2'],
    ['an unknown PDU type', [pdu(0x99, Buffer.alloc(4))], '07 2/1'],
    ['a context that was not accepted', [dataPdu(pdv(77, 3, storeCommand()))], '07 2/6'],
    ['a data set without a command', [dataPdu(data(2, 100))], '07 2/5'],
    ['a command inside a data set', [storePdu(), dataPdu(data(0, 1000)), dataPdu(pdv(3, 3, echoCommand()))], '07 2/5'],
    [
      'a data set on another context',
      [storePdu(), dataPdu(data(0, 1000)), dataPdu(pdv(1, 2, Buffer.alloc(9)))],
      '07 2/6',
    ],
    ['a PDV longer than its PDU', [storePdu(), dataPdu(pdv(3, 0, Buffer.alloc(10), 5_000))], '07 2/6'],
    ['a PDV of length 0', [dataPdu(pdv(3, 0, Buffer.alloc(4), 0))], '07 2/6'],
    ['a P-DATA-TF of 4 GB', [pdu(4, Buffer.alloc(0), 0xfffffff0)], '07 2/6'],
    ['a command set that never ends', [...Array(70)].map(() => dataPdu(pdv(3, 1, Buffer.alloc(1_000)))), '07 2/6'],
    ['a command set of garbage', [dataPdu(pdv(3, 3, Buffer.alloc(40, 0xff)))], '07 0/0'],
    ['a command element longer than its set', [dataPdu(pdv(3, 3, echoCommand().fill(0x7f, 16, 18)))], '07 0/0'],
    ['an answer to nothing', [dataPdu(pdv(1, 3, echoCommand().fill(0x80, 51, 52)))], '07 0/0'],
  ]
  test.each(cases)('%s: A-ABORT, nothing is taken, nobody else suffers', async (_title, pdus, answer) => {
    const before = running.received.length
    using peer = await associated(running.port)
    await peer.send(...pdus, storePdu(9), dataPdu(data(2, 10)))
    expect(await peer.hearLine()).toBe(answer)
    expect(await peer.hearLine()).toBe('end')
    expect(running.received).toHaveLength(before)
    expect(await echoes(running.port)).toBe(true)
  })

  test('an object under way when the protocol breaks is abandoned once', async () => {
    const before = running.abandoned.length
    using peer = await associated(running.port)
    await peer.send(storePdu(), dataPdu(data(0, 1_000)), dataPdu(pdv(77, 0, Buffer.alloc(4))))
    expect(await peer.hearLine()).toBe('07 2/6')
    expect(running.abandoned.slice(before)).toEqual([1_000])
  })

  test.each([
    ['A-ABORT', (peer: RawPeer) => peer.send(abort)],
    ['a reset', async (peer: RawPeer) => void peer.socket.resetAndDestroy()],
    ['FIN', async (peer: RawPeer) => void peer.socket.end()],
    ['A-RELEASE-RQ', (peer: RawPeer) => peer.send(releaseRq)],
  ])('an object under way when the peer sends %s is abandoned once', async (_title, act) => {
    const before = running.abandoned.length
    const closedBefore = running.closed.length
    const peer = await associated(running.port)
    await peer.send(echoPdu(), storePdu(), dataPdu(data(0, 500)))
    expect(await hearStatus(peer)).toBe(0)
    await act(peer)
    await running.untilClosed(closedBefore + 1)
    peer.destroy()
    expect(running.abandoned.slice(before)).toEqual([500])
  })

  test.each([70_000, 100_000])('two PDVs of %d bytes in one PDU stay in order', async (length) => {
    using peer = await associated(running.port)
    const parts = [1, 2, 3, 4, 5, 6].map((fill) => Buffer.alloc(length, fill))
    await peer.send(storePdu())
    for (let at = 0; at < 6; at += 2) {
      await peer.send(dataPdu(...parts.slice(at, at + 2).map((part, i) => pdv(3, at + i === 5 ? 2 : 0, part))))
    }
    expect(await hearStatus(peer)).toBe(0)
    expect(running.received.at(-1)?.bytes.equals(Buffer.concat(parts))).toBe(true)
  })

  test('a command and its whole data set in one PDU, and a last PDV of length zero, are fine', async () => {
    using peer = await associated(running.port)
    await peer.send(dataPdu(pdv(3, 3, storeCommand()), data(0, 64), data(2, 0)))
    expect(await hearStatus(peer)).toBe(0)
    expect(running.received.at(-1)?.bytes).toHaveLength(64)
  })

  test('a command in fragments, and two commands in one PDU, are each answered', async () => {
    using peer = await associated(running.port)
    const command = echoCommand(3)
    await peer.send(
      dataPdu(pdv(1, 1, command.subarray(0, 11)), pdv(1, 3, command.subarray(11)), pdv(1, 3, echoCommand(4))),
    )
    const ids: (number | undefined)[] = []
    for (let n = 0; n < 2; n += 1) {
      const heard = await peer.hear()
      if (heard.kind === 'pdu') ids.push(usOf(heard.body, 0x0120))
    }
    expect(ids).toEqual([3, 4])
  })

  test('a P-DATA-TF longer than we asked for is put up with', async () => {
    using peer = await associated(running.port)
    await peer.send(storePdu(), dataPdu(data(2, 3_000_000)))
    expect(await hearStatus(peer)).toBe(0)
    expect(running.received.at(-1)?.bytes).toHaveLength(3_000_000)
  })

  test('an operation we do not know is answered 0211H, after its data set when it has one', async () => {
    using peer = await associated(running.port)
    const find = (dataSetType: number) => {
      const command = echoCommand()
      command.writeUInt16LE(0x0020, command.indexOf(Buffer.from([0, 0, 0, 1, 2, 0, 0, 0])) + 8)
      command.writeUInt16LE(dataSetType, command.length - 2)
      return command
    }
    await peer.send(dataPdu(pdv(1, 3, find(0x0101))))
    expect(await hearStatus(peer)).toBe(0x0211)
    await peer.send(dataPdu(pdv(1, 3, find(1))), dataPdu(pdv(1, 2, Buffer.alloc(12))))
    expect(await hearStatus(peer)).toBe(0x0211)
    await peer.send(echoPdu())
    expect(await hearStatus(peer)).toBe(0)
  })

  test('an instance UID that is none is refused, and the association goes on', async () => {
    using peer = await associated(running.port)
    const before = running.received.length
    await peer.send(dataPdu(pdv(3, 3, storeCommand(1, '../../evil'))), dataPdu(data(2, 10)))
    expect(await hearStatus(peer)).toBe(0x0117)
    await peer.send(echoPdu(2))
    expect(await hearStatus(peer)).toBe(0)
    expect(running.received).toHaveLength(before)
  })

  test('a peer that has said all and ended its half still gets its answers', async () => {
    using peer = await associated(running.port)
    await peer.send(storePdu(), dataPdu(data(2, 100_000)))
    peer.socket.end()
    expect(await hearStatus(peer)).toBe(0)
    expect(await peer.hearLine()).toBe('end')
  })
})
