// Every row of the two tables of the store's contract, once, through a real socket. What each row means in detail is tested
// beside it: stow-door, stow-models, stow-hostile, flow/relay.
import { connect } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { KurirError } from '../../src/base/failure.ts'
import type { StowDoorDeps } from '../../src/ingest/stow-door.ts'
import type { Spool } from '../../src/spool/spool.ts'
import { siteFolders, startApp } from '../support/app-in-process.ts'
import { ctInstance, type MadeInstance } from '../support/data-set.ts'
import { recordingServer } from '../support/dimse-server.ts'
import { ingestToken } from '../support/ingest-token.ts'
import { collect } from '../support/spool-on-disk.ts'
import { dicomPart, type MadePart, related, relatedType } from '../support/stow-bodies.ts'
import { type StowFixture, startStow } from '../support/stow-harness.ts'

/** For every row that asks for nothing else. */
let usual: StowFixture
beforeAll(async () => {
  usual = await startStow()
})
afterAll(async () => await usual[Symbol.asyncDispose]())

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

const open = async (options: Partial<StowDoorDeps> = {}, spool?: (real: Spool) => Pick<Spool, 'begin'>) =>
  stack.use(await startStow(options, spool))

type Headers = Readonly<Record<string, string>>

const STUDY = '2.25.314159'
const ct = (instanceNumber: number, more = {}): MadeInstance =>
  ctInstance({ instanceNumber, sizeBytes: 4_096, ...more })
const uid = (number: number): string => ct(number).sopInstanceUid
const files = (...instances: readonly MadeInstance[]): Buffer => related(instances.map(({ file }) => dicomPart(file)))
const plain = { 'content-type': 'application/dicom' }

const PDF = Buffer.from('%PDF-1.4 of an odd length')
const attribute = (tag: string, vr: string, inner: string): string =>
  `<DicomAttribute tag="${tag}" vr="${vr}">${inner}</DicomAttribute>`
const value = (tag: string, vr: string, text: string): string => attribute(tag, vr, `<Value number="1">${text}</Value>`)

/** An encapsulated PDF in the Native DICOM Model, whose document is the part `doc`. */
function xmlModel(more = ''): string {
  const family = '<PersonName number="1"><Alphabetic><FamilyName>Müller</FamilyName></Alphabetic></PersonName>'
  const uids = `${value('00080016', 'UI', '1.2.840.10008.5.1.4.1.1.104.1')}${value('00080018', 'UI', '1.2.3.4')}`
  const study = `${value('0020000D', 'UI', '1.2.3')}${value('0020000E', 'UI', '1.2.3.1')}`
  const document = attribute('00420011', 'OB', '<BulkData uri="doc"/>')
  return `<NativeDicomModel>${more}${uids}${attribute('00100010', 'PN', family)}${study}${document}</NativeDicomModel>`
}

const jsonModel = (more: object = {}): object => ({
  '00080016': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.7'] },
  '00080018': { vr: 'UI', Value: ['1.2.3.4'] },
  '0020000D': { vr: 'UI', Value: ['1.2.3'] },
  '0020000E': { vr: 'UI', Value: ['1.2.3.1'] },
  ...more,
})

const xml = (body = xmlModel(), parameters = ''): MadePart => ({
  headers: { 'Content-Type': `application/dicom+xml${parameters}` },
  body,
})
const json = (body: unknown): MadePart => ({
  headers: { 'Content-Type': 'application/dicom+json' },
  body: JSON.stringify(body),
})
const bulk = (name: string, body: Buffer, more: Headers = {}): MadePart => ({
  headers: { 'Content-Type': 'application/octet-stream', 'Content-Location': name, ...more },
  body,
})

const EXPLICIT = '1.2.840.10008.1.2.1'
const IMPLICIT = '1.2.840.10008.1.2'
const META = value('00020010', 'UI', IMPLICIT)

interface Stored {
  readonly transferSyntax: string
  readonly dataSet: Buffer
}
type RequestRow = readonly [name: string, headers: Headers, body: Buffer, holds: (stored: readonly Stored[]) => void]

