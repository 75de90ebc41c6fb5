import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ms, systemClock } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { HttpClient, type HttpClientSettings } from '../../src/http/client.ts'
import type { HttpSend } from '../../src/http/exchange.ts'
import { type Answering, bodyOf, WebPeer } from '../support/web-peer.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

const never = new AbortController().signal

const peerOf = async (answering: Answering): Promise<WebPeer> => stack.use(await WebPeer.open(answering))

function clientOf(origin: string, settings: Partial<HttpClientSettings> = {}): HttpClient {
  const all = { origin, tls: undefined, proxy: undefined, addresses: [], connections: 8, ...settings }
  return stack.use(new HttpClient(all, systemClock))
}

/** What a failed request was: its code and its retry class. */
async function failure(sent: Promise<unknown>): Promise<string> {
  const thrown: unknown = await sent.then(
    () => 'answered',
    (error: unknown) => error,
  )
  return thrown instanceof KurirError ? `${thrown.code} ${thrown.retry}` : String(thrown)
}

describe('a request', () => {
  test('comes with its method, path, headers and body, and its answer goes back whatever the status', async () => {
    const peer = await peerOf(async (request, response) => {
      const body = await bodyOf(request)
      response.writeHead(406, { 'x-one': ['a', 'b'] })
      response.end(`${request.method} ${request.url} ${request.headers['x-two']} ${body}`)
    })
    const request: HttpSend = {
      method: 'POST',
      url: `${peer.url}/a?b=c`,
      headers: { 'x-two': '2' },
      body: Buffer.from('body'),
    }
    const answer = await clientOf(peer.url).send(request, never)
    expect([answer.status, answer.headers['x-one'], answer.body.toString()]).toEqual([
      406,
      'a, b',
      'POST /a?b=c 2 body',
    ])
  })

  test('to any other origin is refused before anything is connected to', async () => {
    const peer = await peerOf((_request, response) => void response.end())
    for (const url of [peer.url.replace('http', 'https'), 'http://127.0.0.1:1/', 'http://localhost/']) {
      expect(await failure(clientOf(peer.url).send({ method: 'GET', url }, never))).toBe('address-refused permanent')
    }
    expect(peer.connections).toBe(0)
  })

  test('ends with the reason of its signal', async () => {
    const stop = new AbortController()
    const peer = await peerOf(() => stop.abort(new Error('we stop')))
    await expect(clientOf(peer.url).send({ method: 'GET', url: peer.url }, stop.signal)).rejects.toThrow('we stop')
  })
})

