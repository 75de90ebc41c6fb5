import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { ms, systemClock } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import { readBody } from '../../src/http/body-reader.ts'
import { createListener, type HttpListener, type ListenerLimits } from '../../src/http/listener.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'

let stack: AsyncDisposableStack
let log: ReadableLog

beforeEach(() => {
  stack = new AsyncDisposableStack()
  log = new ReadableLog()
})
afterEach(async () => await stack.disposeAsync())

async function start(routes: (listener: HttpListener) => void, limits: Partial<ListenerLimits> = {}) {
  const deps = { clock: systemClock, log, newId: idsFrom(systemClock), limits }
  const listener = createListener({ host: '127.0.0.1', port: 0, bodyLimit: 1_000 }, deps)
  stack.use(listener)
  routes(listener)
  const port = await listener.listen()
  return { listener, port, url: `http://127.0.0.1:${port}` }
}

/** Of the last answer in a text of answers. */
const correlationIn = (text: string): string | undefined =>
  [...text.matchAll(/^x-correlation-id: (\S+)\r$/gim)].at(-1)?.[1]

/** Everything a server says until it closes the connection. */
async function said(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

test('an error is a status, a sentence and a correlation id that the log knows, and nothing of ours or theirs', async () => {
  const { url } = await start(({ server }) => {
    server.get('/broken/:id', () => {
      throw new TypeError('secret of CANARY')
    })
  })
  const response = await fetch(`${url}/broken/CANARY?name=CANARY`)
  const body = await response.json()
  const id = response.headers.get('x-correlation-id')
  expect(response.status).toBe(500)
  expect(body).toEqual({ status: 'error', message: expect.any(String), correlation_id: id })
  expect(await log.line('http-request-failed')).toMatchObject({
    correlation: id,
    code: 'internal',
    reason: 'TypeError',
  })
  expect(await log.line('http-request-answered')).toMatchObject({ route: '/broken/:id', status: '500', method: 'GET' })
  expect(`${JSON.stringify(body)}${log.text()}`).not.toContain('CANARY')
  expect([response.headers.get('server'), response.headers.get('x-powered-by')]).toEqual([null, null])
})

test.each([
  ['an address that is not there', 'GET /nothing/CANARY HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
  ['a host that is none', 'GET /echo/1 HTTP/1.1\r\nHost: [CANARY\r\nConnection: close\r\n\r\n', 400],
  ['an address that cannot be decoded', 'GET /echo/%E0%A4%A HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
  [
    'a parameter that is too long',
    `GET /echo/${'x'.repeat(300)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    400,
  ],
  [
    'a body that is too long',
    'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1001\r\nConnection: close\r\n\r\n',
    413,
  ],
  [
    'a body of four gigabytes',
    'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4294967295\r\nConnection: close\r\n\r\n',
    413,
  ],
  [
    'a body of an unknown kind',
    'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/CANARY\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx',
    415,
  ],
  [
    'JSON that is none',
    'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 6\r\nConnection: close\r\n\r\nCANARY',
    400,
  ],
  ['a request that is no HTTP', 'CANARY\r\n\r\n', 400],
  ['headers that are too large', `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'CANARY'.repeat(5_000)}\r\n\r\n`, 431],
  [
    'both lengths of a body',
    'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
])('%s is refused in our words', async (_title, request, status) => {
  const { port } = await start(
    ({ server }) => {
      server.get('/echo/:id', () => 'ok')
      server.post('/echo', () => 'ok')
    },
    { linger: ms(50) },
  )
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  const answer = await said(socket)
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))
  expect(body).toEqual({ status: 'error', message: expect.any(String), correlation_id: correlationIn(answer) })
  expect(await log.line('http-request-answered')).toMatchObject({
    correlation: body.correlation_id,
    status: String(status),
  })
  expect(`${answer}${log.text()}`).not.toMatch(/CANARY|fastify|FST_|node_modules/i)
})

test('headers that drip are given up after their limit, while others are served', async () => {
  const { port, url } = await start(({ server }) => server.get('/', () => 'ok'), { headers: ms(400), request: ms(800) })
  const slow = Array.from({ length: 50 }, () => connect(port, '127.0.0.1'))
  for (const socket of slow) socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')
  expect((await fetch(url)).status).toBe(200)
  const answers = await Promise.all(slow.map(said))
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 408 /)
})

test('a body that drips is given up after its limit', async () => {
  const { port } = await start(({ server }) => server.post('/', () => 'ok'), { headers: ms(200), request: ms(400) })
  const socket = connect(port, '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{')
  const answer = await said(socket)
  expect(answer).toMatch(/^HTTP\/1.1 408 /)
  expect(answer).toContain(`"correlation_id":"${correlationIn(answer)}"`)
})

test('whoever goes on sending after a refusal is cut off after the linger', async () => {
  const { port } = await start(() => undefined, { linger: ms(100) })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('POST /none HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{')
  expect(await said(socket).catch(() => 'HTTP/1.1 413 ')).toMatch(/^HTTP\/1.1 413 /)
})

test('stopping lets an open request finish and takes no new one', async () => {
  const entered = Promise.withResolvers<void>()
  const leave = Promise.withResolvers<void>()
  const { listener, url } = await start(({ server }) => {
    server.get('/', async () => {
      entered.resolve()
      await leave.promise
      return 'finished'
    })
  })
  const open = fetch(url)
  await entered.promise
  const stopped = listener[Symbol.asyncDispose]()
  await expect(fetch(url)).rejects.toThrow()
  leave.resolve()
  expect(await (await open).text()).toBe('finished')
  const from = performance.now()
  await stopped
  expect(performance.now() - from).toBeLessThan(5_000)
})

/** A route whose answer has begun, and is finished then. */
const begunUntil =
  (leave: Promise<void>) =>
  ({ server }: HttpListener): void => {
    server.get('/', (_request, reply) => {
      async function* body() {
        yield Buffer.from('begun, ')
        await leave
        yield Buffer.from('finished')
      }
      return reply.type('text/plain').send(Readable.from(body(), { objectMode: false }))
    })
  }

test.each(['read at once', 'left unread'])(
  'an answer that was on its way when we stopped is finished, and its connection is not waited for: %s',
  async (reader) => {
    const leave = Promise.withResolvers<void>()
    const { listener, url } = await start(begunUntil(leave.promise))
    const answer = await fetch(url)
    const text = reader === 'left unread' ? undefined : answer.text()
    const from = performance.now()
    const stopped = listener[Symbol.asyncDispose]()
    leave.resolve()
    await stopped
    expect(performance.now() - from).toBeLessThan(5_000)
    expect(await (text ?? answer.text())).toBe('begun, finished')
  },
  15_000,
)

test('what is asked while we stop, on a connection whose answer had begun, is refused in our words', async () => {
  const leave = Promise.withResolvers<void>()
  const { listener, port } = await start(begunUntil(leave.promise))
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const [first] = await once(socket, 'data')
  const asked = once(listener.server.server, 'request')
  const stopped = listener[Symbol.asyncDispose]()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const answers = said(socket)
  await asked
  leave.resolve()
  const text = `${first}${await answers}`
  await stopped
  expect(text).toContain('finished')
  expect(text.slice(text.indexOf('finished'))).toContain('HTTP/1.1 503 ')
  expect(text).toContain(`"correlation_id":"${correlationIn(text)}"`)
})

test('stopping waits no longer than its limit for one that hangs', async () => {
  const entered = Promise.withResolvers<void>()
  const { listener, url } = await start(
    ({ server }) =>
      server.get('/', () => {
        entered.resolve()
        return new Promise(() => undefined)
      }),
    { drain: ms(100) },
  )
  const open = fetch(url).catch(() => 'cut off')
  await entered.promise
  await listener[Symbol.asyncDispose]()
  expect(await open).toBe('cut off')
})

test('a caller’s own correlation id is given back where the port says so, and only ours is logged', async () => {
  const listener = createListener(
    { host: '127.0.0.1', port: 0, bodyLimit: 1_000, correlation: 'callers' },
    { clock: systemClock, log, newId: idsFrom(systemClock) },
  )
  stack.use(listener)
  const url = `http://127.0.0.1:${await listener.listen()}`
  const asked = await fetch(`${url}/nothing`, { headers: { 'x-correlation-id': 'CANARY-1' } })
  expect(asked.headers.get('x-correlation-id')).toBe('CANARY-1')
  expect(await asked.json()).toMatchObject({ correlation_id: 'CANARY-1' })
  expect(await log.line('http-request-answered')).toMatchObject({ correlation: asked.headers.get('x-request-id') })
  for (const odd of ['has spaces', 'x'.repeat(200), '']) {
    const response = await fetch(`${url}/nothing`, { headers: { 'x-correlation-id': odd } })
    expect(response.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/)
  }
  expect(log.text()).not.toContain('CANARY')
})

test('where streams may take long, any other body is still held to its limit, and told so in our words', async () => {
  const { port } = await start(
    ({ server }) => {
      server.post('/short', () => 'read')
      server.addContentTypeParser('application/x', (_request, _body, done) => done(null))
      server.post('/long', { config: { streams: true } }, async (request) => {
        for await (const slice of readBody(request.raw, systemClock)) String(slice)
        return 'streamed'
      })
    },
    { request: ms(150), stream: ms(60_000) },
  )
  const begin = (path: string, type: string): Socket => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 4\r\n`)
    socket.write('Connection: close\r\n\r\n[1')
    return socket
  }
  const long = begin('/long', 'application/x')
  const late = await said(begin('/short', 'application/json'))
  expect(late).toContain('HTTP/1.1 408')
  expect(late).toContain(`"correlation_id":"${correlationIn(late)}"`)
  expect(await log.line('http-request-answered')).toMatchObject({
    correlation: correlationIn(late),
    route: '/short',
    status: '408',
  })
  long.write('2]')
  expect(await said(long)).toContain('streamed')
})
