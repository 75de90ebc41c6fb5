import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { connect, type Socket } from 'node:net'
import { deflateSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ms } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import type { StowDoorDeps } from '../../src/ingest/stow-door.ts'
import type { Spool } from '../../src/spool/spool.ts'
import { ctInstance, type MadeInstance } from '../support/data-set.ts'
import { dicomPart, related, relatedType } from '../support/stow-bodies.ts'
import { startStow } from '../support/stow-harness.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

const open = async (options: Partial<StowDoorDeps> = {}, spool?: (real: Spool) => Pick<Spool, 'begin'>) =>
  stack.use(await startStow(options, spool))

const ct = (instanceNumber: number, more = {}): MadeInstance =>
  ctInstance({ instanceNumber, sizeBytes: 4_096, ...more })
const files = (...instances: readonly MadeInstance[]): Buffer => related(instances.map(({ file }) => dicomPart(file)))

type Json = Readonly<Record<string, { readonly vr: string; readonly Value?: readonly unknown[] }>>

/** Which UIDs stand in a sequence of an answer, and with which reason. */
function items(body: Json, tag: string): readonly (readonly [unknown, unknown])[] {
  const values = (body[tag]?.Value ?? []) as readonly Json[]
  return values.map((item) => [
    item['00081155']?.Value?.[0],
    item['00081197']?.Value?.[0] ?? item['00081196']?.Value?.[0],
  ])
}

const digested = async (response: Response) => {
  const body = (await response.json()) as Json
  return {
    status: response.status,
    stored: items(body, '00081199'),
    failed: items(body, '00081198'),
    nameless: items(body, '0008119A').map(([, reason]) => reason),
  }
}

describe('instances in application/dicom', () => {
  test('are stored as they are, each in its part, and the answer names them and where they can be read', async () => {
    const door = await open()
    const [one, two] = [ct(1), ct(2)]
    const response = await door.post('/studies', files(one, two), relatedType())
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^application\/dicom\+json/)
    expect(await response.json()).toEqual({
      '00081190': { vr: 'UR', Value: [`${door.url}/studies/2.25.314159`] },
      '00081199': {
        vr: 'SQ',
        Value: [one, two].map(({ sopClassUid, sopInstanceUid }) => ({
          '00081150': { vr: 'UI', Value: [sopClassUid] },
          '00081155': { vr: 'UI', Value: [sopInstanceUid] },
          '00081190': {
            vr: 'UR',
            Value: [`${door.url}/studies/2.25.314159/series/2.25.314159.1/instances/${sopInstanceUid}`],
          },
        })),
      },
    })
    expect(await door.dataSets()).toEqual([one.dataSet, two.dataSet])
  })

  test('are answered in XML to whoever asks for it', async () => {
    const door = await open()
    const headers = { ...relatedType(), accept: 'application/dicom+xml' }
    const response = await door.post('/studies', files(ct(1)), headers)
    expect(response.headers.get('content-type')).toMatch(/^application\/dicom\+xml/)
    expect(await response.text()).toContain(
      '<DicomAttribute tag="00081155" vr="UI" keyword="ReferencedSOPInstanceUID"><Value number="1">2.25.314159.1.1</Value>',
    )
  })

  test('may come alone, without multipart, and again', async () => {
    const door = await open()
    for (let again = 0; again < 2; again++) {
      const response = await door.post('/studies', ct(1).file, { 'content-type': 'application/dicom' })
      expect(await digested(response)).toMatchObject({ status: 200, stored: [['2.25.314159.1.1', undefined]] })
    }
  })

  test.each<[string, string, (body: Buffer) => Buffer]>([
    ['gzip', 'gzip', gzipSync],
    ['deflate', 'deflate', deflateSync],
  ])('may be compressed whole by %s', async (_name, encoding, pack) => {
    const door = await open()
    const response = await door.post('/studies', pack(files(ct(1))), { ...relatedType(), 'content-encoding': encoding })
    expect(response.status).toBe(200)
    expect(await door.dataSets()).toEqual([ct(1).dataSet])
  })

  test('may be compressed part by part, and say how long a part is', async () => {
    const door = await open()
    const packed = gzipSync(ct(1).file)
    const body = related([
      { ...dicomPart(packed), headers: { 'content-encoding': 'gzip', 'Content-Length': String(packed.length) } },
      dicomPart(ct(2).file),
    ])
    expect((await door.post('/studies', body, relatedType())).status).toBe(200)
    expect(await door.dataSets()).toEqual([ct(1).dataSet, ct(2).dataSet])
  })

  test.each([
    'multipart/related; type=application/dicom; boundary=kurir-test',
    'multipart/related; boundary="kurir-test"',
    'Multipart/Related;boundary="kurir-test";Type="Application/DICOM"',
  ])('may have their parameters quoted or not: %s', async (contentType) => {
    const door = await open()
    expect((await door.post('/studies', files(ct(1)), { 'content-type': contentType })).status).toBe(200)
  })

  test('of another SOP Instance than its bytes say, or cut off, are stored, and the answer warns', async () => {
    const door = await open()
    const cut = ct(1).file.subarray(0, 700)
    const response = await door.post('/studies', related([dicomPart(cut), dicomPart(ct(2).file)]), relatedType())
    expect(await digested(response)).toMatchObject({
      status: 202,
      stored: [
        ['2.25.314159.1.1', 0xb007],
        ['2.25.314159.1.2', undefined],
      ],
    })
  })
})

