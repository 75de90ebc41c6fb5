import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { KurirError } from '../../src/base/failure.ts'
import { encodePart10Head } from '../../src/dicom/file-meta.ts'
import { parseUid, type SopClassUid, type SopInstanceUid, type TransferSyntaxUid } from '../../src/dicom/uid.ts'
import type { StowDoorDeps } from '../../src/ingest/stow-door.ts'
import { testWithPeers } from '../support/peers.ts'
import { leastOfThree } from '../support/processor-time.ts'
import { collect } from '../support/spool-on-disk.ts'
import { type MadePart, related, relatedType } from '../support/stow-bodies.ts'
import { type StowFixture, startStow } from '../support/stow-harness.ts'

const run = promisify(execFile)

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

const open = async (options: Partial<StowDoorDeps> = {}) => stack.use(await startStow(options))

/** A PDF of one empty page, of odd length. */
const PDF = Buffer.from(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n',
)
const CDA = Buffer.from(
  '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3"/><title>Ä</title></ClinicalDocument>',
)
const PDF_STORAGE = '1.2.840.10008.5.1.4.1.1.104.1'
const CDA_STORAGE = '1.2.840.10008.5.1.4.1.1.104.2'

interface Said {
  readonly uid?: string
  readonly sopClass?: string
  readonly mime?: string
  readonly uri?: string
  readonly more?: string
}

/** The metadata of an encapsulated document. */
function nativeModel({
  uid = '1.2.3.4',
  sopClass = PDF_STORAGE,
  mime = 'application/pdf',
  uri = 'doc/1',
  more = '',
}: Said = {}) {
  const one = (tag: string, vr: string, value: string): string =>
    `<DicomAttribute tag="${tag}" vr="${vr}">${value === '' ? '' : `<Value number="1">${value}</Value>`}</DicomAttribute>`
  return `<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
${one('00080016', 'UI', sopClass)}${one('00080018', 'UI', uid)}${one('00080020', 'DA', '20261121')}
${one('00080030', 'TM', '')}${one('00080050', 'SH', 'A1')}${one('00080060', 'CS', 'DOC')}${one('00080064', 'CS', 'WSD')}
<DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>Müller</FamilyName><GivenName>Änne</GivenName></Alphabetic></PersonName></DicomAttribute>
${one('00100020', 'LO', 'ID1')}${one('00100030', 'DA', '')}${one('00100040', 'CS', 'O')}
${one('0020000D', 'UI', '1.2.3')}${one('0020000E', 'UI', '1.2.3.1')}${one('00200010', 'SH', '')}
${one('00200011', 'IS', '1')}${one('00200013', 'IS', '1')}${one('00280301', 'CS', 'NO')}${one('00420010', 'ST', '')}
${one('00420012', 'LO', mime)}<DicomAttribute tag="00420011" vr="OB"><BulkData uri="${uri}"/></DicomAttribute>${more}
</NativeDicomModel>`
}

const xmlPart = (body: string, parameters = ''): MadePart => ({
  headers: { 'Content-Type': `application/dicom+xml${parameters}` },
  body,
})
const jsonPart = (body: unknown, parameters = ''): MadePart => ({
  headers: { 'Content-Type': `application/dicom+json${parameters}` },
  body: JSON.stringify(body),
})
const bulkPart = (location: string, body: Buffer, type = 'application/octet-stream'): MadePart => ({
  headers: { 'Content-Type': type, 'Content-Location': location },
  body,
})

const jsonModel = (uid: string, more: object = {}): object => ({
  '00080016': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.7'] },
  '00080018': { vr: 'UI', Value: [uid] },
  '00100020': { vr: 'LO', Value: ['ID1'] },
  '0020000D': { vr: 'UI', Value: ['1.2.3'] },
  '0020000E': { vr: 'UI', Value: ['1.2.3.1'] },
  ...more,
})

/** What is on the shelf as a Part 10 file, the only instance or one of several. */
async function fileOf(door: StowFixture, at = 0): Promise<Buffer> {
  const found = (await door.shelf.ledger.unplanned(100))[at]
  if (found === undefined) throw new Error('nothing is there')
  const uid = <T extends SopClassUid | SopInstanceUid | TransferSyntaxUid>(text: string): T => {
    const parsed = parseUid<T>(text)
    if (parsed === undefined) throw new Error('no UID')
    return parsed
  }
  const { sopClassUid, sopInstanceUid, transferSyntaxUid } = found.identity
  const head = encodePart10Head({
    sopClassUid: uid(sopClassUid),
    sopInstanceUid: uid(sopInstanceUid),
    transferSyntaxUid: uid(transferSyntaxUid),
  })
  return Buffer.concat([head, await collect(door.shelf.spool.read(found.blob))])
}

