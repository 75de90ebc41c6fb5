import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import path from 'node:path'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import type { HttpReach } from '../../src/http/reach.ts'
import type { Destination } from '../../src/rules/destination.ts'
import { ctInstance } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { type HarnessOptions, openDelivery, quickRetry } from '../support/delivery-harness.ts'
import { peerPath, testWithPeers } from '../support/peers.ts'
import { freePort, temporaryDir } from '../support/processes.ts'
import { leastOfThree } from '../support/processor-time.ts'
import { failedItem, type StowServer, sequence, startStowServer, storedItem, takesAll } from '../support/stow-server.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

const reach = (port: number, more: Partial<HttpReach> = {}): HttpReach => ({
  url: `http://127.0.0.1:${port}/dicom-web/`,
  credentials: { kind: 'none' },
  tls: undefined,
  proxy: undefined,
  headers: [],
  timeout: ms(2_000),
  addresses: [],
  atOnce: 1,
  perSecond: undefined,
  ...more,
})

const cloud = (to: HttpReach, batch = 50): Destination => ({
  name: 'cloud',
  file: '10.yaml',
  line: 1,
  retry: quickRetry,
  verify: undefined,
  reach: { kind: 'stow', stow: { reach: to, batch } },
})

/** For 127.0.0.1, made on the spot. */
function selfSigned(folder: string, name: string): { readonly keyFile: string; readonly certFile: string } {
  const [keyFile, certFile] = [path.join(folder, `${name}.key`), path.join(folder, `${name}.pem`)]
  const what = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-nodes', '-days', '2']
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const args = ['req', '-x509', ...curve, ...what, '-keyout', keyFile, '-out', certFile]
  execFileSync(peerPath('openssl') ?? 'openssl', args, { stdio: 'ignore' })
  return { keyFile, certFile }
}

async function delivering(
  more: Partial<HttpReach> = {},
  batch = 50,
  options: Partial<HarnessOptions> = {},
): Promise<{ server: StowServer; harness: Awaited<ReturnType<typeof openDelivery>>; home: string }> {
  const home = stack.use(await temporaryDir('stow')).path
  const server = stack.use(await startStowServer())
  const destinations = [cloud(reach(server.port, more), batch)]
  const harness = stack.use(await openDelivery({ folder: home, destinations, ...options }))
  return { server, harness, home }
}

const ct = (n: number, more: Parameters<typeof ctInstance>[0] = {}) =>
  ctInstance({ sizeBytes: 4_096, instanceNumber: n, ...more })
const many = (count: number) => Array.from({ length: count }, (_, n) => ct(n + 1))

async function oweAll(harness: Awaited<ReturnType<typeof openDelivery>>, instances: ReturnType<typeof many>) {
  const owed = []
  for (const { file } of instances) owed.push((await harness.owe(file, ['cloud'])).deliveries[0])
  return owed
}

