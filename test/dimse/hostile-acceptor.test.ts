import { describe, expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import type { RequestedAssociation, StoreOutcome } from '../../src/dimse/association.ts'
import { type CommandElement, encodeCommandSet } from '../../src/dimse/command-set.ts'
import { nextMessageId } from '../../src/dimse/operation.ts'
import { abort, BIG_ENDIAN, EXPLICIT, IMPLICIT, releaseRp, releaseRq, usOf } from '../support/dimse-bytes.ts'
import { established, propose, request, slices, uid } from '../support/dimse-requests.ts'
import { recordingServer } from '../support/dimse-server.ts'
import {
  answeredContext,
  associateBody,
  dataPdu,
  item,
  pdu,
  pdv,
  type RawPeer,
  serveRaw,
  userInformation,
} from '../support/raw-peer.ts'
import { TestClock } from '../support/test-clock.ts'

const ac = (
  maxPduLength = 16_384,
  contexts = [answeredContext(1, 0, IMPLICIT), answeredContext(3, 0, EXPLICIT)],
): Buffer => pdu(2, associateBody({ items: [...contexts, userInformation(maxPduLength)] }))
const response = (
  field: number,
  messageId: number,
  status: number,
  contextId = 3,
  more: CommandElement[] = [],
): Buffer =>
  dataPdu(
    pdv(
      contextId,
      3,
      encodeCommandSet([
        [0x0100, field],
        [0x0120, messageId],
        [0x0800, 0x0101],
        [0x0900, status],
        [0x0902, 'comment'],
        ...more,
      ]),
    ),
  )
const storeRsp = (messageId: number, status = 0): Buffer => response(0x8001, messageId, status)
const storeRspOf = (messageId: number, sopInstanceUid: string): Buffer =>
  response(0x8001, messageId, 0, 3, [[0x1000, sopInstanceUid]])

/** Hears the A-ASSOCIATE-RQ and answers. */
async function accept(peer: RawPeer, answer = ac()): Promise<void> {
  await peer.hear()
  await peer.send(answer)
}

/** Hears P-DATA-TF until the last fragment of a data set, and gives all its bytes. */
async function hearDataSet(peer: RawPeer): Promise<Buffer> {
  const parts: Buffer[] = []
  for (;;) {
    const heard = await peer.hear()
    if (heard.kind !== 'pdu' || heard.type !== 4) throw new Error('no data set')
    const control = heard.body.readUInt8(5)
    if ((control & 1) === 0) parts.push(heard.body.subarray(6))
    if (control === 2) return Buffer.concat(parts)
  }
}

function store(
  association: RequestedAssociation,
  dataSet: AsyncIterable<Uint8Array> = slices(Buffer.alloc(40_000)),
): Promise<StoreOutcome> {
  const context = association.contexts[1]
  if (context === undefined) throw new Error('no context')
  return association.store({ context, sopInstanceUid: uid('1.2.3'), dataSet })
}

describe('asking for an association', () => {
  const bad: readonly (readonly [string, Buffer])[] = [
    ['a context that was never proposed', ac(0, [answeredContext(1, 0, IMPLICIT), answeredContext(99, 0, EXPLICIT)])],
    ['a transfer syntax that was never proposed', ac(0, [answeredContext(3, 0, BIG_ENDIAN)])],
    ['a transfer syntax of another context', ac(0, [answeredContext(3, 0, IMPLICIT)])],
    ['one context answered twice', ac(0, [answeredContext(3, 0, EXPLICIT), answeredContext(3, 3, '')])],
    ['a maximum length of 1', ac(1)],
    ['a maximum length of 12', ac(12)],
    ['an item longer than its PDU', pdu(2, associateBody({ items: [item(0x21, Buffer.alloc(4), 999)] }))],
    ['A-ASSOCIATE-RQ', pdu(1, associateBody({ items: [] }))],
    ['P-DATA-TF', storeRsp(1)],
    ['A-RELEASE-RQ', releaseRq],
    ['a PDU of 4 GB', pdu(2, Buffer.alloc(0), 0xfffffff0)],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ]
  test.each(bad)('an answer of %s is aborted', async (_title, answer) => {
    const said = Promise.withResolvers<string>()
    await using server = await serveRaw(async (peer) => {
      await accept(peer, answer)
      said.resolve(await peer.hearLine())
      peer.socket.end()
    })
    expect(await request(server.port)).toMatchObject({ kind: 'unreachable', code: 'bad-pdu' })
    expect(await said.promise).toMatch(/^07 2\//)
  })

  test('a rejection is told with its three numbers', async () => {
    await using server = await serveRaw((peer) => accept(peer, pdu(3, Buffer.from([0, 2, 3, 2]))))
    expect(await request(server.port)).toEqual({ kind: 'rejected', result: 2, source: 3, reason: 2 })
  })

  test.each([
    ['A-ABORT', 'aborted', (peer: RawPeer) => peer.send(abort)],
    ['FIN', 'connection-closed', async (peer: RawPeer) => void peer.socket.end()],
    ['a reset', 'connection-closed', async (peer: RawPeer) => void peer.socket.resetAndDestroy()],
  ])('%s instead of an answer', async (_title, code, act) => {
    await using server = await serveRaw(async (peer) => {
      await peer.hear()
      await act(peer)
    })
    expect(await request(server.port)).toMatchObject({ kind: 'unreachable', code })
  })

  test('nobody listening is a refused connection', async () => {
    const server = await serveRaw(async () => {})
    await server[Symbol.asyncDispose]()
    expect(await request(server.port)).toMatchObject({ kind: 'unreachable', code: 'connection-refused' })
  })

  test('a peer that never answers is given up in time, though it drips', async () => {
    const clock = new TestClock()
    const heard = Promise.withResolvers<RawPeer>()
    await using server = await serveRaw(async (peer) => {
      await peer.hear()
      heard.resolve(peer)
    })
    const asking = request(server.port, { clock, timeouts: { acse: ms(1_000), close: ms(100) } })
    const peer = await heard.promise
    for (const byte of ac().subarray(0, 9)) {
      await peer.send(Buffer.of(byte))
      await clock.advance(100)
    }
    await clock.advance(100)
    expect(await asking).toMatchObject({ kind: 'unreachable', code: 'timeout' })
    await clock.advance(100)
  })

  test('a caller that loses patience gets an answer at once', async () => {
    const controller = new AbortController()
    await using server = await serveRaw(async (peer) => {
      await peer.hear()
      controller.abort()
    })
    expect(await request(server.port, { signal: controller.signal })).toMatchObject({
      kind: 'unreachable',
      code: 'aborted',
    })
    expect(await request(server.port, { signal: controller.signal })).toMatchObject({
      kind: 'unreachable',
      code: 'aborted',
    })
  })

  test.each([0, 129])('%d contexts cannot be proposed', async (count) => {
    const contexts = [...Array(count)].map(() => propose('1.2.3', EXPLICIT))
    await expect(request(1, { contexts })).rejects.toMatchObject({ code: 'invalid-argument' })
  })
})

describe('sending an object', () => {
  const ends: readonly (readonly [string, string, (peer: RawPeer) => Promise<void>])[] = [
    ['A-ABORT', 'aborted', (peer) => peer.send(abort)],
    ['FIN', 'connection-closed', async (peer) => void peer.socket.end()],
    ['a reset', 'connection-closed', async (peer) => void peer.socket.resetAndDestroy()],
    ['A-RELEASE-RQ', 'connection-closed', (peer) => peer.send(releaseRq)],
    ['the answer to another message', 'bad-pdu', (peer) => peer.send(storeRsp(77))],
    ['a request', 'bad-pdu', (peer) => peer.send(response(0x0030, 1, 0))],
    ['the answer to an echo', 'bad-pdu', (peer) => peer.send(response(0x8030, 1, 0))],
    ['a Success for another instance', 'bad-pdu', (peer) => peer.send(storeRspOf(1, '1.2.4'))],
    ['garbage', 'bad-pdu', (peer) => peer.send(Buffer.alloc(20, 0xee))],
    ['a command set that cannot be read', 'bad-pdu', (peer) => peer.send(dataPdu(pdv(3, 3, Buffer.alloc(30, 0xff))))],
    [
      'an answer on a context that was not accepted',
      'bad-pdu',
      (peer) => peer.send(dataPdu(pdv(9, 3, Buffer.alloc(30)))),
    ],
  ]
  test.each(ends)('%s after the last fragment: lost, perhaps taken', async (_title, code, act) => {
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      await hearDataSet(peer)
      await act(peer)
    })
    const association = await established(server.port, { timeouts: { close: ms(100) } })
    expect(await store(association)).toMatchObject({ kind: 'lost', code, taken: true })
    expect(association.isOpen).toBe(false)
    expect(await store(association)).toMatchObject({ kind: 'lost', code, taken: false })
    await association.closed
  })

  test.each(ends)('%s in the middle: lost, not taken', async (_title, code, act) => {
    const acted = Promise.withResolvers<void>()
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      await peer.hear()
      await act(peer)
      acted.resolve()
    })
    const association = await established(server.port, { timeouts: { close: ms(100) } })
    const endless = async function* () {
      while (association.isOpen) {
        yield Buffer.alloc(300_000)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    expect(await store(association, endless())).toMatchObject({ kind: 'lost', code, taken: false })
    await association.closed
  })

  test('a source that fails aborts the association, and the last fragment never leaves', async () => {
    const heard = Promise.withResolvers<string>()
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      heard.resolve(await peer.hearLine())
      peer.socket.end()
    })
    const association = await established(server.port)
    const rotten = async function* () {
      yield Buffer.alloc(1_000)
      throw new Error('bit rot')
    }
    expect(await store(association, rotten())).toMatchObject({ kind: 'source-failed', error: new Error('bit rot') })
    expect(await heard.promise).toBe('07 0/0')
    await association.closed
  })

  test('an answer that comes early is the outcome, and the association stays usable', async () => {
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      await peer.hear()
      await peer.send(storeRsp(1, 0xa700))
      await hearDataSet(peer)
      await hearDataSet(peer)
      await peer.send(storeRsp(2))
      await peer.hear()
      await peer.send(releaseRp)
    })
    const association = await established(server.port)
    const first = store(association, slices(Buffer.alloc(3_000_000)))
    const second = store(association)
    expect(await first).toEqual({ kind: 'answered', status: 0xa700, errorComment: 'comment' })
    expect(await second).toMatchObject({ kind: 'answered', status: 0 })
    await association.release()
  })

  test.each(['1.2.3', '1.2.3\0', '1.2.3 ', ' 1.2.3', ''])(
    'an answer that names the instance as "%s" is its own',
    async (said) => {
      await using server = await serveRaw(async (peer) => {
        await accept(peer)
        await hearDataSet(peer)
        await peer.send(storeRspOf(1, said))
        await peer.hear()
        await peer.send(releaseRp)
      })
      const association = await established(server.port)
      expect(await store(association)).toMatchObject({ kind: 'answered', status: 0 })
      await association.release()
    },
  )

  test('a second answer while the data set is still leaving makes the first mean nothing', async () => {
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      await peer.hear()
      await peer.send(storeRsp(1))
      await peer.send(storeRsp(1, 0xa700))
    })
    const association = await established(server.port, { timeouts: { close: ms(100) } })
    const endless = async function* () {
      while (association.isOpen) {
        yield Buffer.alloc(300_000)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    expect(await store(association, endless())).toMatchObject({ kind: 'lost', code: 'bad-pdu', taken: false })
    await association.closed
  })

  test('a peer that never answers is given up after the DIMSE limit', async () => {
    const clock = new TestClock()
    const all = Promise.withResolvers<void>()
    const line = Promise.withResolvers<string>()
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      await hearDataSet(peer)
      all.resolve()
      line.resolve(await peer.hearLine())
      peer.socket.end()
    })
    const association = await established(server.port, { clock, timeouts: { dimse: ms(5_000), network: ms(60_000) } })
    const outcome = store(association)
    await all.promise
    await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(5_000)
    expect(await outcome).toMatchObject({ kind: 'lost', code: 'timeout', taken: true })
    expect(await line.promise).toBe('07 2/0')
    await association.closed
  })

  test('a peer that stops reading is given up after the network limit', async () => {
    const clock = new TestClock()
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      peer.socket.pause()
    })
    const association = await established(server.port, { clock, timeouts: { dimse: ms(60_000), network: ms(1_000) } })
    let given = 0
    const stuck = Promise.withResolvers<void>()
    const large = async function* () {
      for (let n = 0; n < 200; n += 1) {
        given += 1
        const seen = given
        // The kernel takes no more when this wish for a slice is the last for a while.
        setTimeout(() => seen === given && stuck.resolve(), 100)
        yield Buffer.alloc(262_144)
      }
    }
    const outcome = store(association, large())
    await stuck.promise
    await clock.advance(1_000)
    expect(await outcome).toMatchObject({ kind: 'lost', code: 'timeout', taken: false })
    await association.closed
    expect(given).toBeLessThan(200)
  })

  test('a release that is not answered ends in an abort', async () => {
    const clock = new TestClock()
    const line = Promise.withResolvers<string>()
    const asked = Promise.withResolvers<void>()
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      expect(await peer.hearLine()).toBe('05')
      asked.resolve()
      line.resolve(await peer.hearLine())
      peer.socket.end()
    })
    const association = await established(server.port, { clock, timeouts: { release: ms(1_000) } })
    const released = association.release()
    await asked.promise
    await clock.advance(1_000)
    expect(await line.promise).toBe('07 2/0')
    await released
  })

  test('when both ask for release at once, both are answered', async () => {
    const lines: string[] = []
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      lines.push(await peer.hearLine())
      await peer.send(releaseRq)
      lines.push(await peer.hearLine())
      await peer.send(releaseRp)
      lines.push(await peer.hearLine())
      peer.socket.end()
    })
    const association = await established(server.port)
    await association.release()
    expect(lines).toEqual(['05', '06', 'end'])
  })
})

