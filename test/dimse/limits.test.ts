import { expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import {
  associated,
  associateRq,
  CT,
  EXPLICIT,
  echoes,
  echoPdu,
  hearStatus,
  releaseRq,
  storePdu,
} from '../support/dimse-bytes.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { associateBody, context, dataPdu, pdu, pdv, RawPeer, userInformation } from '../support/raw-peer.ts'
import { TestClock } from '../support/test-clock.ts'

/** Associates and echoes, so that the server has surely read all before. */
async function settled(port: number): Promise<RawPeer> {
  const peer = await associated(port)
  await peer.send(echoPdu())
  await hearStatus(peer)
  return peer
}

test('a peer that connects and says nothing is let go when ARTIM expires', async () => {
  const clock = new TestClock()
  await using running = await recordingServer({ clock, timeouts: { artim: ms(1_000) } })
  using peer = await RawPeer.connect(running.port)
  await clock.untilWaiting()
  await clock.advance(999)
  expect(running.refused).toEqual([])
  await clock.advance(1)
  expect(['end', 'reset']).toContain(await peer.hearLine())
  expect(running.refused).toMatchObject([{ end: 'timeout' }])
  void clock.advance(100)
})

test('bytes that drip in do not hold ARTIM off', async () => {
  const clock = new TestClock()
  await using running = await recordingServer({ clock, timeouts: { artim: ms(1_000) } })
  using peer = await RawPeer.connect(running.port)
  await clock.untilWaiting()
  for (const byte of associateRq().subarray(0, 9)) {
    await peer.send(Buffer.of(byte))
    await clock.advance(100)
  }
  expect(running.refused).toEqual([])
  await clock.advance(200)
  expect(['end', 'reset']).toContain(await peer.hearLine())
  expect(running.refused).toMatchObject([{ end: 'timeout' }])
})

test('a peer that stops in the middle of an object is aborted, and let go though it never closes', async () => {
  const clock = new TestClock()
  const writing = Promise.withResolvers<void>()
  await using running = await recordingServer({
    clock,
    timeouts: { artim: ms(500), network: ms(1_000), idle: ms(60_000) },
    slow: () => {
      writing.resolve()
      return undefined
    },
  })
  using peer = await settled(running.port)
  await peer.send(storePdu(), dataPdu(pdv(3, 0, Buffer.alloc(100))))
  await writing.promise
  await turn()
  await clock.advance(1_000)
  expect(await peer.hearLine()).toBe('07 2/0')
  expect(running.closed).toMatchObject([expect.stringMatching(/^timeout/)])
  expect(running.abandoned).toEqual([100])
  await clock.advance(500)
  expect(running.server.associations).toBe(0)
})

test('an association on which nothing is asked ends after the idle limit, not the network limit', async () => {
  const clock = new TestClock()
  await using running = await recordingServer({ clock, timeouts: { network: ms(1_000), idle: ms(60_000) } })
  using peer = await settled(running.port)
  await clock.advance(59_000)
  await peer.send(echoPdu(2))
  expect(await hearStatus(peer)).toBe(0)
  await clock.advance(59_000)
  expect(running.closed).toEqual([])
  await clock.advance(1_000)
  expect(await peer.hearLine()).toBe('07 2/0')
})

test('a peer that is aborted and never closes is destroyed when ARTIM expires', async () => {
  const clock = new TestClock()
  await using running = await recordingServer({ clock, timeouts: { artim: ms(500) } })
  using peer = await settled(running.port)
  await peer.send(associateRq())
  expect(await peer.hearLine()).toBe('07 2/2')
  expect(await peer.hearLine()).toBe('end')
  const gone = new Promise<void>((resolve) => peer.socket.once('close', () => resolve()))
  peer.socket.on('error', () => {})
  await clock.advance(500)
  // Only a write can show a half-closed socket that the other side is gone.
  for (let n = 0; n < 3; n += 1) await peer.send(Buffer.alloc(10))
  await gone
})

test('one association more than the limit is rejected as transient; a freed place is free at once', async () => {
  await using running = await recordingServer({ maxAssociations: 2 })
  using first = await associated(running.port)
  using second = await associated(running.port)
  using third = await RawPeer.connect(running.port)
  await third.send(associateRq())
  expect(await third.hearLine()).toBe('03 2/3/2')
  await first.send(releaseRq)
  expect(await first.hearLine()).toBe('06')
  expect(await echoes(running.port)).toBe(true)
  await second.send(releaseRq)
})

test('policy rejects with its own words', async () => {
  await using running = await recordingServer({
    admit: ({ callingAe }) =>
      callingAe === 'RAW' ? { kind: 'reject', result: 1, source: 1, reason: 3 } : { kind: 'accept' },
  })
  using peer = await RawPeer.connect(running.port)
  await peer.send(associateRq())
  expect(await peer.hearLine()).toBe('03 1/1/3')
  expect(await peer.hearLine()).toBe('end')
  expect(running.refused).toMatchObject([{ peer: '127.0.0.1', callingAe: 'RAW', calledAe: 'KURIR', end: 'rejected' }])
})

test('an A-ASSOCIATE-RQ of 128 contexts with 43 syntaxes each is read', async () => {
  await using running = await recordingServer()
  const syntaxes = [...Array(43)].map((_, n) => (n === 42 ? EXPLICIT : `1.2.840.10008.1.2.4.${100 + n}`))
  const contexts = [...Array(128)].map((_, n) => context(n * 2 + 1, [CT], syntaxes))
  using peer = await RawPeer.connect(running.port)
  await peer.send(pdu(1, associateBody({ items: [...contexts, userInformation(16_384)] })))
  expect(await peer.hearLine()).toBe('02')
})

test('a slow sink slows the sender down, and memory stays where it is', async () => {
  const gate = Promise.withResolvers<void>()
  await using running = await recordingServer({
    slow: () => gate.promise,
    keep: false,
    timeouts: { network: ms(1_000) },
  })
  const peer = await associated(running.port)
  await peer.send(storePdu())
  const before = process.memoryUsage()
  const chunk = dataPdu(pdv(3, 0, Buffer.alloc(1024 * 1024)))
  let sent = 0
  while (sent < 200 && peer.socket.write(chunk)) sent += 1
  // What the two kernels hold is all that leaves; the rest waits in the sender.
  for (let turns = 0; turns < 50; turns += 1) await turn()
  expect(peer.socket.writableLength).toBeGreaterThan(0)
  const after = process.memoryUsage()
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(8 * 1024 * 1024)
  gate.resolve()
  await peer.send(dataPdu(pdv(3, 2, Buffer.alloc(2))))
  expect(await hearStatus(peer)).toBe(0)
  peer.destroy()
})

test('500 associations are open together and an echo still gets its answer', async () => {
  await using running = await recordingServer()
  const peers = await Promise.all([...Array(500)].map(() => associated(running.port)))
  expect(running.server.associations).toBe(500)
  expect(await echoes(running.port)).toBe(true)
  await Promise.all(peers.map((peer) => peer.send(releaseRq)))
  expect(await Promise.all(peers.map((peer) => peer.hearLine()))).toEqual(peers.map(() => '06'))
  for (const peer of peers) peer.destroy()
  await running.untilClosed(501)
  expect(running.server.associations).toBe(0)
})

test('a handler that refuses hears nothing of the data set, and its reply comes at the end', async () => {
  await using running = await recordingServer({ open: async () => ({ status: 0xa700, errorComment: 'full' }) })
  using peer = await associated(running.port)
  await peer.send(storePdu(), dataPdu(pdv(3, 0, Buffer.alloc(50_000))), dataPdu(pdv(3, 2, Buffer.alloc(2))))
  expect(await hearStatus(peer)).toBe(0xa700)
  await peer.send(echoPdu())
  expect(await hearStatus(peer)).toBe(0)
})

test.each([
  ['open', { open: () => Promise.reject(new Error('x')) }, 0x0110],
  ['write', { slow: () => Promise.reject(new Error('x')) }, 0x0110],
  [
    'write, the disk being full',
    { slow: () => Promise.reject(new KurirError('disk-full', 'transient', 'full')) },
    0xa700,
  ],
  ['end', { end: () => Promise.reject(new Error('x')) }, 0x0110],
])('a failure in %s is answered, and the association goes on', async (_where, options, status) => {
  await using running = await recordingServer(options)
  using peer = await associated(running.port)
  await peer.send(storePdu(), dataPdu(pdv(3, 0, Buffer.alloc(50_000))), dataPdu(pdv(3, 2, Buffer.alloc(2))))
  expect(await hearStatus(peer)).toBe(status)
  await peer.send(echoPdu())
  expect(await hearStatus(peer)).toBe(0)
})

test('an end of the association during a slow write aborts the sink once, after the write', async () => {
  const gate = Promise.withResolvers<void>()
  const writing = Promise.withResolvers<void>()
  await using running = await recordingServer({
    slow: () => {
      writing.resolve()
      return gate.promise
    },
  })
  const peer = await associated(running.port)
  await peer.send(storePdu(), dataPdu(pdv(3, 0, Buffer.alloc(10))))
  await writing.promise
  peer.socket.resetAndDestroy()
  await turn()
  expect(running.abandoned).toEqual([])
  gate.resolve()
  await running.untilClosed(1)
  await turn()
  expect(running.abandoned).toEqual([10])
})

test('a server that stops lets an open association finish and refuses new ones', async () => {
  const running = await recordingServer({ drain: ms(5_000) })
  using peer = await settled(running.port)
  await peer.send(storePdu(), dataPdu(pdv(3, 0, Buffer.alloc(10))))
  const stopped = running.server.stop()
  await expect(RawPeer.connect(running.port)).rejects.toThrow()
  await peer.send(dataPdu(pdv(3, 2, Buffer.alloc(10))))
  expect(await hearStatus(peer)).toBe(0)
  await peer.send(releaseRq)
  expect(await peer.hearLine()).toBe('06')
  peer.destroy()
  await stopped
  expect(running.closed).toEqual(['released: released by the peer'])
})

test('a server that stops aborts what does not finish in time', async () => {
  const controller = new AbortController()
  const running = await recordingServer({ drain: ms(20), signal: controller.signal })
  using peer = await settled(running.port)
  controller.abort()
  expect(await peer.hearLine()).toBe('07 0/0')
  peer.destroy()
  await running.server.stop()
  expect(running.server.associations).toBe(0)
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('bytes of an object that drip in do not hold the network limit off; a slow but steady peer is fine', async () => {
  const clock = new TestClock()
  let written = Promise.withResolvers<void>()
  await using running = await recordingServer({
    clock,
    timeouts: { artim: ms(500), network: ms(1_000) },
    slow: () => {
      written.resolve()
      return undefined
    },
  })
  using peer = await settled(running.port)
  await peer.send(storePdu())
  const drip = async (length: number): Promise<void> => {
    written = Promise.withResolvers<void>()
    await peer.send(dataPdu(pdv(3, 0, Buffer.alloc(length))))
    await written.promise
    await turn()
    await clock.advance(300)
  }
  for (let n = 0; n < 10; n += 1) await drip(1_024)
  expect(running.closed).toEqual([])
  for (let n = 0; n < 2; n += 1) await drip(10)
  expect(running.closed).toEqual([])
  await clock.advance(200)
  expect(running.closed).toMatchObject([expect.stringMatching(/^timeout/)])
})