const same =
  (...instances: readonly MadeInstance[]) =>
  (stored: readonly Stored[]): void =>
    expect(stored.map(({ dataSet }) => dataSet)).toEqual(instances.map(({ dataSet }) => dataSet))
/** One instance with these bytes in it. */
const one =
  (transferSyntax: string, ...pieces: readonly (Buffer | string)[]) =>
  (stored: readonly Stored[]): void => {
    expect(stored.map((each) => each.transferSyntax)).toEqual([transferSyntax])
    expect(pieces.filter((piece) => stored[0]?.dataSet.includes(piece) !== true)).toEqual([])
  }

const xmlType = relatedType('application/dicom+xml')
const jsonType = relatedType('application/dicom+json')
const ul = (number: number): Buffer => {
  const bytes = Buffer.from('\x42\x00\x15\x00UL\x04\x00\0\0\0\0', 'latin1')
  bytes.writeUInt32LE(number, 8)
  return bytes
}
const withBulk = related([xml(), bulk('doc', PDF)])
const padded = Buffer.concat([PDF, Buffer.of(0)])
const LONGEST = 'b'.repeat(70)

const REQUESTS: readonly RequestRow[] = [
  ['multipart of application/dicom', relatedType(), files(ct(1), ct(2)), same(ct(1), ct(2))],
  ['multipart of application/dicom+xml and its bulk data', xmlType, withBulk, one(EXPLICIT, padded, ul(PDF.length))],
  ['group 0002 in the model is file meta', xmlType, related([xml(xmlModel(META)), bulk('doc', PDF)]), one(IMPLICIT)],
  [
    'the part’s transfer-syntax goes before (0002,0010)',
    xmlType,
    related([xml(xmlModel(META), `; transfer-syntax=${EXPLICIT}`), bulk('doc', PDF)]),
    one(EXPLICIT, padded),
  ],
  [
    'text is written in the declared character set',
    xmlType,
    related([xml(xmlModel(value('00080005', 'CS', 'ISO_IR 100'))), bulk('doc', PDF)]),
    one(EXPLICIT, Buffer.from('Müller', 'latin1'), 'ISO_IR 100'),
  ],
  [
    'text that the declared character set cannot hold makes it ISO_IR 192',
    xmlType,
    related([xml(xmlModel(value('00080005', 'CS', 'ISO_IR 144'))), bulk('doc', PDF)]),
    one(EXPLICIT, Buffer.from('Müller', 'utf8'), 'ISO_IR 192'),
  ],
  [
    'multipart of application/dicom+json and its bulk data',
    jsonType,
    related([json([jsonModel({ '7FE00010': { vr: 'OW', BulkDataURI: 'px' } })]), bulk('px', Buffer.from('pixels'))]),
    one(EXPLICIT, 'pixels'),
  ],
  [
    'application/dicom+json alone',
    { 'content-type': 'application/dicom+json' },
    Buffer.from(JSON.stringify([jsonModel()])),
    one(EXPLICIT, '1.2.3.4'),
  ],
  ['application/dicom alone', plain, ct(1).file, same(ct(1))],
  [
    'Content-Encoding: gzip on multipart',
    { ...relatedType(), 'content-encoding': 'gzip' },
    gzipSync(files(ct(1))),
    same(ct(1)),
  ],
  [
    'Content-Encoding: deflate on multipart',
    { ...relatedType(), 'content-encoding': 'deflate' },
    deflateSync(files(ct(1))),
    same(ct(1)),
  ],
  ['Content-Encoding: gzip on one alone', { ...plain, 'content-encoding': 'gzip' }, gzipSync(ct(1).file), same(ct(1))],
  [
    'Content-Encoding: gzip on metadata and bulk data',
    { ...xmlType, 'content-encoding': 'gzip' },
    gzipSync(withBulk),
    one(EXPLICIT, padded),
  ],
  [
    'a part’s own Content-Encoding',
    xmlType,
    related([xml(), bulk('doc', gzipSync(PDF), { 'Content-Encoding': 'gzip' })]),
    one(EXPLICIT, padded, ul(PDF.length)),
  ],
  [
    'type and boundary without quotes',
    { 'content-type': 'multipart/related; type=application/dicom; boundary=kurir-test' },
    files(ct(1)),
    same(ct(1)),
  ],
  [
    'type and boundary in quotes',
    { 'content-type': 'multipart/related; type="application/dicom"; boundary="kurir-test"' },
    files(ct(1)),
    same(ct(1)),
  ],
  [
    'a boundary of seventy characters',
    relatedType('application/dicom', LONGEST),
    related([dicomPart(ct(1).file)], LONGEST),
    same(ct(1)),
  ],
  [
    'CRLF and words before the first boundary and behind the last',
    relatedType(),
    Buffer.concat([Buffer.from('\r\nto whom it may concern\r\n'), files(ct(1)), Buffer.from('\r\nyours\r\n\r\n')]),
    same(ct(1)),
  ],
  [
    'parts with a Content-Length, and without',
    relatedType(),
    related([
      { ...dicomPart(ct(1).file), headers: { ...plain, 'Content-Length': String(ct(1).file.length) } },
      dicomPart(ct(2).file),
    ]),
    same(ct(1), ct(2)),
  ],
]