describe('fragments', () => {
  test.each([128, 129, 1_000, 16_384, 0, 500_000])('fit a peer that takes %d bytes a PDU', async (max) => {
    const longest: number[] = []
    const received = Promise.withResolvers<Buffer>()
    await using server = await serveRaw(async (peer) => {
      await accept(peer, ac(max))
      const parts: Buffer[] = []
      for (let last = false; !last; ) {
        const heard = await peer.hear()
        if (heard.kind !== 'pdu') break
        longest.push(heard.body.length)
        expect(heard.body.length % 2).toBe(0)
        const control = heard.body.readUInt8(5)
        if ((control & 1) === 0) parts.push(heard.body.subarray(6))
        last = control === 2
      }
      received.resolve(Buffer.concat(parts))
      await peer.send(storeRsp(1, 0xb000))
      await peer.hear()
      await peer.send(releaseRp)
    })
    const association = await established(server.port, { maxPduLength: 131_072 })
    const bytes = Buffer.from([...Array(70_001)].map((_, n) => n % 251))
    expect(await store(association, slices(bytes, 7_777))).toMatchObject({ kind: 'answered', status: 0xb000 })
    expect(Math.max(...longest)).toBeLessThanOrEqual(max === 0 ? 131_072 : Math.min(max, 131_072))
    // An odd length is padded with one NUL.
    expect((await received.promise).equals(Buffer.concat([bytes, Buffer.alloc(1)]))).toBe(true)
    await association.release()
  })

  test.each([0, 1, 2, 262_130, 262_144, 600_001])(
    'a data set of %d bytes arrives whole, in one slice or in many',
    async (length) => {
      await using running = await recordingServer()
      const association = await established(running.port)
      const bytes = Buffer.from([...Array(length)].map((_, n) => n % 249))
      for (const slice of [length + 1, 1_001, 262_144]) {
        expect(await store(association, slices(bytes, slice))).toEqual({ kind: 'answered', status: 0 })
        const padded = Buffer.concat([bytes, Buffer.alloc(length % 2)])
        expect(running.received.at(-1)?.bytes.equals(padded)).toBe(true)
      }
      await association.release()
    },
  )

  test('message ids go round without 0', async () => {
    const ids: (number | undefined)[] = []
    await using server = await serveRaw(async (peer) => {
      await accept(peer)
      for (;;) {
        const heard = await peer.hear()
        if (heard.kind !== 'pdu') return
        if (heard.type === 5) return peer.send(releaseRp)
        const id = usOf(heard.body, 0x0110)
        ids.push(id)
        await peer.send(response(0x8030, id ?? 0, 0))
      }
    })
    const association = await established(server.port)
    await Promise.all([...Array(3)].map(() => association.echo()))
    expect(ids).toEqual([1, 2, 3])
    expect([65_534, 65_535].map(nextMessageId)).toEqual([65_535, 1])
    await association.release()
  })
})