test('instances go in requests of at most a batch, whole and unchanged, and each is on record', async () => {
  const { server, harness } = await delivering({}, 4)
  const instances = many(10)
  const owed = await oweAll(harness, instances)
  await harness.start()
  await harness.until(10)
  expect(server.seen.map(({ files }) => files.length)).toEqual([4, 4, 2])
  const [first] = server.seen
  expect([first?.method, first?.path]).toEqual(['POST', '/dicom-web/studies'])
  expect(first?.headers['content-type']).toMatch(/^multipart\/related; type="application\/dicom"; boundary="kurir-/)
  const sent = server.seen.flatMap(({ files }) => files.map((file) => sha256(dataSetOf(file))))
  expect(sent.sort()).toEqual(instances.map(({ dataSet }) => sha256(dataSet)).sort())
  for (const file of server.seen[0]?.files ?? []) expect(file.subarray(0, 128).every((byte) => byte === 0)).toBe(true)
  for (const id of owed) expect(await harness.tries(id)).toEqual(['DELIVERED 200'])
})

test('what an edit changed is what leaves, and its digest is kept', async () => {
  const { server, harness } = await delivering()
  const edits = [
    { verb: 'set', path: [{ tag: tagOf(0x0010, 0x0020) }], vr: 'LO', value: Buffer.from('RENEWED ') },
  ] as const
  const { deliveries } = await harness.owe(ct(1).file, ['cloud'], { edits })
  await harness.start()
  await harness.until(1)
  const dataSet = dataSetOf(server.seen[0]?.files[0] ?? Buffer.of())
  expect(dataSet.includes('RENEWED ')).toBe(true)
  expect((await harness.delivery(deliveries[0])).sentSha256).toBe(sha256(dataSet))
})

test('each instance of a request is judged by what the answer says of it', async () => {
  const { server, harness } = await delivering()
  const instances = many(6)
  const [stored = '', warned = '', refused = '', full = '', unclear = '', unnamed = ''] = instances.map(
    ({ sopInstanceUid }) => sopInstanceUid,
  )
  const warning = { ...storedItem(warned), '00081196': { vr: 'US', Value: [0xb000] } }
  server.answer = (request) =>
    request.files.length < 6
      ? takesAll(request)
      : {
          status: 202,
          body: {
            ...sequence('00081199', [storedItem(stored), warning]),
            ...sequence('00081198', [
              failedItem(refused, 0x0122),
              failedItem(full, 0x0110),
              failedItem(unclear, 0xc000),
            ]),
          },
        }
  const owed = await oweAll(harness, instances)
  await harness.start()
  await harness.until(6)
  const tries = await Promise.all(owed.map((id) => harness.tries(id)))
  expect(tries).toEqual([
    ['DELIVERED 202'],
    ['DELIVERED_WITH_WARNING 202 warning'],
    ['PERMANENT 0x0122 sop-class-not-supported'],
    ['TRANSIENT 0x0110 processing-failure', 'DELIVERED 200'],
    ['TRANSIENT 0xC000 cannot-understand', 'DELIVERED 200'],
    ['TRANSIENT 202 not-confirmed', 'DELIVERED 200'],
  ])
  expect(unnamed).not.toBe('')
  // What failed once goes by itself: nobody else pays for it again.
  expect(server.seen.slice(1).map(({ files }) => files.length)).toEqual([1, 1, 1])
})

test('one bad instance makes a server refuse a request; alone it is refused for good and the others arrive', async () => {
  const { server, harness } = await delivering()
  const instances = many(5)
  const poison = instances[2]?.sopInstanceUid ?? ''
  server.answer = (request) => (request.uids.includes(poison) ? { status: 400, body: 'no' } : takesAll(request))
  const owed = await oweAll(harness, instances)
  await harness.start()
  await harness.until(5)
  const states = await Promise.all(owed.map(async (id) => (await harness.delivery(id)).state))
  expect(states).toEqual(['DELIVERED', 'DELIVERED', 'REJECTED', 'DELIVERED', 'DELIVERED'])
  expect(await harness.tries(owed[2])).toEqual(['TRANSIENT 400 bad-request', 'PERMANENT 400 bad-request'])
})

test.each([
  [401, 'not-authorized'],
  [403, 'not-authorized'],
  [404, 'no-such-service'],
  [429, 'too-many-requests'],
  [500, 'server-error'],
  [503, 'server-error'],
  [507, 'out-of-resources'],
])('%i rests the destination, counts no try, and everything arrives once it is over', async (status, reason) => {
  const { server, harness } = await delivering()
  server.answer = () => ({ status })
  const owed = await oweAll(harness, many(3))
  await harness.start()
  expect((await harness.untilDown('cloud')).reason).toBe(reason)
  server.answer = takesAll
  await harness.until(3)
  for (const id of owed) expect(await harness.tries(id)).toEqual(['DELIVERED 200'])
})

test('Retry-After is kept to, in seconds or as a date, within a quarter of an hour', async () => {
  const { server, harness } = await delivering()
  server.answer = () => ({ status: 503, headers: { 'retry-after': '600' } })
  await oweAll(harness, many(1))
  await harness.start()
  const rests = async (): Promise<number> => {
    const { probeAt } = await harness.untilDown('cloud')
    return probeAt - harness.ledger.now()
  }
  expect(await rests()).toBeGreaterThan(590_000)
  const date = 'Sat, 21 Nov 2026 07:00:00 GMT'
  const after = { date, 'retry-after': 'Sat, 21 Nov 2026 09:00:00 GMT' }
  const { restAsked } = await import('../../src/deliver/stow-answer.ts')
  expect(restAsked({ headers: after })).toBe(900_000)
  expect(restAsked({ headers: { 'retry-after': 'soon' } })).toBeUndefined()
})

test('a server that is not there rests the destination; nothing is counted', async () => {
  const home = stack.use(await temporaryDir('stow')).path
  const port = await freePort()
  const harness = stack.use(await openDelivery({ folder: home, destinations: [cloud(reach(port))] }))
  const owed = await oweAll(harness, many(3))
  await harness.start()
  expect((await harness.untilDown('cloud')).reason).toBe('connection-refused')
  for (const id of owed) expect((await harness.delivery(id)).attempts).toBe(0)
})

test('a connection that dies after the request may have been taken: 409 to the same bytes then means they are there', async () => {
  const { server, harness } = await delivering()
  const [one] = many(1)
  let asked = 0
  server.answer = () => {
    asked += 1
    return asked === 1
      ? undefined
      : { status: 409, body: sequence('00081198', [failedItem(one?.sopInstanceUid ?? '', 0x0111)]) }
  }
  const [id] = await oweAll(harness, one === undefined ? [] : [one])
  await harness.start()
  await harness.until(1)
  expect(await harness.tries(id)).toEqual([
    'AMBIGUOUS connection-closed',
    'DELIVERED_WITH_WARNING 0x0111 already-there',
  ])
})

test.each([502, 504])(
  'what had left whole when a gateway answered %i may be behind it: 0111 then means that it is there, and no try is counted',
  async (status) => {
    const { server, harness } = await delivering()
    server.answer = ({ uids }) =>
      server.seen.length === 1
        ? { status }
        : { status: 409, body: sequence('00081198', [failedItem(uids[0] ?? '', 0x0111)]) }
    const [id] = await oweAll(harness, many(1))
    await harness.start()
    await harness.until(1)
    expect(await harness.tries(id)).toEqual(['DELIVERED_WITH_WARNING 0x0111 already-there'])
  },
)

test('a server that answered 503 has taken nothing: 0111 then is a refusal', async () => {
  const { server, harness } = await delivering()
  server.answer = ({ uids }) =>
    server.seen.length === 1
      ? { status: 503 }
      : { status: 409, body: sequence('00081198', [failedItem(uids[0] ?? '', 0x0111)]) }
  const [id] = await oweAll(harness, many(1))
  await harness.start()
  await harness.until(1)
  expect(await harness.tries(id)).toEqual(['PERMANENT 0x0111 duplicate-sop-instance'])
})

const PACKERS: Readonly<Record<string, (text: string) => Buffer>> = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
}
test.each(Object.keys(PACKERS))('lists that come compressed all the same are read: %s', async (encoding) => {
  const { server, harness } = await delivering()
  const pack = PACKERS[encoding] ?? gzipSync
  server.answer = ({ uids }) => ({
    status: 200,
    headers: { 'content-encoding': encoding },
    body: pack(JSON.stringify(sequence('00081198', [failedItem(uids[0] ?? '', 0x0122)]))),
  })
  const [id] = await oweAll(harness, many(1))
  await harness.start()
  await harness.until(1)
  expect(server.seen[0]?.headers['accept-encoding']).toBe('identity')
  expect(await harness.tries(id)).toEqual(['PERMANENT 0x0122 sop-class-not-supported'])
})