test.each(REQUESTS)('a store of %s is taken', async (_name, headers, body, holds) => {
  const { ledger, spool } = usual.shelf
  const before = await ledger.unplanned(999)
  const response = await usual.post('/studies', body, headers)
  expect({ status: response.status, body: response.status === 200 ? '' : await response.text() }).toEqual({
    status: 200,
    body: '',
  })
  // In the order in which they came: several are admitted at once.
  const come = (await ledger.unplanned(999)).slice(before.length).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const read = come.map(async ({ identity, blob }) => ({
    transferSyntax: identity.transferSyntaxUid,
    dataSet: await collect(spool.read(blob)),
  }))
  holds(await Promise.all(read))
})

test.each(['application/dicom+json+dckv', 'application/dicom+json+edckv'])(
  '%s is 415 and names what is taken, in multipart and alone',
  async (type) => {
    for (const headers of [relatedType(type), { 'content-type': type }]) {
      const response = await usual.post('/studies', files(ct(1)), headers)
      expect(response.status).toBe(415)
      expect(await response.json()).toMatchObject({
        message: expect.stringMatching(/application\/dicom, application\/dicom\+json, application\/dicom\+xml/),
      })
    }
  },
)

type Item = Readonly<Record<string, { readonly vr: string; readonly Value?: readonly unknown[] }>>

/** Status, what was stored and what failed with which reason: as (0008,1199), (0008,1198) and (0008,119A) have it. */
async function digested(response: Response) {
  const text = await response.text()
  const body: Record<string, { Value?: Item[] }> = text.startsWith('{"0') ? JSON.parse(text) : {}
  const items = (tag: string) => body[tag]?.Value ?? []
  const first = (item: Item, tag: string): unknown => item[tag]?.Value?.[0]
  return {
    status: response.status,
    stored: items('00081199').map((item) => first(item, '00081155')),
    failed: items('00081198').map((item) => [first(item, '00081155'), first(item, '00081197')]),
    nameless: items('0008119A').map((item) => first(item, '00081197')),
  }
}

interface Answered {
  readonly stored?: readonly string[]
  readonly failed?: readonly (readonly [string, number])[]
  readonly nameless?: readonly number[]
}
type StatusRow = readonly [
  status: number,
  when: string,
  ask: (door: StowFixture) => Promise<Response>,
  answered: Answered,
  options?: Partial<StowDoorDeps>,
]

const stranger = ct(9, { studyInstanceUid: '2.25.999' })
const noDicom = dicomPart(Buffer.from('no DICOM at all'))
const store =
  (body: Buffer, headers: Headers = relatedType(), path = '/studies') =>
  (door: StowFixture): Promise<Response> =>
    door.post(path, body, headers)
const again = async (door: StowFixture): Promise<Response> => {
  await door.post('/studies', files(ct(1)), relatedType())
  return door.post('/studies', files(ct(1, { patientName: 'ELSE' })), relatedType())
}
const refusing: Partial<StowDoorDeps> = { onChangedAt: () => 'refuse' }
const SENT_TWICE = { stored: [uid(1)] }

