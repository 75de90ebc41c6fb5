import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import type { HttpAnswer } from '../../src/http/exchange.ts'
import { HttpPeer } from '../../src/http/peer.ts'
import type { HttpCredentials, HttpReach } from '../../src/http/reach.ts'
import { TestClock } from '../support/test-clock.ts'
import { type Answering, bodyOf, WebPeer } from '../support/web-peer.ts'

let stack: AsyncDisposableStack
let folder: string
let clock: TestClock
beforeEach(() => {
  stack = new AsyncDisposableStack()
  folder = mkdtempSync(join(tmpdir(), 'kurir-peer-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  clock = new TestClock()
})
afterEach(async () => await stack.disposeAsync())

const never = new AbortController().signal

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

function peerOf(url: string, credentials: HttpCredentials, reach: Partial<HttpReach> = {}): HttpPeer {
  const rest = { tls: undefined, proxy: undefined, headers: [], timeout: ms(5_000), addresses: [], atOnce: 250 }
  return stack.use(new HttpPeer({ url, credentials, perSecond: undefined, ...rest, ...reach }, clock))
}

const get = (peer: HttpPeer, url: string): Promise<HttpAnswer> => peer.send({ method: 'GET', url }, never)

/** Answers what it was sent in Authorization and X-Site. */
const echo: Answering = (request, response) => {
  response.end(`${request.headers.authorization ?? 'nothing'} ${request.headers['x-site'] ?? ''}`)
}

/** Gives tokens t1, t2 …, and answers 200 to the newest alone. */
class TokenGiver {
  given = 0
  readonly forms: string[] = []
  answer: (token: string) => { readonly status: number; readonly body: string } = (token) => ({
    status: 200,
    body: JSON.stringify({ access_token: token, expires_in: '3600', token_type: 'BearerToken' }),
  })
  refuseAll = false

  readonly handle: Answering = async (request, response) => {
    if (request.url?.startsWith('/token')) {
      const form = (await bodyOf(request)).toString()
      this.forms.push(`${request.headers.authorization ?? ''} ${form}`.trim())
      const { status, body } = this.answer(`t${++this.given}`)
      response.writeHead(status).end(body)
      return
    }
    const good = !this.refuseAll && request.headers.authorization === `Bearer t${this.given}`
    response.writeHead(good ? 200 : 401).end(request.headers.authorization)
  }
}

async function withTokens(clientAuth: 'body' | 'header' = 'body') {
  const giver = new TokenGiver()
  const site = stack.use(await WebPeer.open(giver.handle))
  const peer = peerOf(site.url, {
    kind: 'oauth2',
    tokenUrl: `${site.url}/token`,
    clientIdFile: file('id', 'the id\n'),
    clientSecretFile: file('secret', 's3cret&\n'),
    scope: 'orders.read',
    clientAuth,
  })
  return { giver, peer, url: `${site.url}/orders` }
}

describe('credentials', () => {
  test('are sent as declared, beside the declared headers, and read again when their file changes', async () => {
    const site = stack.use(await WebPeer.open(echo))
    const headers = [{ name: 'X-Site', value: 'rs' }]
    const token = file('token', 'abc\n')
    const bearer = peerOf(site.url, { kind: 'bearer', tokenFile: token }, { headers })
    expect((await get(bearer, site.url)).body.toString()).toBe('Bearer abc rs')
    file('token', 'another')
    expect((await get(bearer, site.url)).body.toString()).toBe('Bearer another rs')
    const basic = peerOf(site.url, { kind: 'basic', username: 'kurir', passwordFile: file('password', 'p:w\n') })
    expect((await get(basic, site.url)).body.toString()).toBe(`Basic ${btoa('kurir:p:w')} `)
    expect((await get(peerOf(site.url, { kind: 'none' }), site.url)).body.toString()).toBe('nothing ')
  })

  test('that cannot be read or cannot stand in a header are a missing configuration', async () => {
    const site = stack.use(await WebPeer.open(echo))
    for (const tokenFile of [join(folder, 'none'), file('two', 'a\r\nX-Evil: b'), file('empty', '')]) {
      const sending = get(peerOf(site.url, { kind: 'bearer', tokenFile }), site.url)
      await expect(sending).rejects.toMatchObject({ code: 'not-configured', retry: 'transient' })
      await expect(sending).rejects.not.toThrow('X-Evil')
    }
    expect(site.connections).toBe(0)
  })
})

describe('a token', () => {
  test('is asked for once by 200 calls at the same moment, and once more when it has expired', async () => {
    const { giver, peer, url } = await withTokens()
    const round = async (): Promise<readonly number[]> => {
      const answers = await Promise.all(Array.from({ length: 200 }, () => get(peer, url)))
      return [...new Set(answers.map(({ status }) => status))]
    }
    expect(await round()).toEqual([200])
    await clock.advance(3_200_000)
    expect([await round(), giver.given]).toEqual([[200], 1])
    // The margin is a tenth of an hour, at most five minutes.
    await clock.advance(100_000)
    expect([await round(), giver.given]).toEqual([[200], 2])
  })

  test('is asked for with id and secret in the form, or in the header', async () => {
    const inBody = await withTokens()
    await get(inBody.peer, inBody.url)
    expect(inBody.giver.forms).toEqual([
      'grant_type=client_credentials&scope=orders.read&client_id=the+id&client_secret=s3cret%26',
    ])
    const inHeader = await withTokens('header')
    await get(inHeader.peer, inHeader.url)
    expect(inHeader.giver.forms).toEqual([
      `Basic ${btoa('the%20id:s3cret%26')} grant_type=client_credentials&scope=orders.read`,
    ])
  })

  test('that the peer no longer takes is renewed once for all who carried it, and each call is sent once more', async () => {
    const { giver, peer, url } = await withTokens()
    await get(peer, url)
    giver.given++
    const answers = await Promise.all(Array.from({ length: 200 }, () => get(peer, url)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(giver.given).toBe(3)
    giver.refuseAll = true
    expect((await get(peer, url)).status).toBe(401)
    expect(giver.given).toBe(4)
  })

  test('is asked for again when the secret in the file has changed', async () => {
    const { giver, peer, url } = await withTokens()
    await get(peer, url)
    file('secret', 'renewed')
    await get(peer, url)
    expect(giver.forms[1]).toContain('client_secret=renewed')
  })

  test.each([
    ['a number', 3600, 3_300_000],
    ['a text', '3600', 3_300_000],
    ['a long time', 86_400, 86_100_000],
    ['missing', undefined, 270_000],
    ['nothing', 0, 270_000],
    ['negative', -5, 270_000],
    ['a word', 'soon', 270_000],
    ['far too long', 1e15, 86_100_000],
  ])('whose expires_in is %s is kept accordingly', async (_name, expiresIn, lives) => {
    const { giver, peer, url } = await withTokens()
    giver.answer = (token) => ({ status: 200, body: JSON.stringify({ access_token: token, expires_in: expiresIn }) })
    await get(peer, url)
    await clock.advance(lives - 1)
    await get(peer, url)
    expect(giver.given).toBe(1)
    await clock.advance(1)
    await get(peer, url)
    expect(giver.given).toBe(2)
  })

  test('is read behind a byte order mark, as pages made with some editors begin', async () => {
    const { giver, peer, url } = await withTokens()
    giver.answer = (token) => ({ status: 200, body: `\ufeff{"access_token":"${token}","expires_in":3600}` })
    expect((await get(peer, url)).status).toBe(200)
  })

  test.each([
    ['an error', 401, '{"error":"invalid_client","error_description":"CANARY"}', 'answered 401 (invalid_client)'],
    ['an error of Apigee', 401, '{"ErrorCode":"invalid_client"}', 'answered 401 (invalid_client)'],
    ['a page', 200, '<html>CANARY</html>', 'answered without a token'],
    ['a list', 200, '["CANARY"]', 'answered without a token'],
    ['a token of two lines', 200, '{"access_token":"CANARY\\r\\nX: y"}', 'answered without a token'],
    ['no token', 200, '{"access_token":null}', 'answered without a token'],
    ['a fault', 500, 'CANARY', 'answered 500'],
  ])('endpoint that answers %s gives none, and the failure repeats nothing', async (_name, status, body, message) => {
    const { giver, peer, url } = await withTokens()
    giver.answer = () => ({ status, body })
    const thrown: unknown = await get(peer, url).catch((error: unknown) => error)
    expect(thrown).toMatchObject({ code: 'refused', retry: 'transient', message: `the token endpoint ${message}` })
    expect(inspect(thrown, { depth: 9 })).not.toMatch(/CANARY|s3cret/)
  })

  test('is waited for no longer than the caller lives, and others still get it', async () => {
    const { giver, peer, url } = await withTokens()
    const stop = new AbortController()
    const gone = peer.send({ method: 'GET', url }, stop.signal)
    const stays = get(peer, url)
    stop.abort(new Error('gone'))
    await expect(gone).rejects.toThrow('gone')
    expect([(await stays).status, giver.given]).toEqual([200, 1])
  })
})