describe('an answer', () => {
  test('that is too large is read no further', async () => {
    let sent = 0
    const ended = Promise.withResolvers<void>()
    const peer = await peerOf((_request, response) => {
      const piece = Buffer.alloc(65_536)
      const more = (): void => {
        while (!response.destroyed && response.write(piece)) sent += piece.length
      }
      response.on('drain', more).on('close', () => ended.resolve())
      more()
    })
    const sending = clientOf(peer.url).send({ method: 'GET', url: peer.url, maxResponseBytes: 100_000 }, never)
    expect(await failure(sending)).toBe('answer-too-large ambiguous')
    await ended.promise
    expect(sent).toBeLessThan(20_000_000)
  })

  test.each([
    ['never comes', () => {}, 'timeout ambiguous'],
    ['stops in its headers', (_q, r) => void r.socket?.write('HTTP/1.1 200 OK\r\nX: '), 'timeout ambiguous'],
    ['stops in its body', (_q, r) => void r.writeHead(200, { 'content-length': 9 }).write('abc'), 'timeout ambiguous'],
    ['is no HTTP', (_q, r) => void r.socket?.end('220 mail ready\r\n\r\n'), 'unreadable ambiguous'],
    ['is a reset', (q) => void q.socket.resetAndDestroy(), 'connection-closed ambiguous'],
    ['is an end', (q) => void q.socket.end(), 'connection-closed ambiguous'],
    [
      'ends too early',
      (_q, r) => void r.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
      'connection-closed ambiguous',
    ],
    [
      'has endless headers',
      (_q, r) => void r.socket?.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(99_999)}`),
      'answer-too-large ambiguous',
    ],
  ] satisfies [string, Answering, string][])('that %s is a failure of its kind', async (_name, answering, expected) => {
    const peer = await peerOf(answering)
    const timeouts = { headers: ms(200), body: ms(200), total: ms(3_000) }
    expect(await failure(clientOf(peer.url).send({ method: 'POST', url: peer.url, timeouts }, never))).toBe(expected)
  })

  test('that drips without an end is ended by the limit of the whole', async () => {
    const peer = await peerOf((_request, response) => {
      const drip = setInterval(() => response.write('.'), 20)
      response.on('close', () => clearInterval(drip))
    })
    const sending = clientOf(peer.url).send({ method: 'GET', url: peer.url, timeouts: { total: ms(300) } }, never)
    expect(await failure(sending)).toBe('timeout ambiguous')
  })
})

describe('a connection', () => {
  test('that nobody accepts is a request never taken', async () => {
    const closed = createServer()
    const port = await new Promise<number>((resolve) => {
      closed.listen(0, '127.0.0.1', () => {
        const address = closed.address()
        closed.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
      })
    })
    const url = `http://127.0.0.1:${port}`
    expect(await failure(clientOf(url).send({ method: 'POST', url }, never))).toBe('connection-refused transient')
    const nowhere = 'http://nowhere.invalid'
    expect(await failure(clientOf(nowhere).send({ method: 'POST', url: nowhere }, never))).toBe(
      'connection-refused transient',
    )
  })

  test('is kept for the next request, and where it broke in between a read is sent once more', async () => {
    let requests = 0
    const peer = await peerOf((request, response) => {
      requests++
      if (requests === 2) return void request.socket.resetAndDestroy()
      response.end(String(requests))
    })
    const client = clientOf(peer.url, { connections: 1 })
    const get = async (): Promise<string> =>
      (await client.send({ method: 'GET', url: peer.url }, never)).body.toString()
    expect([await get(), await get(), await get()]).toEqual(['1', '3', '4'])
    expect(peer.connections).toBe(2)
  })

  test('that broke under a write is told, not tried again', async () => {
    let requests = 0
    const peer = await peerOf(async (request) => {
      await bodyOf(request)
      requests++
      request.socket.resetAndDestroy()
    })
    const sending = clientOf(peer.url).send({ method: 'POST', url: peer.url, body: Buffer.from('x') }, never)
    expect(await failure(sending)).toBe('connection-closed ambiguous')
    expect(requests).toBe(1)
  })
})

describe('a redirect', () => {
  test('within the origin is followed by what reads, a few times', async () => {
    const peer = await peerOf((request, response) => {
      if (request.url === '/end') return void response.end('here')
      if (request.url?.startsWith('/round')) return void response.writeHead(302, { location: `${request.url}x` }).end()
      response.writeHead(302, { location: request.url === '/a' ? '/b' : 'end' }).end()
    })
    const client = clientOf(peer.url)
    expect((await client.send({ method: 'GET', url: `${peer.url}/a` }, never)).body.toString()).toBe('here')
    expect((await client.send({ method: 'POST', url: `${peer.url}/a` }, never)).status).toBe(302)
    expect((await client.send({ method: 'GET', url: `${peer.url}/round` }, never)).status).toBe(302)
  })

  test('to elsewhere is an answer, and nothing connects there', async () => {
    const elsewhere = await peerOf((_request, response) => void response.end('secret'))
    const peer = await peerOf((request, response) => {
      const to = new URL(request.url ?? '', 'http://x').searchParams.get('to') ?? ''
      response.writeHead(307, { location: to }).end()
    })
    const client = clientOf(peer.url)
    for (const to of [
      elsewhere.url,
      `//127.0.0.1:${elsewhere.port}/`,
      'http://169.254.169.254/',
      'file:///etc/passwd',
      'http://[',
      `http://a:b@127.0.0.1:${peer.port}/`,
    ]) {
      const answer = await client.send({ method: 'GET', url: `${peer.url}/?to=${encodeURIComponent(to)}` }, never)
      expect([to, answer.status]).toEqual([to, 307])
    }
    expect(elsewhere.connections).toBe(0)
  })
})