const STATUSES: readonly StatusRow[] = [
  [200, 'all are stored', store(files(ct(1), ct(2))), { stored: [uid(1), uid(2)] }],
  [200, 'the same bytes come again', store(files(ct(1), ct(1))), { stored: [uid(1), uid(1)] }],
  [200, 'other bytes come under a UID that is here', again, SENT_TWICE],
  [
    202,
    'some are stored, one is of another study, one is no DICOM',
    store(related([dicomPart(ct(1).file), dicomPart(stranger.file), noDicom]), relatedType(), `/studies/${STUDY}`),
    { stored: [uid(1)], failed: [[stranger.sopInstanceUid, 0xa900]], nameless: [0xc000] },
  ],
  [204, 'there is no instance in the body', store(Buffer.from('--kurir-test--\r\n')), {}],
  [
    204,
    'there is no instance in the array',
    store(Buffer.from('[]'), { 'content-type': 'application/dicom+json' }),
    {},
  ],
  [400, 'the body has no boundary in it', store(Buffer.from('nonsense')), {}],
  [400, 'the body is no gzip', store(Buffer.from('x'), { ...plain, 'content-encoding': 'gzip' }), {}],
  [401, 'there is no token', store(files(ct(1)), { ...relatedType(), authorization: '' }), {}],
  [403, 'the token has another role', store(files(ct(1)), { ...relatedType(), authorization: 'Bearer VIEWER' }), {}],
  [409, 'it is of another study', store(ct(1).file, plain, '/studies/2.25.999'), { failed: [[uid(1), 0xa900]] }],
  [409, 'the rules refuse other bytes under a UID that is here', again, { failed: [[uid(1), 0x0111]] }, refusing],
  [
    409,
    'none can be stored, each for a reason of its own',
    async (door) => {
      await door.post('/studies', files(ct(1)), relatedType())
      const changed = dicomPart(ct(1, { patientName: 'ELSE' }).file)
      return door.post(`/studies/${STUDY}`, related([changed, dicomPart(stranger.file), noDicom]), relatedType())
    },
    {
      failed: [
        [uid(1), 0x0111],
        [stranger.sopInstanceUid, 0xa900],
      ],
      nameless: [0xc000],
    },
    refusing,
  ],
  [413, 'it is larger than is taken', store(Buffer.alloc(20_000)), {}, { limits: { bytes: 10_000 } }],
  [415, 'it is something else', store(files(ct(1)), { 'content-type': 'text/plain' }), {}],
  [503, 'too many are on their way', store(files(ct(1))), {}, { uploads: { total: 0, perPeer: 0 } }],
]

test.each(STATUSES)('%i when %s', async (...[status, _when, ask, answered, options]) => {
  const door = options === undefined ? usual : await open(options)
  const response = await ask(door)
  const retry = response.headers.get('retry-after')
  expect(await digested(response)).toEqual({ status, stored: [], failed: [], nameless: [], ...answered })
  expect(retry === null).toBe(status !== 503)
  expect(response.headers.get('x-correlation-id')).toMatch(/^[\w-]+$/)
})

test('507 below the free-disk mark, with when to come again; of what has room before it, 202', async () => {
  const full = new KurirError('disk-full', 'transient', 'no room')
  const none = await open({}, () => ({ begin: () => Promise.reject(full) }))
  const response = await none.post('/studies', files(ct(1)), relatedType())
  expect(response.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await digested(response)).toMatchObject({ status: 507, failed: [[uid(1), 0xa700]] })
  let room = 1
  const scarce = await open({}, (real) => ({
    begin: (arrival) => (room-- > 0 ? real.begin(arrival) : Promise.reject(full)),
  }))
  expect(await digested(await scarce.post('/studies', files(ct(1), ct(2)), relatedType()))).toMatchObject({
    status: 202,
    stored: [uid(1)],
    failed: [[uid(2), 0xa700]],
  })
})

