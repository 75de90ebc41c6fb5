import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ms, systemClock } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { BODY_LIMITS, type BodyLimits, readBody } from '../../src/http/body-reader.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

/** A caller's socket, and its request on our side. */
async function begin(head = 'Content-Length: 100'): Promise<{ socket: Socket; request: IncomingMessage }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const socket = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1')
  stack.defer(() => void socket.destroy())
  socket.on('error', () => {})
  const asked = once(server, 'request')
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`)
  const [request] = await asked
  return { socket, request }
}

/** What was read, and the code of what ended it. */
async function read(request: IncomingMessage, limits: Partial<BodyLimits>, each: () => void = () => {}) {
  const slices: Buffer[] = []
  try {
    for await (const slice of readBody(request, systemClock, { ...BODY_LIMITS, ...limits })) {
      slices.push(slice)
      each()
    }
    return { body: Buffer.concat(slices).toString(), code: null }
  } catch (error) {
    return { body: Buffer.concat(slices).toString(), code: error instanceof KurirError ? error.code : error }
  }
}

test('a body is read to its end, whatever its slices', async () => {
  const { socket, request } = await begin('Transfer-Encoding: chunked')
  const reading = read(request, {}, () => socket.write('0\r\n\r\n'))
  socket.write('3\r\nabc\r\n')
  expect(await reading).toEqual({ body: 'abc', code: null })
})

test('a caller that falls silent is given up, and can still be answered', async () => {
  const { socket, request } = await begin()
  socket.write('abc')
  expect(await read(request, { silence: ms(60) })).toEqual({ body: 'abc', code: 'timeout' })
  expect(request.socket.writable).toBe(true)
})

test('a caller that drips is given up, however regularly it drips', async () => {
  const { socket, request } = await begin()
  socket.write('a')
  const drip = setInterval(() => socket.write('a'), 15)
  stack.defer(() => clearInterval(drip))
  const { code } = await read(request, { silence: ms(400), grace: ms(150), leastRate: 1_000 })
  expect(code).toBe('timeout')
})

test('a caller that goes away is told from one that has finished', async () => {
  const { socket, request } = await begin()
  socket.write('abc')
  expect(await read(request, {}, () => socket.destroy())).toEqual({ body: 'abc', code: 'aborted' })
})

test('a body beyond its limit ends there', async () => {
  const { socket, request } = await begin()
  socket.write('abcdef')
  expect((await read(request, { bytes: 5 })).code).toBe('too-large')
})