test.each([
  ['an encoding that nobody knows', 'zip2', Buffer.from('PK')],
  ['bytes that are not what they say', 'gzip', Buffer.from('no gzip')],
  ['more than anybody lists', 'gzip', gzipSync(Buffer.alloc(8_000_000, 0x20))],
])('a success in %s confirms nothing', async (_, encoding, body) => {
  const { server, harness } = await delivering()
  server.answer = (request) =>
    server.seen.length === 1 ? { status: 200, headers: { 'content-encoding': encoding }, body } : takesAll(request)
  const [id] = await oweAll(harness, many(1))
  await harness.start()
  await harness.until(1)
  expect(await harness.tries(id)).toEqual(['TRANSIENT 200 not-confirmed', 'DELIVERED 200'])
})

test('a server that says 200 and lists nothing has stored nothing', async () => {
  const { server, harness } = await delivering()
  const empty = { ...sequence('00081198', []), '00081199': { vr: 'SQ' } }
  server.answer = (request) => (server.seen.length === 1 ? { status: 200, body: empty } : takesAll(request))
  const [id] = await oweAll(harness, many(1))
  await harness.start()
  await harness.until(1)
  expect(await harness.tries(id)).toEqual(['TRANSIENT 200 not-confirmed', 'DELIVERED 200'])
})