test('429 for an address that has too many on their way, with when to come again', async () => {
  const door = await open({ uploads: { total: 9, perPeer: 1 } })
  const socket = connect(door.port, '127.0.0.1')
  stack.defer(() => void socket.destroy())
  const head = 'Host: x\r\nAuthorization: Bearer INGEST\r\nContent-Type: application/dicom\r\nContent-Length: 9\r\n\r\n'
  await new Promise((resolve) => socket.write(`POST /studies HTTP/1.1\r\n${head}DICM`, resolve))
  // The first that finds the other one there; before that it is stored.
  let response = await door.post('/studies', files(ct(1)), relatedType())
  while (response.status === 200) response = await door.post('/studies', files(ct(1)), relatedType())
  expect([response.status, response.headers.get('retry-after')]).toEqual([429, '5'])
})

test('the answer is in JSON or in XML as Accept asks, with what failed in either', async () => {
  const body = related([dicomPart(ct(1).file), dicomPart(stranger.file), noDicom])
  for (const [accept, type] of [
    ['application/dicom+json', 'application/dicom+json'],
    ['*/*', 'application/dicom+json'],
    ['application/dicom+xml', 'application/dicom+xml'],
    ['application/dicom+json;q=0.5, application/dicom+xml', 'application/dicom+xml'],
  ] as const) {
    const response = await usual.post(`/studies/${STUDY}`, body, { ...relatedType(), accept })
    expect([response.status, response.headers.get('content-type')?.split(';')[0]]).toEqual([202, type])
    const text = await response.text()
    for (const tag of ['00081190', '00081197', '00081198', '00081199', '0008119A']) expect(text).toContain(tag)
    if (type === 'application/dicom+xml') {
      expect(text).toMatch(/tag="00081197" vr="US" keyword="FailureReason"><Value number="1">43264</)
    }
  }
})

describe('a relay', () => {
  test('is 200, 202, 206 with Location, 409 and 404, as the archive answers; changed bytes are refused where callers say so', async () => {
    const answers = new Map<string, number>()
    const archive = stack.use(
      await recordingServer({
        open: async ({ affectedSopInstanceUid }) => {
          const status = answers.get(affectedSopInstanceUid)
          return status === undefined ? undefined : { status }
        },
      }),
    )
    const folders = stack.use(
      await siteFolders(`version: 1
callers:
  app: { from: 127.0.0.1/32, http: [INGEST], on_changed: refuse }
destinations:
  archive: { dimse: { ae: "ARCHIVE@127.0.0.1:${archive.port}", calling_ae: "{calling_ae}" } }
rules:
  - name: everything else
    discard: as the test says
`),
    )
    const kurir = stack.use(await startApp(folders))
    const relay = async (path: string, ...instances: readonly MadeInstance[]) => {
      const address = `http://127.0.0.1:${kurir.httpPort}${path}`
      const response = await fetch(address, {
        method: 'POST',
        headers: { authorization: `Bearer ${await ingestToken(kurir)}`, ...relatedType() },
        body: new Uint8Array(files(...instances)),
      })
      const { status, stored, failed } = await digested(response)
      return [status, response.headers.get('location'), stored, failed]
    }
    const path = '/SCU/ARCHIVE/studies'
    expect(await relay(path, ct(1))).toEqual([200, null, [uid(1)], []])
    answers.set(uid(5), 0xa900)
    expect(await relay(path, ct(5))).toEqual([409, null, [], [[uid(5), 0xa900]]])
    // An archive that is full is left alone for a while: nothing else goes to it then.
    answers.set(uid(2), 0xa700)
    const where = `http://127.0.0.1:${kurir.httpPort}/studies/${STUDY}`
    expect(await relay(`${path}?wait=1`, ct(3), ct(2))).toEqual([206, where, [uid(3), uid(2)], []])
    expect(await relay(`${path}?wait=0`, ct(4))).toEqual([202, null, [uid(4)], []])
    expect(await relay('/SCU/NOBODY/studies', ct(6))).toEqual([404, null, [], []])
    const changed = ct(1, { patientName: 'ELSE' })
    expect(await relay('/studies', changed, ct(7))).toEqual([202, null, [uid(7)], [[uid(1), 0x0111]]])
    expect(await relay(path, changed)).toEqual([409, null, [], [[uid(1), 0x0111]]])
  }, 30_000)
})
