import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ZipFile } from 'yazl'
import { ms, systemClock } from '../../src/base/clock.ts'
import { KurirError } from '../../src/base/failure.ts'
import { Secret } from '../../src/base/secret.ts'
import { createListener } from '../../src/http/listener.ts'
import { addUploadDoor, type UploadDoorDeps } from '../../src/ingest/upload-door.ts'
import type { Arrival } from '../../src/spool/arrival.ts'
import { ReadableLog } from '../admin/admin-fixture.ts'
import { ctInstance, madeElement, part10 } from '../support/data-set.ts'
import { sha256 } from '../support/data-set-bytes.ts'
import { testWithPeers } from '../support/peers.ts'
import { temporaryDir } from '../support/processes.ts'
import { arrivalOf, collect, newId, openShelf, take } from '../support/spool-on-disk.ts'
import { mayMount, mountTmpfs } from '../support/tmpfs.ts'

const run = promisify(execFile)
const isMountable = await mayMount()
const testOnVolume = (title: string, body: () => Promise<void>): void =>
  isMountable ? test(title, body) : test.skip(`${title} [needs mount]`, body)
let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

const ct = (instanceNumber: number, more = {}) => ctInstance({ instanceNumber, sizeBytes: 4_096, ...more })

async function open(more: Partial<UploadDoorDeps> = {}) {
  const home = stack.use(await temporaryDir('upload')).path
  const shelf = stack.use(await openShelf(home))
  for (const role of ['INGEST', 'VIEWER'] as const) {
    await shelf.ledger.tokenCreate(new Secret(role), { name: role, roles: [role] }, { name: 'test' })
  }
  const log = new ReadableLog()
  const settings = { host: '127.0.0.1', port: 0, bodyLimit: 1_000, correlation: 'callers' } as const
  const listener = stack.use(createListener(settings, { clock: systemClock, log, newId }))
  const { spool, ledger } = shelf
  const folder = join(home, 'uploads')
  await addUploadDoor(listener.server, { spool, ledger, clock: systemClock, log, newId, folder, ...more })
  const port = await listener.listen()
  const post = (body: FormData | Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`http://127.0.0.1:${port}/api/dicom/upload`, {
      method: 'POST',
      body: body instanceof FormData ? body : Buffer.from(body),
      headers: { authorization: 'Bearer INGEST', ...headers },
    })
  const digests = async () => {
    const found = await ledger.unplanned(1_000)
    return Promise.all(found.map(async ({ blob }) => sha256(await collect(spool.read(blob)))))
  }
  const receptions = async () => (await ledger.unplanned(1_000)).map(({ reception }) => reception)
  return { home, port, post, digests, receptions, log, folder, shelf }
}

function form(...files: readonly Buffer[]): FormData {
  const data = new FormData()
  for (const [n, file] of files.entries()) data.append('file', new Blob([new Uint8Array(file)]), `${n}.dcm`)
  return data
}