test.each([0x0000, 0xb000, 0xb007, 'none'])(
  'an instance that is listed as failed has not been stored, whatever its reason %s',
  async (reason) => {
    const { server, harness } = await delivering()
    const failed = (uid: string) =>
      typeof reason === 'number' ? failedItem(uid, reason) : { ...storedItem(uid), '00081197': { vr: 'US' } }
    server.answer = ({ uids }) => ({ status: 200, body: sequence('00081198', uids.map(failed)) })
    const [id] = await oweAll(harness, many(1))
    await harness.start()
    await harness.until(1)
    expect((await harness.delivery(id)).state).toBe('REJECTED')
  },
)

test('a 200 that comes before the request was read confirms nobody in it', async () => {
  const { server, harness } = await delivering()
  let early = 0
  server.early = (request, response) => {
    if (early > 0) return false
    early += 1
    response.writeHead(200).end('{}')
    request.resume()
    return true
  }
  const small = await harness.owe(ct(1).file, ['cloud'])
  const big = await harness.owe(ct(2, { sizeBytes: 40_000_000 }).file, ['cloud'])
  await harness.start()
  await harness.until(2)
  const [first] = await harness.tries(small.deliveries[0])
  // It may also break off before the answer is read.
  expect(first).toMatch(/^(?:TRANSIENT 200 not-confirmed|AMBIGUOUS connection-closed)$/)
  expect(server.seen.flatMap(({ uids }) => uids).sort()).toEqual([ct(1).sopInstanceUid, ct(2).sopInstanceUid].sort())
  expect((await harness.delivery(big.deliveries[0])).state).toBe('DELIVERED')
})

test('an answer that was cut within its lists confirms nobody', async () => {
  const { server, harness } = await delivering()
  server.answer = (request) => {
    const whole = JSON.stringify(takesAll(request)?.body)
    const xml = xmlAnswer(request.uids.map((uid) => xmlItem(uid)).join(''), '')
    const said = [whole.slice(0, -3), xml.slice(0, 180), whole][server.seen.length - 1]
    return { status: 200, body: said ?? whole }
  }
  const [id] = await oweAll(harness, many(1))
  await harness.start()
  await harness.until(1)
  expect(await harness.tries(id)).toEqual([
    'TRANSIENT 200 not-confirmed',
    'TRANSIENT 200 not-confirmed',
    'DELIVERED 200',
  ])
})

test('409 to what was never sent before is a conflict', async () => {
  const { server, harness } = await delivering()
  server.answer = () => ({ status: 409, body: 'there is another one' })
  const [id] = await oweAll(harness, many(1))
  await harness.start()
  await harness.until(1)
  expect(await harness.tries(id)).toEqual(['PERMANENT 409 conflict'])
})

test('a server that closes in mid-request takes nothing, and counts against what was on its way', async () => {
  const { server, harness } = await delivering()
  let broken = 0
  server.early = (request) => {
    if (broken > 0) return false
    broken += 1
    request.once('data', () => request.socket.destroy())
    return true
  }
  const big = ct(1, { sizeBytes: 8_000_000 })
  const { deliveries } = await harness.owe(big.file, ['cloud'])
  await harness.start()
  await harness.until(1)
  expect(await harness.tries(deliveries[0])).toEqual(['TRANSIENT connection-closed', 'DELIVERED 200'])
  expect(sha256(dataSetOf(server.seen[0]?.files[0] ?? Buffer.of()))).toBe(sha256(big.dataSet))
})

test('a server that never answers is given up at its time limit, and may have taken it', async () => {
  const { server, harness } = await delivering({ timeout: ms(300) })
  const forever = Promise.withResolvers<undefined>()
  server.answer = (request) => (server.seen.length === 1 ? forever.promise : takesAll(request))
  const [id] = await oweAll(harness, many(1))
  await harness.start()
  await harness.until(1)
  forever.resolve(undefined)
  expect(await harness.tries(id)).toEqual(['AMBIGUOUS timeout', 'DELIVERED 200'])
})

test('an answer that is no DICOM JSON, or far too long, is judged by its status or as none', async () => {
  const { server, harness } = await delivering()
  server.answer = (request) =>
    server.seen.length === 1
      ? { status: 200, body: 'x'.repeat(2_000_000) }
      : { status: 200, body: server.seen.length === 2 ? '<p>fine</p>' : `[${JSON.stringify(takesAll(request))}]` }
  const owed = await oweAll(harness, many(1))
  await harness.start()
  await harness.until(1)
  expect(await harness.tries(owed[0])).toEqual(['AMBIGUOUS answer-too-large', 'DELIVERED 200'])
})