describe('what a store comes to', () => {
  test('204 when there is no instance in it', async () => {
    const door = await open()
    expect((await door.post('/studies', Buffer.from('--kurir-test--'), relatedType())).status).toBe(204)
  })

  test('202 when some are stored: the others are named with a reason, and parts without UIDs have a place of their own', async () => {
    const door = await open()
    const stranger = ct(3, { studyInstanceUid: '2.25.999' })
    const body = related([dicomPart(ct(1).file), dicomPart(stranger.file), dicomPart(Buffer.from('no DICOM at all'))])
    const response = await door.post('/studies/2.25.314159', body, relatedType())
    expect(await digested(response)).toEqual({
      status: 202,
      stored: [['2.25.314159.1.1', undefined]],
      failed: [[stranger.sopInstanceUid, 0xa900]],
      nameless: [0xc000],
    })
    expect(await door.dataSets()).toEqual([ct(1).dataSet])
  })

  test('409 when none could be: another study, no DICOM, a part that is not as long as it says', async () => {
    const door = await open()
    const lying = { headers: { 'Content-Type': 'application/dicom', 'Content-Length': '5' }, body: ct(1).file }
    for (const [path, part, expected] of [
      ['/studies/2.25.999', dicomPart(ct(1).file), { failed: [['2.25.314159.1.1', 0xa900]], nameless: [] }],
      ['/studies', dicomPart(Buffer.from('no DICOM at all')), { failed: [], nameless: [0xc000] }],
      ['/studies', dicomPart(Buffer.alloc(0)), { failed: [], nameless: [0xc000] }],
      ['/studies', lying, { failed: [['2.25.314159.1.1', 0xc000]], nameless: [] }],
      ['/studies', { headers: { 'Content-Type': 'text/plain' }, body: 'x' }, { failed: [], nameless: [0xc000] }],
    ] as const) {
      expect(await digested(await door.post(path, related([part]), relatedType()))).toEqual({
        status: 409,
        stored: [],
        ...expected,
      })
    }
    expect(await door.dataSets()).toEqual([])
  })

  test('400 when the body cannot be read and nothing of it is stored, with nothing of it in the answer', async () => {
    const door = await open()
    for (const [body, type] of [
      ['nonsense CANARY', relatedType()],
      [related([dicomPart(ct(1).file)]).subarray(0, 2_000), relatedType()],
      [files(ct(1)), { 'content-type': 'multipart/related; type="application/dicom"' }],
      [files(ct(1)), relatedType('application/dicom', 'x'.repeat(71))],
      ['not gzip', { ...relatedType(), 'content-encoding': 'gzip' }],
    ] as const) {
      const response = await door.post('/studies', Buffer.from(body), { ...type, 'x-correlation-id': 'mine-1' })
      expect(response.status).toBe(400)
      expect(await response.json()).toEqual({ status: 'error', message: expect.any(String), correlation_id: 'mine-1' })
    }
    expect(await door.dataSets()).toEqual([])
    expect((await door.post('/studies/..%2f..', files(ct(1)), relatedType())).status).toBe(400)
    expect(door.log.text()).not.toContain('CANARY')
  })

  test('202 when the body breaks off: what had come in whole stays, and the answer says so', async () => {
    const door = await open()
    const body = files(ct(1), ct(2))
    const response = await door.post('/studies', body.subarray(0, body.length - 3_000), relatedType())
    expect(response.headers.get('warning')).toMatch(/^299 kurir ".*is stored\."$/)
    expect(await digested(response)).toMatchObject({ status: 202, stored: [['2.25.314159.1.1', undefined]] })
    expect(await door.dataSets()).toEqual([ct(1).dataSet])
  })

  test('401 without a token, 403 without the role, before any of the body is read', async () => {
    const door = await open()
    const asked = await Promise.all([
      door.post('/studies', files(ct(1)), { ...relatedType(), authorization: '' }),
      door.post('/studies', files(ct(1)), { ...relatedType(), authorization: 'Bearer nonsense' }),
      door.post('/studies', files(ct(1)), { ...relatedType(), authorization: 'Bearer VIEWER' }),
      door.post('/studies', files(ct(1)), { ...relatedType(), authorization: `Basic ${btoa('any:INGEST')}` }),
    ])
    expect(asked.map(({ status }) => status)).toEqual([401, 401, 403, 200])
    expect(await asked[2]?.json()).toMatchObject({ correlation_id: asked[2]?.headers.get('x-correlation-id') })
  })

  test('an address that the rules let in needs no token, for what its roles allow', async () => {
    const door = await open({ callerAt: (peer) => ({ name: peer, roles: peer === '127.0.0.1' ? ['INGEST'] : [] }) })
    expect((await door.post('/studies', files(ct(1)), { ...relatedType(), authorization: '' })).status).toBe(200)
  })

  test('who stored is on the audit trail by the name of the token, or of the caller that the rules let in', async () => {
    const door = await open({ callerAt: () => ({ name: 'simrs', roles: ['INGEST'] }) })
    await door.post('/studies', files(ct(1)), relatedType())
    await door.post('/studies/2.25.314159', files(ct(2)), { ...relatedType(), authorization: '' })
    const { rows } = await door.shelf.ledger.views.auditEvents({ event: 'DICOM Instances Transferred' }, { last: 9 })
    expect(rows.map(({ row }) => row.actor)).toEqual(['simrs', 'INGEST'])
  })

  test('415 for what is not taken, naming what is', async () => {
    const door = await open()
    for (const headers of [
      relatedType('application/dicom+json+dckv'),
      relatedType('application/dicom+json+edckv'),
      relatedType('image/jpeg'),
      { 'content-type': 'text/plain' },
      { 'content-type': 'multipart/form-data; boundary=kurir-test' },
      { ...relatedType(), 'content-encoding': 'br' },
    ]) {
      const response = await door.post('/studies', files(ct(1)), headers)
      expect(response.status).toBe(415)
      expect(await response.json()).toMatchObject({ message: expect.stringContaining('application/dicom+xml') })
    }
  })

  test('413 for a body that is larger than is taken, said or sent', async () => {
    const door = await open({ limits: { bytes: 10_000 } })
    expect((await door.post('/studies', Buffer.alloc(20_000), relatedType())).status).toBe(413)
    const bomb = gzipSync(Buffer.alloc(80 * 2 ** 20))
    const many = await open()
    const headers = { 'content-type': 'application/dicom', 'content-encoding': 'gzip' }
    expect((await many.post('/studies', Buffer.concat([gzipSync(ct(1).file), bomb]), headers)).status).toBe(413)
    expect(await many.dataSets()).toEqual([])
  })

  test('507 when there is no room, with when to come again', async () => {
    const full = new KurirError('disk-full', 'transient', 'no room')
    const door = await open({}, () => ({ begin: () => Promise.reject(full) }))
    const response = await door.post('/studies', files(ct(1), ct(2)), relatedType())
    expect(response.headers.get('retry-after')).toBe('60')
    expect(await digested(response)).toMatchObject({
      status: 507,
      failed: [
        ['2.25.314159.1.1', 0xa700],
        ['2.25.314159.1.2', 0xa700],
      ],
    })
  })

  test('other bytes under a UID that is here: both are kept, unless the rules refuse them from that address (0111H)', async () => {
    const door = await open({ onChangedAt: (peer) => (peer === '127.0.0.1' ? 'refuse' : 'keep') })
    const changed = ct(1, { patientName: 'SOMEBODY^ELSE' })
    expect((await door.post('/studies', files(ct(1)), relatedType())).status).toBe(200)
    expect(await digested(await door.post('/studies', files(changed, ct(1), ct(2)), relatedType()))).toEqual({
      status: 202,
      stored: [
        ['2.25.314159.1.1', undefined],
        ['2.25.314159.1.2', undefined],
      ],
      failed: [['2.25.314159.1.1', 0x0111]],
      nameless: [],
    })
    const refused = await door.post('/studies', files(changed), relatedType())
    expect(await digested(refused)).toMatchObject({ status: 409, failed: [['2.25.314159.1.1', 0x0111]] })
    expect((await door.dataSets()).filter((dataSet) => dataSet.equals(changed.dataSet))).toEqual([])
    const liberal = await open()
    for (const instance of [ct(1), changed]) {
      expect((await liberal.post('/studies', files(instance), relatedType())).status).toBe(200)
    }
    expect(await liberal.dataSets()).toEqual([ct(1).dataSet, changed.dataSet])
  })

  test('a disk that fails in the middle of one instance costs that instance, and no other', async () => {
    const door = await open({}, (real) => ({
      begin: async (arrival) => {
        const sink = await real.begin(arrival)
        if (arrival.announced.sopInstanceUid !== '2.25.314159.1.1') return sink
        return { ...sink, write: () => Promise.reject(full), abort: () => sink.abort(), end: () => sink.end() }
      },
    }))
    const full = new KurirError('disk-io', 'transient', 'no disk')
    const response = await door.post('/studies', files(ct(1), ct(2)), relatedType())
    expect(await digested(response)).toMatchObject({
      status: 202,
      stored: [['2.25.314159.1.2', undefined]],
      failed: [['2.25.314159.1.1', 0xa700]],
    })
  })

  test('429 and 503 when too many are on their way, with when to come again', async () => {
    const door = await open({ uploads: { total: 2, perPeer: 1 } })
    const socket = connect(door.port, '127.0.0.1')
    stack.defer(() => void socket.destroy())
    const head =
      'Host: x\r\nAuthorization: Bearer INGEST\r\nContent-Type: application/dicom\r\nContent-Length: 99999\r\n\r\n'
    socket.write(`POST /studies HTTP/1.1\r\n${head}${'x'.repeat(100)}`)
    const refusals: Response[] = []
    while (refusals.length === 0) {
      const response = await door.post('/studies', files(ct(1)), relatedType())
      if (response.status !== 200) refusals.push(response)
    }
    expect(refusals[0]?.status).toBe(429)
    expect(refusals[0]?.headers.get('retry-after')).toBe('5')
    const none = await open({ uploads: { total: 0, perPeer: 0 } })
    expect((await none.post('/studies', files(ct(1)), relatedType())).status).toBe(503)
  })

  test('408 for a caller that falls silent', async () => {
    const door = await open({ limits: { silence: ms(60) } })
    const socket = connect(door.port, '127.0.0.1')
    stack.defer(() => void socket.destroy())
    const head =
      'Host: x\r\nAuthorization: Bearer INGEST\r\nContent-Type: application/dicom\r\nContent-Length: 99999\r\n\r\n'
    socket.write(`POST /studies HTTP/1.1\r\n${head}DICM`)
    const [first] = await Promise.race([
      new Promise<[Buffer]>((resolve) => socket.once('data', (data) => resolve([data]))),
    ])
    expect(first.toString()).toMatch(/^HTTP\/1\.1 408 /)
  })
})