async function written(door: StowFixture, at = 0): Promise<string> {
  const file = path.join(door.folder, `${at}.dcm`)
  await writeFile(file, await fileOf(door, at))
  return file
}

const failureReasons = async (response: Response) => {
  const body = (await response.json()) as Record<string, { Value?: Record<string, { Value?: unknown[] }>[] }>
  const reasons = (tag: string) => (body[tag]?.Value ?? []).map((item) => item['00081197']?.Value?.[0])
  return { status: response.status, failed: reasons('00081198'), nameless: reasons('0008119A') }
}

describe('metadata in XML and a document in a part of its own', () => {
  testWithPeers(
    ['dcmdump', 'dcm2pdf'],
    'make an instance that dcmtk reads, and gives the very document back',
    async () => {
      const door = await open()
      expect(PDF.length % 2).toBe(1)
      const body = related([xmlPart(nativeModel()), bulkPart('doc/1', PDF, 'application/pdf')])
      expect((await door.post('/studies', body, relatedType('application/dicom+xml'))).status).toBe(200)
      const file = await written(door)
      const { stdout } = await run('dcmdump', ['-q', '+P', '0042,0015', '+P', '0008,0005', '+L', file])
      expect(stdout).toContain(`UL ${PDF.length} `)
      expect(stdout).toContain('ISO_IR 192')
      await run('dcm2pdf', ['-q', file, path.join(door.folder, 'again.pdf')])
      expect(await readFile(path.join(door.folder, 'again.pdf'))).toEqual(PDF)
      expect((await fileOf(door)).includes(Buffer.concat([PDF, Buffer.of(0)]))).toBe(true)
    },
  )

  testWithPeers(
    ['dcmdump'],
    'make a CDA instance, whatever the order of the parts and however they are packed',
    async () => {
      const door = await open()
      const packed = gzipSync(CDA)
      const body = related([
        {
          headers: { 'Content-Type': 'text/xml', 'Content-ID': '<cda@site>', 'Content-Encoding': 'gzip' },
          body: packed,
        },
        xmlPart(nativeModel({ sopClass: CDA_STORAGE, mime: 'text/XML', uri: 'cid:cda@site' })),
      ])
      expect(
        (
          await door.post('/studies', gzipSync(body), {
            ...relatedType('application/dicom+xml'),
            'content-encoding': 'gzip',
          })
        ).status,
      ).toBe(200)
      const [dataSet] = await door.dataSets()
      expect(dataSet?.includes(CDA)).toBe(true)
      const { stdout } = await run('dcmdump', ['-q', '+P', '0042,0015', await written(door)])
      expect(stdout).toContain(`UL ${CDA.length} `)
    },
  )

  test('of several instances are put together as soon as each has its own, whatever is read in between', async () => {
    const door = await open()
    const body = related([
      xmlPart(nativeModel({ uid: '1.1', uri: 'a' })),
      xmlPart(nativeModel({ uid: '1.2', uri: 'b' })),
      bulkPart('b', Buffer.from('second')),
      bulkPart('nobody-asked', Buffer.from('!')),
      bulkPart('a', Buffer.from('first!')),
    ])
    expect((await door.post('/studies', body, relatedType('application/dicom+xml'))).status).toBe(200)
    const sets = (await door.dataSets()).map((dataSet) => dataSet.toString('latin1'))
    expect(sets.map((text) => /first!|second/.exec(text)?.[0]).toSorted()).toEqual(['first!', 'second'])
    expect(await readdir(path.join(door.folder, 'incoming'))).toEqual([])
  })

  test('file meta in the model says what it is, and the part’s transfer syntax goes before it', async () => {
    const door = await open()
    const meta = '<DicomAttribute tag="00020010" vr="UI"><Value number="1">1.2.840.10008.1.2</Value></DicomAttribute>'
    for (const [at, parameters, expected] of [
      [0, '', '1.2.840.10008.1.2'],
      [1, '; transfer-syntax=1.2.840.10008.1.2.1', '1.2.840.10008.1.2.1'],
    ] as const) {
      const body = related([xmlPart(nativeModel({ uid: `1.${at}`, more: meta }), parameters), bulkPart('doc/1', PDF)])
      expect((await door.post('/studies', body, relatedType('application/dicom+xml'))).status).toBe(200)
      expect((await door.shelf.ledger.unplanned(9))[at]?.identity.transferSyntaxUid).toBe(expected)
    }
  })
})