test.each(['<html><form>Sign in</form></html>', '\n<!DOCTYPE HTML>\n<title>Sign in</title>'])(
  'a web page in an answer of Success is not the word of a store: the destination rests, and nothing is counted',
  async (body) => {
    const { server, harness } = await delivering()
    server.answer = (request) => (server.seen.length === 1 ? { status: 200, body } : takesAll(request))
    const owed = await oweAll(harness, many(1))
    await harness.start()
    await harness.until(1)
    expect(server.seen).toHaveLength(2)
    expect(await harness.tries(owed[0])).toEqual(['DELIVERED 200'])
  },
)

const xmlItem = (uid: string, reason = ''): string =>
  `<Item number="1"><DicomAttribute tag="00081155" vr="UI"><Value number="1">${uid}</Value></DicomAttribute>${
    reason === '' ? '' : `<DicomAttribute tag="00081197" vr="US"><Value number="1">${reason}</Value></DicomAttribute>`
  }</Item>`
const xmlAnswer = (stored: string, failed: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
<DicomAttribute tag="00081199" vr="SQ">${stored}</DicomAttribute><DicomAttribute tag="00081198" vr="SQ">${failed}</DicomAttribute>
</NativeDicomModel>`

test('an answer in XML is read like one in JSON', async () => {
  const { server, harness } = await delivering()
  server.answer = ({ uids: [first = '', second = ''] }) => ({
    status: 202,
    headers: { 'content-type': 'application/dicom+xml' },
    body: xmlAnswer(xmlItem(first), xmlItem(second, '43264')),
  })
  const owed = await oweAll(harness, many(2))
  await harness.start()
  await harness.until(2)
  expect(await harness.tries(owed[0])).toEqual(['DELIVERED 202'])
  expect((await harness.delivery(owed[1])).state).toBe('REJECTED')
})

testWithPeers(
  ['openssl'],
  'a server that wants a certificate is shown ours, and takes nothing without it',
  async () => {
    const home = stack.use(await temporaryDir('stow-tls')).path
    const [theirs, ours] = [selfSigned(home, 'server'), selfSigned(home, 'client')]
    const tls = {
      key: readFileSync(theirs.keyFile),
      cert: readFileSync(theirs.certFile),
      ca: readFileSync(ours.certFile),
    }
    const server = stack.use(await startStowServer({ ...tls, requestCert: true, rejectUnauthorized: true }))
    const to = (more: HttpReach['tls']): HttpReach =>
      reach(server.port, { url: `https://127.0.0.1:${server.port}/dicom-web`, tls: more })
    const trusted = { caFile: theirs.certFile }
    const shown = cloud(to({ ...trusted, certFile: ours.certFile, keyFile: ours.keyFile }))
    const destinations = [shown, { ...cloud(to(trusted)), name: 'without' }]
    const harness = stack.use(await openDelivery({ folder: home, destinations }))
    const with1 = await harness.owe(ct(1).file, ['cloud'])
    const without = await harness.owe(ct(2).file, ['without'])
    await harness.start()
    await harness.until(1)
    expect(await harness.tries(with1.deliveries[0])).toEqual(['DELIVERED 200'])
    expect((await harness.untilDown('without')).reason).toMatch(/^(?:untrusted|connection-closed|tls)/)
    // In TLS 1.3 a server says no when the request may be on its way already: some of it counts as lost, none as taken.
    const tries = await harness.tries(without.deliveries[0])
    expect(tries.filter((each) => !/^(?:TRANSIENT|AMBIGUOUS) (?:untrusted|connection-closed)$/.test(each))).toEqual([])
    expect(server.seen.flatMap(({ uids }) => uids)).toEqual([ct(1).sopInstanceUid])
    expect(await harness.dispatchers.verify('cloud')).toMatchObject({ reached: true })
  },
)