test('a caller that has gone before anybody looked at it stores nothing, and is no fault of ours', async () => {
  const door = await open()
  const goesAway = (message: unknown): void => {
    unsubscribe('http.server.request.start', goesAway)
    const { socket } = message as { readonly socket: Socket }
    socket.destroy()
  }
  subscribe('http.server.request.start', goesAway)
  await expect(door.post('/studies', files(ct(1)), relatedType())).rejects.toThrow()
  expect((await door.post('/studies', files(ct(2)), relatedType())).status).toBe(200)
  expect(door.log.text()).not.toContain('http-request-failed')
  expect(await door.dataSets()).toEqual([ct(2).dataSet])
})

test('a part of many pieces is stored byte by byte as it was, wherever the pieces are cut', async () => {
  const door = await open()
  const body = files(ct(1), ct(2))
  const boundaryAt = body.lastIndexOf('--kurir-test\r\n')
  for (let cut = boundaryAt - 3; cut < boundaryAt + 60; cut += 7) {
    const stream = new ReadableStream({
      async start(controller) {
        controller.enqueue(body.subarray(0, cut))
        await new Promise((resolve) => setImmediate(resolve))
        controller.enqueue(body.subarray(cut))
        controller.close()
      },
    })
    expect((await door.post('/studies', stream, relatedType())).status).toBe(200)
  }
  const stored = await door.dataSets()
  expect(stored.filter((dataSet, i) => !dataSet.equals(ct((i % 2) + 1).dataSet))).toEqual([])
})

test('no log line holds a UID or a name of an instance, whatever becomes of it', async () => {
  const door = await open()
  const canary = ct(1, { studyInstanceUid: '2.25.777000777', patientName: 'Kenari^Kuning', patientId: 'KNR-4711' })
  await door.post('/studies/2.25.777000777', files(canary), relatedType())
  await door.post('/studies/2.25.777000777', files(ct(1)), relatedType())
  await door.post('/studies/2.25.777000777', files(canary).subarray(0, 3_000), relatedType())
  expect(await door.log.line('http-request-answered')).toMatchObject({ route: '/studies/:study', status: '200' })
  expect(door.log.text()).not.toMatch(/777000777|Kenari|KNR-4711/)
})
