import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer, request as forward } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ms, systemClock } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { HttpClient, type HttpClientSettings } from '../../src/http/client.ts'
import { peerPath, testWithPeers } from '../support/peers.ts'
import { type Answering, WebPeer } from '../support/web-peer.ts'

let stack: AsyncDisposableStack
let folder: string
beforeEach(() => {
  stack = new AsyncDisposableStack()
  folder = mkdtempSync(join(tmpdir(), 'kurir-client-tls-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
})
afterEach(async () => await stack.disposeAsync())

const never = new AbortController().signal
const file = (name: string): string => join(folder, name)

/** A self-signed certificate for the names, as NAME.key and NAME.pem. */
function certificate(name: string, names: string): { readonly key: string; readonly cert: string } {
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const written = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]
  execFileSync(peerPath('openssl') ?? 'openssl', ['req', '-x509', ...curve, ...subject, ...written], {
    stdio: 'ignore',
  })
  return { key: file(`${name}.key`), cert: file(`${name}.pem`) }
}

const pem = ({ key, cert }: { key: string; cert: string }) => ({ key: readFileSync(key), cert: readFileSync(cert) })

function clientOf(origin: string, settings: Partial<HttpClientSettings>): HttpClient {
  const all = { origin, tls: undefined, proxy: undefined, addresses: [], connections: 2, ...settings }
  return stack.use(new HttpClient(all, systemClock))
}

/** The answer's text, or the code and message of the failure. */
async function get(client: HttpClient, url: string): Promise<string> {
  try {
    return (await client.send({ method: 'GET', url }, never)).body.toString()
  } catch (thrown) {
    return thrown instanceof KurirError ? `${thrown.code} ${thrown.retry}: ${thrown.message}` : String(thrown)
  }
}

const hello: Answering = (_request, response) => void response.end('hello')

describe('a certificate', () => {
  testWithPeers(['openssl'], 'is trusted by the CA that is named, and by no other', async () => {
    const right = certificate('right', 'IP:127.0.0.1')
    certificate('other', 'IP:127.0.0.1')
    const peer = stack.use(await WebPeer.open(hello, { tls: pem(right) }))
    expect(await get(clientOf(peer.url, { tls: { caFile: file('right.pem') } }), peer.url)).toBe('hello')
    const untrusted = 'untrusted transient: TLS was not agreed (DEPTH_ZERO_SELF_SIGNED_CERT)'
    expect(await get(clientOf(peer.url, { tls: { caFile: file('other.pem') } }), peer.url)).toBe(untrusted)
    expect(await get(clientOf(peer.url, {}), peer.url)).toBe(untrusted)
  })

  testWithPeers(['openssl'], 'that does not match the name is not trusted', async () => {
    const wrong = certificate('wrong', 'DNS:his.rs.local')
    let requests = 0
    const peer = stack.use(
      await WebPeer.open((_request, response) => void response.end(String(++requests)), { tls: pem(wrong) }),
    )
    const client = clientOf(peer.url, { tls: { caFile: wrong.cert } })
    expect(await get(client, peer.url)).toBe('untrusted transient: TLS was not agreed (ERR_TLS_CERT_ALTNAME_INVALID)')
    expect(requests).toBe(0)
  })

  testWithPeers(['openssl'], 'of our own is shown, and read again when it was renewed', async () => {
    const [server, first, second] = [
      certificate('server', 'IP:127.0.0.1'),
      certificate('first', 'DNS:a'),
      certificate('second', 'DNS:b'),
    ]
    const ca = [readFileSync(first.cert), readFileSync(second.cert)]
    const answering: Answering = (request, response) => {
      // The server speaks TLS alone, so its sockets do.
      const socket = request.socket as TLSSocket
      response.end(String(socket.getPeerCertificate().subject.CN))
    }
    const tls = { ...pem(server), ca, requestCert: true, rejectUnauthorized: true }
    const peer = stack.use(await WebPeer.open(answering, { tls }))
    copyFileSync(first.cert, file('ours.pem'))
    copyFileSync(first.key, file('ours.key'))
    const client = clientOf(peer.url, {
      tls: { caFile: server.cert, certFile: file('ours.pem'), keyFile: file('ours.key') },
    })
    expect(await get(client, peer.url)).toBe('first')
    copyFileSync(second.cert, file('ours.pem'))
    copyFileSync(second.key, file('ours.key'))
    expect(await get(client, peer.url)).toBe('second')
    expect(await get(clientOf(peer.url, { tls: { caFile: server.cert } }), peer.url)).toMatch(
      /^(?:untrusted|connection-closed) /,
    )
  })

  testWithPeers(['openssl'], 'for a server that speaks none is no connection', async () => {
    const peer = stack.use(await WebPeer.open(hello))
    const url = peer.url.replace('http:', 'https:')
    expect(await get(clientOf(url, {}), url)).toMatch(/^untrusted transient: TLS was not agreed \(ERR_SSL_/)
  })

  test('whose file cannot be read is a missing configuration', async () => {
    const client = clientOf('https://127.0.0.1:1', { tls: { caFile: file('none.pem') } })
    expect(await get(client, 'https://127.0.0.1:1')).toBe(
      `not-configured transient: the file ${file('none.pem')} cannot be read`,
    )
  })
})

/** A proxy that forwards http and tunnels https, and remembers what it was asked for. */
async function proxy(): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = []
  const server = createHttpServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const onward = forward(
      request.url ?? '',
      { headers: request.headers, method: request.method ?? 'GET' },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      },
    )
    request.pipe(onward)
  })
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`)
    const [host = '', port] = (request.url ?? '').split(':')
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => socket.destroy())
    socket.on('error', () => onward.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

describe('a proxy', () => {
  test('is asked for http', async () => {
    const peer = stack.use(await WebPeer.open(hello))
    const between = await proxy()
    expect(await get(clientOf(peer.url, { proxy: between.url }), `${peer.url}/x?y=z`)).toBe('hello')
    expect(between.asked).toEqual([`GET ${peer.url}/x?y=z`])
  })

  testWithPeers(['openssl'], 'tunnels https, and sees nothing of it', async () => {
    const right = certificate('right', 'IP:127.0.0.1')
    const peer = stack.use(await WebPeer.open(hello, { tls: pem(right) }))
    const between = await proxy()
    const settings = { proxy: between.url, tls: { caFile: right.cert } }
    expect(await get(clientOf(peer.url, settings), `${peer.url}/secret`)).toBe('hello')
    expect(between.asked).toEqual([`CONNECT 127.0.0.1:${peer.port}`])
    expect(await get(clientOf(peer.url, { proxy: between.url }), peer.url)).toMatch(/^untrusted transient/)
  })

  test.each([
    ['does not know us', 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\nKenari'],
    ['cannot reach the peer', 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\nKenari'],
    ['speaks no HTTP', 'Kenari Kuning'],
    ['hangs up', ''],
  ])('that %s makes no tunnel, and nothing can have been taken', async (_, answer) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answer))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    stack.defer(() => void server.close())
    const between = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const client = clientOf('https://his.invalid', { proxy: between })
    const failed = await get(client, 'https://his.invalid/orders')
    expect(failed).toMatch(/^connection-refused transient: no connection/)
    expect(failed).not.toMatch(/Kenari/)
  })

  test('that never makes the tunnel, and a peer that never agrees on TLS, are no connection when the time is over', async () => {
    const silent = createServer((socket) => void socket.on('error', () => {}).resume())
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    stack.defer(() => void silent.close())
    const at = `127.0.0.1:${(silent.address() as AddressInfo).port}`
    const soon = { timeouts: { total: ms(200) } }
    for (const [url, proxy] of [
      ['https://his.invalid', `http://${at}`],
      [`https://${at}`, undefined],
    ] as const) {
      const sending = clientOf(url, { proxy }).send({ method: 'POST', url, ...soon }, never)
      await expect(sending).rejects.toMatchObject({ code: 'timeout', retry: 'transient' })
    }
  })

  test('that wants to know who we are is not the peer, which has seen nothing', async () => {
    const between = stack.use(
      await WebPeer.open((_request, response) => void response.writeHead(407).end('Kenari'.repeat(1_000))),
    )
    const client = clientOf('http://his.invalid', { proxy: between.url })
    expect(await get(client, 'http://his.invalid/orders')).toBe('refused transient: the proxy does not take us (407)')
    expect(between.connections).toBe(1)
  })

  test('that nobody runs is no connection, and a way around the guard it is not', async () => {
    const client = clientOf('http://his.invalid', { proxy: 'http://127.0.0.1:1' })
    expect(await get(client, 'http://his.invalid')).toBe('connection-refused transient: no connection (ECONNREFUSED)')
    const between = await proxy()
    const metadata = 'http://169.254.169.254'
    expect(await get(clientOf(metadata, { proxy: between.url }), metadata)).toMatch(/^address-refused permanent/)
    expect(between.asked).toEqual([])
  })
})