test('our own lost bytes hold the one instance; the others of the request arrive', async () => {
  const { server, harness } = await delivering()
  const instances = many(4)
  const owed = await oweAll(harness, instances)
  const row = await harness.ledger.views.instance((await harness.delivery(owed[1])).instance)
  const gone = row?.blob.key ?? ''
  await writeFile(harness.blobFile(gone), Buffer.alloc(64))
  await harness.start()
  await harness.until(4)
  const states = await Promise.all(owed.map(async (id) => (await harness.delivery(id)).state))
  expect(states).toEqual(['DELIVERED', 'HELD', 'DELIVERED', 'DELIVERED'])
  expect(server.seen.flatMap(({ uids }) => uids)).not.toContain(instances[1]?.sopInstanceUid)
})

test('a token from a file goes along, and a renewed one is used at once', async () => {
  const home = stack.use(await temporaryDir('token')).path
  const tokenFile = path.join(home, 'token')
  await writeFile(tokenFile, 'first\n')
  const { server, harness } = await delivering({ credentials: { kind: 'bearer', tokenFile } })
  server.answer = (request) => (request.headers.authorization === 'Bearer second' ? takesAll(request) : { status: 401 })
  const owed = await oweAll(harness, many(2))
  await harness.start()
  expect((await harness.untilDown('cloud')).reason).toBe('not-authorized')
  expect(server.seen[0]?.headers.authorization).toBe('Bearer first')
  await writeFile(tokenFile, 'second\n')
  await harness.until(2)
  for (const id of owed) expect(await harness.tries(id)).toEqual(['DELIVERED 200'])
})

test('a token by client credentials that is no longer taken is renewed, and no try is counted', async () => {
  const home = stack.use(await temporaryDir('oauth')).path
  const [clientIdFile, clientSecretFile] = [path.join(home, 'id'), path.join(home, 'secret')]
  await writeFile(clientIdFile, 'us')
  await writeFile(clientSecretFile, 'hush')
  let issued = 0
  const authority = createServer((_request, response) => {
    issued += 1
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ access_token: `token-${issued}`, token_type: 'Bearer', expires_in: 3600 }))
  }).listen(0, '127.0.0.1')
  await once(authority, 'listening')
  stack.defer(() => {
    authority.closeAllConnections()
    authority.close()
  })
  const address = authority.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const tokenUrl = `http://127.0.0.1:${port}/token`
  const { server, harness } = await delivering({
    credentials: { kind: 'oauth2', tokenUrl, clientIdFile, clientSecretFile, scope: undefined, clientAuth: 'body' },
  })
  server.answer = (request) =>
    request.headers.authorization === 'Bearer token-1' ? { status: 401 } : takesAll(request)
  const owed = await oweAll(harness, many(3))
  await harness.start()
  await harness.until(3)
  for (const id of owed) expect(await harness.tries(id)).toEqual(['DELIVERED 200'])
  expect(issued).toBe(2)
})

/** By how many megabytes this process, which receives them too, grows while 200 leave in one request. */
async function growthBy200Megabytes(): Promise<number> {
  const { server, harness } = await delivering({ timeout: ms(20_000) })
  let bytes = 0
  server.early = (request, response) => {
    request.on('data', (piece: Buffer) => {
      bytes += piece.length
    })
    request.once('end', () => response.writeHead(200).end('{}'))
    return true
  }
  const owed = []
  for (let n = 1; n <= 4; n += 1)
    owed.push((await harness.owe(ct(n, { sizeBytes: 50_000_000 }).file, ['cloud'])).deliveries[0])
  const before = process.memoryUsage.rss()
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 20)
  await harness.start()
  await harness.until(4)
  clearInterval(watch)
  expect(bytes).toBeGreaterThan(200_000_000)
  return (most - before) / 2 ** 20
}

test('200 MB leave in one request without growing with it', async () => {
  expect(await leastOfThree(100, growthBy200Megabytes)).toBeLessThan(100)
})

test('stopping in mid-request returns what was on its way uncounted', async () => {
  const { server, harness } = await delivering({ timeout: ms(20_000) }, 50, { grace: 200 })
  const arrived = Promise.withResolvers<void>()
  server.early = (request) => {
    // It reads nothing: the request stands still.
    request.pause()
    arrived.resolve()
    return true
  }
  const { deliveries } = await harness.owe(ct(1, { sizeBytes: 30_000_000 }).file, ['cloud'])
  await harness.start()
  await arrived.promise
  await harness.dispatchers[Symbol.asyncDispose]()
  const row = await harness.delivery(deliveries[0])
  expect([row.state, row.attempts]).toEqual(['READY', 0])
})