describe('addresses', () => {
  test.each([
    'http://169.254.169.254',
    'http://0xa9fea9fe',
    'http://[fe80::1]',
    'http://[::ffff:169.254.169.254]',
    'http://[64:ff9b::169.254.169.254]',
    'http://0.0.0.0',
    'http://100.100.100.200',
  ])('%s is never connected to', async (origin) => {
    const sending = clientOf(origin).send({ method: 'GET', url: `${origin}/latest/meta-data` }, never)
    expect(await failure(sending)).toBe('address-refused permanent')
  })

  test('outside a declared range are refused, whether written or resolved', async () => {
    const peer = await peerOf((_request, response) => void response.end('ok'))
    const named = `http://localhost:${peer.port}`
    const get = (origin: string, addresses: readonly string[]) =>
      clientOf(origin, { addresses }).send({ method: 'GET', url: origin }, never)
    expect(await failure(get(peer.url, ['10.0.0.0/8']))).toBe('address-refused permanent')
    expect(await failure(get(named, ['10.0.0.0/8', 'fd00::/8']))).toBe('address-refused permanent')
    expect(peer.connections).toBe(0)
    expect((await get(named, ['127.0.0.1'])).body.toString()).toBe('ok')
    expect((await get(named, [])).body.toString()).toBe('ok')
  })
})

describe('a streamed body', () => {
  const MANY = 400
  async function* pieces(taken: { count: number }): AsyncGenerator<Uint8Array> {
    for (; taken.count < MANY; taken.count++) yield Buffer.alloc(65_536, taken.count)
  }

  test('is read no faster than the peer takes it', async () => {
    const taken = { count: 0 }
    const [arrived, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const peer = await peerOf(async (request, response) => {
      arrived.resolve()
      await go.promise
      response.end(String((await bodyOf(request)).length))
    })
    const sending = clientOf(peer.url).send({ method: 'POST', url: peer.url, body: () => pieces(taken) }, never)
    await arrived.promise
    // The system's buffers take some of it: when they are full, nothing more is read.
    for (let before = -1; before !== taken.count; ) {
      before = taken.count
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(taken.count).toBeLessThan(MANY)
    go.resolve()
    expect((await sending).body.toString()).toBe(String(MANY * 65_536))
  })

  test('that the peer answers before its end is sent no further', async () => {
    const taken = { count: 0 }
    const peer = await peerOf((_request, response) => void response.writeHead(413).end('too much'))
    const answer = await clientOf(peer.url).send({ method: 'POST', url: peer.url, body: () => pieces(taken) }, never)
    expect([answer.status, answer.body.toString()]).toEqual([413, 'too much'])
    expect(taken.count).toBeLessThan(MANY)
  })

  test('whose answer comes with the end of the connection is answered nevertheless', async () => {
    const server = createServer((socket) => {
      socket
        .on('error', () => {})
        .once('data', () => {
          socket.pause().write('HTTP/1.1 507 Full\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfull', () => {
            socket.resetAndDestroy()
          })
        })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    stack.defer(() => void server.close())
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    const body = () => pieces({ count: 0 })
    expect((await clientOf(url).send({ method: 'POST', url, body }, never)).status).toBe(507)
  })

  test('whose source fails is a failure with that reason', async () => {
    const peer = await peerOf(async (request) => void (await bodyOf(request)))
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10)
      throw new KurirError('blob-corrupt', 'permanent', 'bit rot')
    }
    expect(await failure(clientOf(peer.url).send({ method: 'POST', url: peer.url, body: broken }, never))).toBe(
      'blob-corrupt permanent',
    )
  })
})