describe('metadata in JSON', () => {
  test('makes an instance of each, alone or with bulk data', async () => {
    const door = await open()
    const alone = await door.post('/studies', Buffer.from(JSON.stringify(jsonModel('1.1'))), {
      'content-type': 'application/dicom+json',
    })
    expect(alone.status).toBe(200)
    const pixels = { vr: 'OW', BulkDataURI: `${door.url}/bulk/7` }
    const body = related([
      jsonPart([jsonModel('1.2'), jsonModel('1.3', { '7FE00010': pixels })]),
      bulkPart(`${door.url}/bulk/7`, Buffer.from('pixels')),
    ])
    expect((await door.post('/studies', body, relatedType('application/dicom+json'))).status).toBe(200)
    const found = await door.shelf.ledger.unplanned(9)
    expect(found.map(({ identity }) => identity.sopInstanceUid)).toEqual(['1.1', '1.2', '1.3'])
    expect((await door.dataSets())[2]?.includes(Buffer.from('pixels'))).toBe(true)
  })

  testWithPeers(['dcmdump'], 'makes encapsulated pixels of frames, as the part’s transfer syntax says', async () => {
    const door = await open()
    const model = jsonModel('1.4', { '7FE00010': { vr: 'OB', BulkDataURI: 'frames' } })
    const body = related([
      jsonPart([model]),
      bulkPart('frames', Buffer.from('one'), 'image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70'),
      bulkPart('frames', Buffer.from('four'), 'image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70'),
    ])
    expect((await door.post('/studies', body, relatedType('application/dicom+json'))).status).toBe(200)
    const { stdout } = await run('dcmdump', ['-q', await written(door)])
    expect(stdout).toContain('JPEGLossless:Non-hierarchical-1stOrderPrediction')
    expect(stdout).toMatch(/PixelSequence #=3[\s\S]*6f\\6e\\65\\00[\s\S]*66\\6f\\75\\72/)
  })
})

describe('what cannot become an instance', () => {
  test('costs none of the others that came with it in one part of metadata', async () => {
    const door = await open()
    const bad = jsonModel('1.3', { '00280010': { vr: 'XX' } })
    const body = related([jsonPart([jsonModel('1.2'), bad, 'no instance', jsonModel('1.4')])])
    const response = await door.post('/studies', body, relatedType('application/dicom+json'))
    expect(await failureReasons(response)).toEqual({ status: 202, failed: [], nameless: [0xc000, 0xc000] })
    const rows = await door.shelf.ledger.unplanned(9)
    expect(rows.map(({ identity }) => identity.sopInstanceUid).toSorted()).toEqual(['1.2', '1.4'])
  })

  const LAUGHS = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><NativeDicomModel>&a;</NativeDicomModel>'
  const big = `<NativeDicomModel>${' '.repeat(9 * 2 ** 20)}</NativeDicomModel>`

  test.each<[string, string, readonly MadePart[], object]>([
    ['a DOCTYPE', 'application/dicom+xml', [xmlPart(LAUGHS)], { failed: [], nameless: [0xc000] }],
    ['metadata beyond its limit', 'application/dicom+xml', [xmlPart(big)], { failed: [], nameless: [0xc000] }],
    ['no JSON', 'application/dicom+json', [{ body: '{' }], { failed: [], nameless: [0xc000] }],
    ['no UIDs', 'application/dicom+json', [jsonPart([{}])], { failed: [], nameless: [0xc000] }],
    [
      'bulk data that does not come',
      'application/dicom+xml',
      [xmlPart(nativeModel())],
      { failed: [0xc000], nameless: [] },
    ],
    [
      'a transfer syntax that is not written',
      'application/dicom+json',
      [jsonPart([jsonModel('1.9')], '; transfer-syntax=1.2.840.10008.1.2.2')],
      { failed: [0xc122], nameless: [] },
    ],
    [
      'bulk data that is not in the encoding that it states',
      'application/dicom+xml',
      [xmlPart(nativeModel()), { headers: { 'Content-Location': 'doc/1', 'Content-Encoding': 'gzip' }, body: PDF }],
      { failed: [0xc000], nameless: [0xc000] },
    ],
  ])('%s: 409', async (_name, type, parts, expected) => {
    const door = await open()
    expect(await failureReasons(await door.post('/studies', related(parts), relatedType(type)))).toEqual({
      status: 409,
      ...expected,
    })
    expect(await door.dataSets()).toEqual([])
  })

  test('bulk data for which there is no room: 507, and nothing is left of it', async () => {
    const full = new KurirError('disk-full', 'transient', 'no room')
    const door = await open()
    const scarce = await open({
      bulkRoom: { folder: path.join(door.folder, 'other'), newId: () => 'x', expectRoom: () => Promise.reject(full) },
    })
    const body = related([xmlPart(nativeModel()), bulkPart('doc/1', PDF)])
    const response = await scarce.post('/studies', body, relatedType('application/dicom+xml'))
    expect(await failureReasons(response)).toEqual({ status: 507, failed: [0xa700], nameless: [] })
    expect(await readdir(path.join(door.folder, 'other'))).toEqual([])
  })

  test('metadata that names more bulk data than comes costs no more for each part of it', async () => {
    const door = await open()
    const items = Array.from({ length: 30_000 }, (_, n) => ({ '00420011': { vr: 'OB', BulkDataURI: `n${n}` } }))
    const model = jsonModel('1.5', { '00081140': { vr: 'SQ', Value: items } })
    const parts = Array.from({ length: 400 }, (_, n) => bulkPart(`n${n}`, Buffer.from('ab')))
    const body = related([jsonPart([model]), ...parts])
    const cost = async (): Promise<number> => {
      const before = process.threadCpuUsage()
      const response = await door.post('/studies', body, relatedType('application/dicom+json'))
      const { user } = process.threadCpuUsage(before)
      expect(await failureReasons(response)).toEqual({ status: 409, failed: [0xc000], nameless: [] })
      return user / 1_000
    }
    expect(await leastOfThree(4_000, cost)).toBeLessThan(4_000)
  })

  describe('a picture in frames, one of which', () => {
    const JPEG = 'image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70'
    const frame = (text: string, headers: Readonly<Record<string, string>> = {}): MadePart => ({
      headers: { 'Content-Type': JPEG, 'Content-Location': 'frames', ...headers },
      body: Buffer.from(text),
    })
    const metadata = jsonPart([jsonModel('1.4', { '7FE00010': { vr: 'OB', BulkDataURI: 'frames' } })])
    const type = relatedType('application/dicom+json')

    test('did not come before the body broke off, is not stored', async () => {
      const door = await open()
      const body = related([metadata, frame('frame one'), frame('frame two'), frame('frame three')])
      const response = await door.post('/studies', body.subarray(0, body.indexOf('two')), type)
      expect(response.status).toBe(400)
      expect(await door.dataSets()).toEqual([])
    })

    test.each([
      ['is shorter than it says', frame('frame two', { 'Content-Length': '99' })],
      ['is not in the encoding that it states', frame('frame two', { 'Content-Encoding': 'gzip' })],
    ])('%s, is not stored', async (_how, second) => {
      const door = await open()
      const body = related([metadata, frame('frame one'), second, frame('frame three')])
      const reasons = await failureReasons(await door.post('/studies', body, type))
      expect(reasons).toEqual({ status: 409, failed: [0xc000], nameless: [0xc000] })
      expect(await door.dataSets()).toEqual([])
    })
  })

  test('a body that breaks off in its bulk data stores what was whole and nothing of the rest', async () => {
    const door = await open()
    const body = related([
      xmlPart(nativeModel({ uid: '1.1', uri: 'a' })),
      bulkPart('a', PDF),
      xmlPart(nativeModel({ uid: '1.2', uri: 'b' })),
      bulkPart('b', PDF),
    ])
    const response = await door.post('/studies', body.subarray(0, -40), relatedType('application/dicom+xml'))
    expect(await failureReasons(response)).toEqual({ status: 202, failed: [0xc000], nameless: [] })
    expect((await door.dataSets()).length).toBe(1)
  })
})