async function zip(entries: Readonly<Record<string, Buffer>>, options: { readonly compress?: boolean } = {}) {
  const file = new ZipFile()
  for (const [name, bytes] of Object.entries(entries)) file.addBuffer(bytes, name, { compress: true, ...options })
  file.end()
  const pieces: Buffer[] = []
  for await (const piece of file.outputStream) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

const bodyOf = async (response: Response) => ({ code: response.status, ...((await response.json()) as object) })

describe('an upload', () => {
  test('of one file is taken, and the answer names its study', async () => {
    const door = await open()
    const response = await door.post(form(ct(1).file), { 'x-correlation-id': 'mine-1' })
    expect(await bodyOf(response)).toEqual({
      code: 200,
      status: 'success',
      study: '2.25.314159',
      studies: ['2.25.314159'],
      transfers: [{ study: '2.25.314159', instance: ct(1).sopInstanceUid, status: 'accepted' }],
      refused: [],
      correlation_id: 'mine-1',
    })
    expect(await door.digests()).toEqual([sha256(ct(1).dataSet)])
    expect((await door.receptions())[0]).toMatchObject({ door: 'UPLOAD', peer: '127.0.0.1', callingAe: null })
  })

  test('of many files, and an archive between them, takes all of them', async () => {
    const door = await open()
    const archive = await zip({ 'a/1': ct(2).file, 'a/2.dcm': ct(3).file })
    const response = await door.post(form(ct(1).file, archive, ct(4).file))
    expect(response.status).toBe(200)
    expect((await door.digests()).sort()).toEqual([1, 2, 3, 4].map((n) => sha256(ct(n).dataSet)).sort())
    expect(await readdir(door.folder)).toEqual([])
  })

  test('of an archive passes over what is no image: folders, a DICOMDIR, viewers and texts', async () => {
    const door = await open()
    const directory = part10({
      ...ct(1),
      sopClassUid: '1.2.840.10008.1.3.10',
      dataSet: madeElement('00041130', 'CS', 'D'),
    })
    const archive = await zip({
      'CD/DICOMDIR': directory,
      'CD/IMAGES/IM1': ct(1).file,
      'CD/viewer.exe': Buffer.from('MZ this is no image'.repeat(50)),
      'CD/empty.txt': Buffer.alloc(0),
    })
    const body = await bodyOf(await door.post(form(archive)))
    expect(body).toMatchObject({ code: 200, status: 'success', transfers: [{ instance: ct(1).sopInstanceUid }] })
    expect(body).toMatchObject({
      refused: [
        { file: 'file 1, entry 3', reason: 'not-dicom' },
        { file: 'file 1, entry 4', reason: 'empty' },
      ],
    })
  })

  test('of what is no DICOM is refused, and says which file', async () => {
    const door = await open()
    expect(await bodyOf(await door.post(form(Buffer.from('hello'))))).toMatchObject({
      code: 400,
      status: 'error',
      message: 'There is no DICOM file in it that can be taken.',
      refused: [{ file: 'file 1', reason: 'not-dicom' }],
    })
    expect(await bodyOf(await door.post(form(ct(1).file, Buffer.from('hello'))))).toMatchObject({
      code: 207,
      status: 'partial',
      refused: [{ file: 'file 2', reason: 'not-dicom' }],
    })
    expect((await bodyOf(await door.post(form()))).code).toBe(400)
  })

  const set = (...parts: readonly (readonly [string, string] | Buffer)[]): FormData => {
    const data = new FormData()
    for (const part of parts) {
      if (Buffer.isBuffer(part)) data.append('file', new Blob([new Uint8Array(part)]), 'a.dcm')
      else data.append(part[0], part[1])
    }
    return data
  }
  const amended = async (door: Awaited<ReturnType<typeof open>>) =>
    (await door.shelf.ledger.unplanned(100)).map(({ amendments }) => amendments.map(({ name, value }) => [name, value]))

  test.each([
    ['in front of the files', set(['patientid', 'P-1'], ['acc', 'A-1'], ct(1).file, ct(2).file)],
    ['between them', set(['acc', 'A-1'], ct(1).file, ['patientid', 'P-1'], ct(2).file)],
    ['behind them', set(ct(1).file, ct(2).file, ['patientid', 'P-1'], ['accesionnum', 'A-1'])],
  ])('sets what stands %s in all of them, on record under the name of the token', async (_where, data) => {
    const door = await open()
    expect((await door.post(data)).status).toBe(200)
    const both = [
      ['PatientID', 'P-1'],
      ['AccessionNumber', 'A-1'],
    ]
    expect(await amended(door)).toEqual([both, both])
    const [first] = await door.shelf.ledger.unplanned(1)
    if (first === undefined) throw new Error('nothing taken')
    expect(await door.shelf.ledger.views.amendments(first.id)).toMatchObject([
      {
        by: 'INGEST',
        reason: 'set by the upload',
        changes: [{ before: 'ID0001', after: 'P-1' }, { before: 'ACC0001' }],
      },
    ])
    const audit = await door.shelf.ledger.views.auditEvents({ event: 'Instance Amended' }, { first: 5 })
    expect(audit.rows.map(({ row }) => row.actor)).toEqual(['INGEST', 'INGEST'])
    // The original is as it came.
    expect((await door.digests()).sort()).toEqual([1, 2].map((n) => sha256(ct(n).dataSet)).sort())
    expect(JSON.stringify(door.log)).not.toContain('P-1')
    expect(await readdir(door.folder)).toEqual([])
  })

  test('sets them in an archive, too, and nothing that stands like that already or is empty', async () => {
    const door = await open()
    const archive = await zip({ a: ct(1).file, b: ct(2, { patientId: 'P-1' }).file })
    const data = set(archive, ['patientid', 'P-1'], ['acc', ''])
    expect((await door.post(data)).status).toBe(200)
    expect(await amended(door)).toEqual([[['PatientID', 'P-1']], []])
  })

  test.each([
    ['too long', 'acc', '12345678901234567'],
    ['of two values', 'patientid', 'A\\B'],
    ['with a line break', 'patientid', 'A\u0007B'],
  ])('with a value %s is refused whole, and the answer does not repeat it', async (_what, name, value) => {
    const door = await open()
    const body = await bodyOf(await door.post(set(ct(1).file, [name, value])))
    expect(body).toMatchObject({ code: 400, status: 'error' })
    expect(JSON.stringify(body)).not.toContain(value)
    expect(await door.digests()).toEqual([])
  })

  test('too large to wait for its end is told when a field comes too late', async () => {
    const door = await open({ aside: { files: 1 } })
    const body = await bodyOf(await door.post(set(ct(1).file, ct(2).file, ['acc', 'A-1'])))
    expect(body).toMatchObject({ code: 207, message: expect.stringContaining('in front of the files') })
    expect(await amended(door)).toEqual([[], []])
    expect((await door.post(set(['acc', 'A-2'], ct(3).file, ct(4).file))).status).toBe(200)
    expect((await amended(door)).slice(2)).toEqual(Array(2).fill([['AccessionNumber', 'A-2']]))
  })

  test('is set again when the ledger is made anew from the spool', async () => {
    const home = stack.use(await temporaryDir('upload-again')).path
    const corrections = { patientId: 'P-1', by: 'ani', reason: 'set by the upload' }
    {
      await using shelf = await openShelf(home)
      await take(shelf.spool, arrivalOf(ct(1).file, { corrections }), ct(1).dataSet)
    }
    for (const file of await readdir(home)) if (file.startsWith('kurir.db')) await rm(join(home, file))
    await using again = await openShelf(home)
    const [instance] = await again.ledger.unplanned(1)
    expect(instance?.amendments).toEqual([{ name: 'PatientID', value: 'P-1' }])
    expect(await again.ledger.views.amendments(instance?.id ?? ('' as never))).toMatchObject([{ by: 'ani' }])
  })

  test('is on the audit trail by the name of the token, or of the caller that the rules let in', async () => {
    const door = await open({ callerAt: () => ({ name: 'simrs', roles: ['INGEST'] }) })
    await door.post(form(ct(1).file))
    await door.post(form(await zip({ a: ct(2).file })), { authorization: '' })
    const { rows } = await door.shelf.ledger.views.auditEvents({ event: 'DICOM Instances Transferred' }, { last: 9 })
    expect(rows.map(({ row }) => row.actor)).toEqual(['simrs', 'INGEST'])
  })

  test('wants a token with the role, and a form', async () => {
    const door = await open()
    expect((await door.post(form(ct(1).file), { authorization: 'Bearer VIEWER' })).status).toBe(403)
    expect((await door.post(form(ct(1).file), { authorization: '' })).status).toBe(401)
    expect((await door.post(ct(1).file, { 'content-type': 'application/dicom' })).status).toBe(415)
    expect((await door.post(Buffer.from('x'), { 'content-type': 'multipart/form-data' })).status).toBe(400)
    expect((await door.post(form(ct(1).file), { 'content-encoding': 'br' })).status).toBe(415)
    expect(await door.digests()).toEqual([])
  })

  test('from an address that needs no token is none of a page of another site, which only uses its browser', async () => {
    const door = await open({ callerAt: (peer) => ({ name: peer, roles: ['INGEST'] }) })
    const from = (origin: string, token = '') =>
      door.post(form(ct(1).file), { origin, authorization: token }).then(({ status }) => status)
    const own = `http://127.0.0.1:${door.port}`
    expect([await from('http://elsewhere.example'), await from('null'), await from(`${own}0`)]).toEqual([401, 401, 401])
    expect(await door.digests()).toEqual([])
    expect([await from(own), await from('http://elsewhere.example', 'Bearer INGEST')]).toEqual([200, 200])
  })

  test('that breaks off keeps what had come whole, and says so', async () => {
    const door = await open({ aside: { files: 0 } })
    const head = (n: number): string =>
      `--b\r\nContent-Disposition: form-data; name="file"; filename="${n}.dcm"\r\n\r\n`
    const body = Buffer.concat([
      Buffer.from(head(1)),
      ct(1).file,
      Buffer.from(`\r\n${head(2)}`),
      ct(2).file.subarray(0, 900),
    ])
    const response = await door.post(body, { 'content-type': 'multipart/form-data; boundary=b' })
    expect(await bodyOf(response)).toMatchObject({
      code: 207,
      status: 'partial',
      transfers: [{ instance: ct(1).sopInstanceUid }],
    })
    expect(await door.digests()).toEqual([sha256(ct(1).dataSet)])
    // While a correction may still follow, nothing is.
    const other = await open()
    expect((await other.post(body, { 'content-type': 'multipart/form-data; boundary=b' })).status).toBe(400)
    expect(await other.digests()).toEqual([])
  })

  test('is told of a full disk, and nothing half is left', async () => {
    let full = true
    const door = await open()
    const begin = async (arrival: Arrival) => {
      if (full) throw new KurirError('disk-full', 'transient', 'full')
      return door.shelf.spool.begin(arrival)
    }
    const spool = { begin, expectRoom: async () => {} }
    const other = await open({ spool })
    const response = await other.post(form(ct(1).file))
    expect(response.status).toBe(507)
    expect(response.headers.get('retry-after')).toBe('60')
    const archive = await zip({ a: ct(1).file })
    expect((await other.post(form(archive))).status).toBe(507)
    full = false
    expect((await other.post(form(archive))).status).toBe(200)
    expect(await readdir(other.folder)).toEqual([])
  })

  test('that is not taken is counted and logged by why: no room, other bytes under a UID, no DICOM', async () => {
    const counted: string[] = []
    const meter = {
      instanceAdmitted: () => {},
      instanceRefused: (door: string, why: string) => counted.push(`${door} ${why}`),
    }
    const full = new KurirError('disk-full', 'transient', 'full')
    const spool = { begin: () => Promise.reject(full), expectRoom: async () => {} }
    await (await open({ meter, spool })).post(form(ct(1).file))
    const door = await open({ meter, onChangedAt: () => 'refuse' })
    await door.post(form(ct(1).file))
    await door.post(form(ct(1, { patientName: 'SOMEBODY^ELSE' }).file, Buffer.from('text'), Buffer.alloc(0)))
    expect(counted).toEqual(['UPLOAD disk-full', 'UPLOAD conflict', 'UPLOAD invalid-dataset', 'UPLOAD invalid-dataset'])
    expect(door.log.lines.filter(({ event }) => event === 'upload-refused').map(({ fields }) => fields)).toMatchObject([
      { code: 'conflict', count: 1 },
      { code: 'invalid-dataset', count: 2 },
    ])
  })

  test('that is answered before its end leaves the connection to the next one', async () => {
    const full = async (): Promise<never> => Promise.reject(new KurirError('disk-full', 'transient', 'full'))
    const door = await open({ spool: { begin: full, expectRoom: full } })
    const socket = connect(door.port, '127.0.0.1')
    stack.defer(() => void socket.destroy())
    const heads = 'host: x\r\nauthorization: Bearer INGEST\r\ncontent-type: multipart/form-data; boundary=b'
    const sent = Buffer.concat([
      Buffer.from('--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n'),
      Buffer.alloc(8e6),
    ])
    for (let time = 0; time < 2; time += 1) {
      socket.write(`POST /api/dicom/upload HTTP/1.1\r\n${heads}\r\ncontent-length: ${sent.length}\r\n\r\n`)
      socket.write(sent)
    }
    let answers = 0
    for await (const piece of socket) {
      answers += String(piece).split('HTTP/1.1 507').length - 1
      if (answers === 2) break
    }
    expect(answers).toBe(2)
  })

  testOnVolume('whose last bytes find no room is told of a full disk, and not that it is damaged', async () => {
    const volume = stack.use(mountTmpfs(64 * 1024))
    const door = await open({ folder: join(volume?.path ?? '', 'uploads') })
    const files = [1, 2].map((n) => ct(n, { sizeBytes: 40_960 }).file)
    const archive = await zip(Object.fromEntries(files.map((file, n) => [`${n}`, file])), { compress: false })
    for (const body of [form(archive), form(...files)]) expect((await door.post(body)).status).toBe(507)
    expect(await door.digests()).toEqual([])
  })

  test('beyond what may come at once is asked to come again', async () => {
    const door = await open({ uploads: { total: 1, perPeer: 1 } })
    const slow = connect(door.port, '127.0.0.1')
    stack.defer(() => void slow.destroy())
    const waiting =
      'content-type: multipart/form-data; boundary=b\r\ncontent-length: 1000\r\nauthorization: Bearer INGEST'
    slow.write(`POST /api/dicom/upload HTTP/1.1\r\nhost: x\r\n${waiting}\r\n\r\n--b`)
    let response = await door.post(form(ct(1).file))
    while (response.status === 200) response = await door.post(form(ct(1).file))
    expect([429, 503]).toContain(response.status)
    expect(response.headers.get('retry-after')).toBe('10')
  })

  test('from a caller that falls silent is ended', async () => {
    const door = await open({ limits: { silence: ms(200) } })
    const slow = connect(door.port, '127.0.0.1')
    stack.defer(() => void slow.destroy())
    const headers =
      'content-type: multipart/form-data; boundary=b\r\ncontent-length: 1000\r\nauthorization: Bearer INGEST'
    slow.write(`POST /api/dicom/upload HTTP/1.1\r\nhost: x\r\n${headers}\r\n\r\n--b\r\n`)
    const [answer] = await new Promise<[string]>((resolve) => slow.once('data', (data) => resolve([data.toString()])))
    expect(answer).toMatch(/^HTTP\/1\.1 408/)
  })
})

describe('a hostile archive', () => {
  const refusals = async (door: Awaited<ReturnType<typeof open>>, archive: Buffer) => {
    const body = await bodyOf(await door.post(form(archive)))
    return body as unknown as {
      code: number
      refused: readonly { file: string; reason: string }[]
      transfers: readonly object[]
    }
  }

  test('that grows a thousandfold is stopped', async () => {
    const door = await open({ archive: { freely: 1_000_000, ratio: 100 } })
    const zeros = part10({
      ...ct(1),
      dataSet: Buffer.concat([ct(1).dataSet, madeElement('7FE10010', 'OB', Buffer.alloc(30_000_000))]),
    })
    const bomb = await zip({ small: ct(2).file, bomb: zeros, after: ct(3).file })
    expect(bomb.length).toBeLessThan(60_000)
    const { code, refused, transfers } = await refusals(door, bomb)
    expect([code, refused, transfers.length]).toEqual([207, [{ file: 'file 1', reason: 'too-large' }], 1])
    expect(await door.digests()).toEqual([sha256(ct(2).dataSet)])
  })

  test('with too many entries, or larger than an archive may be, is refused', async () => {
    const few = await open({ archive: { entries: 2 } })
    const three = await zip({ a: ct(1).file, b: ct(2).file, c: ct(3).file })
    expect(await refusals(few, three)).toMatchObject({ code: 413, transfers: [] })
    const small = await open({ archive: { bytes: 1_000 } })
    expect((await refusals(small, three)).code).toBe(413)
    expect(await readdir(small.folder)).toEqual([])
  })

  test('inside an archive is not opened', async () => {
    const door = await open()
    const nested = await zip({ 'inner.zip': await zip({ a: ct(1).file }), b: ct(2).file })
    const { code, refused } = await refusals(door, nested)
    expect([code, refused]).toEqual([207, [{ file: 'file 1, entry 1', reason: 'nested-archive' }]])
  })

  test('whose names climb, are absolute or no text makes no file anywhere', async () => {
    const door = await open()
    // Names of the same length, put in afterwards: a decent maker of archives refuses them.
    const decent = await zip({ 'aa/aa/aa/evil-1': ct(1).file, 'b-long-enough-1': ct(2).file })
    const bytes = decent
      .toString('latin1')
      .replaceAll('aa/aa/aa/evil-1', '../../../evil-1')
      .replaceAll('b-long-enough-1', '/etc/\0\xff\xfeevil-22')
    const { code } = await refusals(door, Buffer.from(bytes, 'latin1'))
    expect(code).toBe(200)
    // Three folders up from where archives are kept, which others may be using: what they leave is not looked into.
    const made = [door.home].flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    const above = [join(door.home, '..'), '/etc'].flatMap((folder) => readdirSync(folder))
    expect([...made, ...above].filter((name) => String(name).includes('evil'))).toEqual([])
    expect(await door.digests()).toHaveLength(2)
  })

  test('that is cut, or says other lengths than it has, is refused as far as it is damaged', async () => {
    const door = await open()
    const whole = await zip({ a: ct(1).file, b: ct(2).file }, { compress: false })
    expect((await refusals(door, whole.subarray(0, -30))).refused).toEqual([{ file: 'file 1', reason: 'damaged' }])
    const packed = await zip({ a: ct(1).file, b: ct(2).file })
    const spoilt = Buffer.from(packed)
    spoilt.fill(0xff, 60, 200)
    const { refused, transfers } = await refusals(door, spoilt)
    expect([refused, transfers.length]).toEqual([[{ file: 'file 1, entry 1', reason: 'damaged' }], 1])
    expect((await refusals(door, Buffer.from('PK\u0003\u0004 and nothing more'))).refused[0]?.reason).toBe('damaged')
  })

  test.each([true, false])(
    'of which a byte was changed on its way is refused by entry, compressed: %p',
    async (compress) => {
      const door = await open()
      const archive = await zip({ a: ct(1).file, b: ct(2).file }, { compress })
      // Of packed bytes hardly one can be changed so that they still unpack to as many: there the checksum is (APPNOTE 4.4.7).
      const at = compress ? archive.indexOf('PK\u0001\u0002') + 16 : 3_000
      archive[at] = (archive[at] ?? 0) ^ 1
      const { refused, transfers } = await refusals(door, archive)
      expect([refused, transfers.length]).toEqual([[{ file: 'file 1, entry 1', reason: 'damaged' }], 1])
      expect(await door.digests()).toEqual([sha256(ct(2).dataSet)])
    },
  )

  test('of a method that we do not have is refused by entry', async () => {
    const door = await open()
    const archive = await zip({ a: ct(1).file, b: ct(2).file })
    const other = Buffer.from(archive)
    // Method 12 (bzip2) for the first entry, in both of its headers (APPNOTE 4.4.5).
    other.writeUInt16LE(12, 8)
    other.writeUInt16LE(12, other.indexOf('PK\u0001\u0002') + 10)
    const { refused } = await refusals(door, other)
    expect(refused).toEqual([{ file: 'file 1, entry 1', reason: 'compression-not-supported' }])
    const encrypted = Buffer.from(archive)
    encrypted.writeUInt16LE(encrypted.readUInt16LE(6) | 1, 6)
    const central = encrypted.indexOf('PK\u0001\u0002')
    encrypted.writeUInt16LE(encrypted.readUInt16LE(central + 8) | 1, central + 8)
    expect((await refusals(door, encrypted)).refused).toEqual([{ file: 'file 1, entry 1', reason: 'encrypted' }])
  })

  test('of random bytes behind the right beginning never brings the door down', async () => {
    const door = await open()
    const good = await zip({ a: ct(1).file })
    let seed = 7
    const next = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return seed
    }
    for (let round = 0; round < 30; round += 1) {
      const bytes = Buffer.from(good)
      for (let n = 0; n < 12; n += 1) bytes[4 + (next() % (bytes.length - 4))] = next() & 0xff
      expect([200, 207, 400, 413, 503]).toContain((await door.post(form(bytes))).status)
    }
    expect((await door.post(form(ct(9).file))).status).toBe(200)
    expect(await readdir(door.folder)).toEqual([])
  })
})

testWithPeers(['curl'], 'curl uploads a folder’s files and an archive as its manual says', async () => {
  const door = await open()
  const dir = stack.use(await temporaryDir('curl')).path
  await writeFile(join(dir, 'a.dcm'), ct(1).file)
  await writeFile(join(dir, 'b.zip'), await zip({ 'x/y': ct(2).file }))
  const { stdout } = await run('curl', [
    ...[
      '-s',
      '-H',
      'Authorization: Bearer INGEST',
      '-F',
      `file=@${join(dir, 'a.dcm')}`,
      '-F',
      `file=@${join(dir, 'b.zip')}`,
    ],
    `http://127.0.0.1:${door.port}/api/dicom/upload`,
  ])
  expect(JSON.parse(stdout)).toMatchObject({ status: 'success', transfers: [{}, {}] })
})
