import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { expect, test } from '@jest/globals'
import { OneBufferSocket } from '../../src/dimse/one-buffer-socket.ts'

/** Both ends of a connection, the accepted one taken over. */
async function pair() {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepting = once(server, 'connection')
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = await accepting
  return { server, peer, socket: OneBufferSocket.over(accepted) }
}

test('all that comes is read, in order, into the same memory, and the end is heard', async () => {
  const { server, peer, socket } = await pair()
  if (!(socket instanceof OneBufferSocket)) throw new Error('this Node has accepted sockets that we do not know')
  const sent = randomBytes(3_000_000)
  const memories = new Set<ArrayBufferLike>()
  const pieces: Buffer[] = []
  socket.readWith((chunk) => {
    memories.add(chunk.buffer)
    pieces.push(Buffer.from(chunk))
    return true
  })
  const ended = once(socket, 'end')
  peer.end(sent)
  await ended
  expect(memories.size).toBe(1)
  expect(Buffer.concat(pieces).equals(sent)).toBe(true)
  socket.destroy()
  server.close()
  await once(server, 'close')
})

test('a reader that says so gets nothing more until the socket is resumed', async () => {
  const { server, peer, socket } = await pair()
  if (!(socket instanceof OneBufferSocket)) throw new Error('this Node has accepted sockets that we do not know')
  let heard = 0
  let next = Promise.withResolvers<void>()
  socket.readWith((chunk) => {
    heard += chunk.length
    next.resolve()
    return false
  })
  peer.write('one')
  await next.promise
  next = Promise.withResolvers<void>()
  await new Promise<void>((resolve) => peer.write('two', () => resolve()))
  await new Promise((resolve) => setImmediate(resolve))
  expect(heard).toBe(3)
  socket.resume()
  await next.promise
  expect(heard).toBe(6)
  peer.destroy()
  socket.destroy()
  server.close()
})

test('a socket whose inside is not known stays as it is', () => {
  const socket = new Socket()
  expect(OneBufferSocket.over(socket)).toBe(socket)
})
