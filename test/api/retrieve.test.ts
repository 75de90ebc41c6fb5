import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { spooledInstances } from '../../src/api/spool-walk.ts'
import { zipOf } from '../../src/api/zip.ts'
import { reencodeDataSet } from '../../src/dicom/reencode.ts'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { ctInstance, type MadeInstance, madeElement, part10 } from '../support/data-set.ts'
import { dataSetOf, sha256 } from '../support/data-set-bytes.ts'
import { dicomWebPlugin, startOrthanc } from '../support/orthanc.ts'
import { testWithPeers } from '../support/peers.ts'
import { leastOfThree } from '../support/processor-time.ts'
import { collect } from '../support/spool-on-disk.ts'
import { openApi, partsOf } from './api-harness.ts'

const run = promisify(execFile)
const IMPLICIT = '1.2.840.10008.1.2'
const EXPLICIT = '1.2.840.10008.1.2.1'
const JPEG = '1.2.840.10008.1.2.4.50'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())
const open = async () => stack.use(await openApi())

const ct = (instanceNumber: number, more = {}): MadeInstance =>
  ctInstance({ instanceNumber, sizeBytes: 4_096, ...more })
const study = '2.25.314159'
const series = `${study}.1`
const one = `${series}.1`

async function implicit(instance: MadeInstance): Promise<MadeInstance> {
  async function* source() {
    yield instance.dataSet
  }
  const recoded = reencodeDataSet(source(), transferSyntaxOf(EXPLICIT), transferSyntaxOf(IMPLICIT))
  if (recoded === undefined) throw new Error('unreachable')
  const made = { ...instance, transferSyntaxUid: IMPLICIT, dataSet: await collect(recoded) }
  return { ...made, file: part10(made) }
}

/** Said to be JPEG: nobody here looks into the pixels. */
function compressed(instance: MadeInstance): MadeInstance {
  const made = { ...instance, transferSyntaxUid: JPEG }
  return { ...made, file: part10(made) }
}

const digests = (files: readonly Buffer[]): readonly string[] => files.map((file) => sha256(dataSetOf(file))).sort()

describe('WADO-RS', () => {
  test('gives a study, a series and an instance as Part 10 files, byte for byte what came', async () => {
    const api = await open()
    for (const n of [1, 2, 3]) await api.keep(ct(n).file)
    await api.keep(ct(1, { seriesInstanceUid: `${study}.2` }).file)
    const counts = [
      [`/studies/${study}`, 4],
      [`/studies/${study}/series/${series}`, 3],
      [`/studies/${study}/series/${series}/instances/${one}`, 1],
    ] as const
    for (const [path, count] of counts) {
      const response = await api.get(path, { accept: 'multipart/related; type="application/dicom"' })
      expect(response.status).toBe(200)
      const parts = await partsOf(response)
      expect(parts.map(({ type }) => type)).toEqual(Array(count).fill('application/dicom'))
      for (const { body } of parts) expect(body.subarray(0, 132).toString('latin1')).toBe(`${'\0'.repeat(128)}DICM`)
      if (count === 3) {
        expect(digests(parts.map(({ body }) => body))).toEqual(digests([1, 2, 3].map((n) => ct(n).file)))
      }
    }
    expect(await api.reads()).toEqual([
      '{"what":"WADO-RS instance","count":1}',
      '{"what":"WADO-RS series","count":3}',
      '{"what":"WADO-RS study","count":4}',
    ])
  })

  test('recodes what is native to Explicit VR Little Endian, and gives it as stored to whoever asks so', async () => {
    const api = await open()
    const stored = await implicit(ct(1))
    await api.keep(stored.file)
    const path = `/studies/${study}/series/${series}/instances/${one}`
    const [recoded] = await partsOf(await api.get(path))
    expect(sha256(dataSetOf(recoded?.body ?? Buffer.of()))).toBe(sha256(ct(1).dataSet))
    const any = { accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' }
    const [asStored] = await partsOf(await api.get(path, any))
    expect(asStored?.type).toBe(`application/dicom; transfer-syntax=${IMPLICIT}`)
    expect(sha256(dataSetOf(asStored?.body ?? Buffer.of()))).toBe(sha256(stored.dataSet))
  })

  test('gives what is encapsulated only in its own transfer syntax or any', async () => {
    const api = await open()
    await api.keep(compressed(ct(1)).file)
    const path = `/studies/${study}`
    expect((await api.get(path)).status).toBe(406)
    for (const syntax of [JPEG, '*']) {
      const accept = `multipart/related; type="application/dicom"; transfer-syntax=${syntax}`
      expect((await api.get(path, { accept })).status).toBe(200)
    }
    await api.keep(ct(2).file)
    const mixed = await api.get(path)
    expect(mixed.status).toBe(206)
    expect(await partsOf(mixed)).toHaveLength(1)
    const both = `multipart/related; type="application/dicom"; transfer-syntax=${JPEG}, multipart/related; type="application/dicom"`
    expect(await partsOf(await api.get(path, { accept: both }))).toHaveLength(2)
  })

  test('gives one instance alone, several as an archive, and 406 for pictures', async () => {
    const api = await open()
    await api.keep(ct(1).file)
    await api.keep(ct(2).file)
    const instance = `/studies/${study}/series/${series}/instances/${one}`
    const single = await api.get(instance, { accept: 'application/dicom' })
    expect(single.headers.get('content-type')).toBe('application/dicom')
    expect(digests([Buffer.from(await single.arrayBuffer())])).toEqual(digests([ct(1).file]))
    expect((await api.get(`/studies/${study}`, { accept: 'application/dicom' })).status).toBe(406)
    expect((await api.get(instance, { accept: 'image/jpeg' })).status).toBe(406)
    expect((await api.get(`${instance}?accept=application/dicom`)).headers.get('content-type')).toBe(
      'application/dicom',
    )
  })

  test.each([
    ['application/dicom, multipart/related; type="application/dicom"', 'multipart/related', 'application/dicom'],
    ['application/zip;q=0.1, multipart/related; type="application/dicom"', 'multipart/related', 'multipart/related'],
    ['*/*;q=0.1, application/zip', 'application/zip', 'application/zip'],
    ['multipart/related; type="Application/DICOM"', 'multipart/related', 'multipart/related'],
    ['application/dicom;q=0.4, application/zip;q=0.5;, image/jpeg', 'application/zip', 'application/zip'],
  ])(
    'to Accept: %s gives what is liked best of what there is: a study as %s, an instance as %s',
    async (accept, whole, single) => {
      const api = await open()
      for (const n of [1, 2]) await api.keep(ct(n).file)
      const typeOf = async (path: string) => {
        const response = await api.get(path, { accept })
        await response.arrayBuffer()
        return `${response.status} ${response.headers.get('content-type')?.split(';')[0]}`
      }
      expect(await typeOf(`/studies/${study}`)).toBe(`200 ${whole}`)
      expect(await typeOf(`/studies/${study}/series/${series}/instances/${one}`)).toBe(`200 ${single}`)
    },
  )

  test('knows only what is there, and reads no address as anything but UIDs', async () => {
    const api = await open()
    await api.keep(ct(1).file)
    expect((await api.get('/studies/1.2.3')).status).toBe(404)
    expect((await api.get(`/studies/${study}/series/9.9`)).status).toBe(404)
    expect((await api.get(`/studies/1.2.3/series/${series}/instances/${one}`)).status).toBe(404)
    expect((await api.get(`/studies/${encodeURIComponent('../../etc/passwd')}`)).status).toBe(400)
    expect((await api.get(`/studies/${study}'--`)).status).toBe(400)
    expect(await api.reads()).toEqual([])
  })

  test('wants the role of an integrator or of a reader of patient data', async () => {
    const api = await open()
    await api.keep(ct(1).file)
    const paths = [
      `/studies/${study}`,
      `/studies/${study}/metadata`,
      '/studies',
      `/api/dicom/download/${study}`,
      '/wado',
    ]
    for (const path of paths) {
      expect((await api.get(path, { authorization: '' })).status).toBe(401)
      for (const role of ['VIEWER', 'INGEST']) {
        expect((await api.get(path, { authorization: `Bearer ${role}` })).status).toBe(403)
      }
      if (path !== '/wado') expect((await api.get(path, { authorization: 'Bearer PHI_READER' })).status).toBe(200)
    }
    expect(JSON.stringify(api.log)).not.toContain('Example')
  })

  test('the latest of several receptions of one UID stands for all', async () => {
    const api = await open()
    await api.keep(ct(1, { patientId: 'OLD' }).file)
    await api.keep(ct(1, { patientId: 'NEW' }).file)
    const parts = await partsOf(await api.get(`/studies/${study}`))
    expect(parts.map(({ body }) => body.includes('NEW '))).toEqual([true])
  })

  test('metadata is what stood before the pixels, in JSON', async () => {
    const api = await open()
    await api.keep(ct(1).file)
    await api.keep((await implicit(ct(2))).file)
    const response = await api.get(`/studies/${study}/metadata`, { accept: 'application/dicom+json' })
    expect(response.headers.get('content-type')).toMatch(/^application\/dicom\+json/)
    const [first, second] = (await response.json()) as Record<string, { vr: string; Value?: unknown[] }>[]
    expect(first).toMatchObject({
      '00080005': { vr: 'CS', Value: ['ISO_IR 192'] },
      '00080008': { vr: 'CS', Value: ['ORIGINAL', 'PRIMARY', 'AXIAL'] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Example^Emma' }] },
      '00200013': { vr: 'IS', Value: [1] },
      '00280010': { vr: 'US' },
      '00281052': { vr: 'DS', Value: [-1024] },
      '00201040': { vr: 'LO' },
    })
    expect(first?.['7FE00010']).toBeUndefined()
    expect(second?.['00200013']).toEqual({ vr: 'IS', Value: [2] })
    expect((await api.get(`/studies/${study}/metadata`, { accept: 'application/dicom+xml' })).status).toBe(406)
  })

  test('metadata has the numbers of signed pixels as signed, also of an implicit data set, which does not say so', async () => {
    const api = await open()
    const { dataSet, ...made } = ct(1)
    const unsigned = madeElement('00280103', 'US', Buffer.from([0, 0]))
    const at = dataSet.indexOf(unsigned)
    const padding = Buffer.alloc(2)
    padding.writeInt16LE(-2_000)
    const signed = [madeElement('00280103', 'US', Buffer.from([1, 0])), madeElement('00280120', 'SS', padding)]
    const pieces = [dataSet.subarray(0, at), ...signed, dataSet.subarray(at + unsigned.length)]
    await api.keep((await implicit({ ...made, dataSet: Buffer.concat(pieces) })).file)
    for (const path of [`/studies/${study}/metadata`, '/studies?includefield=PixelPaddingValue']) {
      const [first] = (await (await api.get(path)).json()) as Record<string, unknown>[]
      expect(first?.['00280120']).toEqual({ vr: 'SS', Value: [-2_000] })
    }
  })

  test('metadata, and a search for all of it, names attributes in ascending order, and no lengths of groups', async () => {
    const api = await open()
    const { dataSet, ...made } = ct(1)
    const pixels = dataSet.indexOf(Buffer.from([0xe0, 0x7f, 0x10, 0x00]))
    const items = Buffer.concat([madeElement('00080100', 'SH', 'A'), madeElement('60000022', 'LO', 'B')])
    const item = Buffer.concat([Buffer.from([0xfe, 0xff, 0x00, 0xe0, items.length, 0, 0, 0]), items])
    const more = [madeElement('00400260', 'SQ', item), madeElement('60000022', 'LO', 'Overlay')]
    const all = [madeElement('00080000', 'UL', Buffer.alloc(4)), dataSet.subarray(0, pixels), ...more]
    await api.keep(part10({ ...made, dataSet: Buffer.concat([...all, dataSet.subarray(pixels)]) }))
    for (const path of [`/studies/${study}/metadata`, '/studies?includefield=all']) {
      const text = await (await api.get(path)).text()
      expect(JSON.parse(text)[0]).toMatchObject({
        '00400260': { vr: 'SQ', Value: [{ '00080100': { vr: 'SH', Value: ['A'] } }] },
        '60000022': { vr: 'LO', Value: ['Overlay'] },
      })
      const named = [...text.matchAll(/"([0-9A-F]{8})":/g)].map(([, tag]) => tag)
      const inItem = ['00080100', '60000022']
      expect(named.slice(named.indexOf('00400260') + 1, named.indexOf('00400260') + 3)).toEqual(inItem)
      const top = named.toSpliced(named.indexOf('00400260') + 1, 2)
      expect(top).toEqual(top.toSorted())
      expect(top).not.toContain('00080000')
    }
  })

  test('a client that leaves in the middle leaves no file open', async () => {
    const api = await open()
    await api.keep(ct(1, { sizeBytes: 20_000_000 }).file)
    await api.keep(ct(2, { sizeBytes: 20_000_000 }).file)
    const spoolFiles = (): number =>
      readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`).includes(join(api.folder, 'spool/')))
        .length
    const before = spoolFiles()
    for (const path of [`/studies/${study}`, `/api/dicom/download/${study}`]) {
      const socket = connect(api.port, '127.0.0.1')
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer INTEGRATOR\r\n\r\n`)
      await once(socket, 'data')
      while (spoolFiles() <= before) await once(socket, 'data')
      socket.pause()
      socket.resetAndDestroy()
      while (spoolFiles() > before) await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect((await api.get(`/studies/${study}/metadata`)).status).toBe(200)
  })

  test('a blob that was spoilt breaks the answer off: half of it is not taken for all', async () => {
    const api = await open()
    const id = await api.keep(ct(1, { sizeBytes: 3_000_000 }).file)
    const row = await api.shelf.ledger.views.instance(id)
    const file = join(api.folder, 'spool', row?.blob.key ?? '')
    const bytes = await readFile(file)
    bytes.fill(0x55, 2_000_000, 2_000_100)
    writeFileSync(file, bytes)
    const whole = api.get(`/studies/${study}`).then((response) => response.arrayBuffer())
    await expect(whole).rejects.toThrow()
    // Where nothing but the end of the connection ends an answer, as many proxies ask, it is no orderly end.
    for (const path of [`/api/dicom/download/${one}`, `/studies/${study}`]) {
      const socket = connect(api.port, '127.0.0.1')
      socket.write(`GET ${path} HTTP/1.0\r\nauthorization: Bearer INTEGRATOR\r\n\r\n`)
      await expect(buffer(socket)).rejects.toThrow('ECONNRESET')
    }
  })
})

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

describe('WADO-URI', () => {
  const address = (more: Readonly<Record<string, string>> = {}): string =>
    `/wado?${new URLSearchParams({ requestType: 'WADO', studyUID: study, seriesUID: series, objectUID: one, ...more })}`

  test('gives one instance, recoded as asked', async () => {
    const api = await open()
    const stored = await implicit(ct(1))
    await api.keep(stored.file)
    const plain = Buffer.from(await (await api.get(address())).arrayBuffer())
    expect(sha256(dataSetOf(plain))).toBe(sha256(ct(1).dataSet))
    const own = Buffer.from(await (await api.get(address({ transferSyntax: IMPLICIT }))).arrayBuffer())
    expect(sha256(dataSetOf(own))).toBe(sha256(stored.dataSet))
  })

  test('refuses what it cannot read or make', async () => {
    const api = await open()
    await api.keep(ct(1).file)
    expect((await api.get('/wado?requestType=WADO')).status).toBe(400)
    expect((await api.get(address({ requestType: 'OTHER' }))).status).toBe(400)
    expect((await api.get(address({ studyUID: '../x' }))).status).toBe(400)
    expect((await api.get(address({ seriesUID: '1.2' }))).status).toBe(404)
    expect((await api.get(address({ contentType: 'image/jpeg' }))).status).toBe(406)
  })
})

describe('a download', () => {
  test('of an instance is a file; of a study or a series an archive, as stored', async () => {
    const api = await open()
    const ids = [await api.keep(ct(1).file), await api.keep((await implicit(ct(2))).file)]
    for (const instance of ids) {
      const obligations = [{ kind: 'HOLD', rule: null, reason: 'test' }] as const
      await api.shelf.ledger.plan([{ instance, expectedVersion: 1, rulesetDigest: 'test', obligations }])
    }
    const file = await api.get(`/api/dicom/download/${one}`)
    expect(file.headers.get('content-disposition')).toBe(`attachment; filename="${one}.dcm"`)
    expect(digests([Buffer.from(await file.arrayBuffer())])).toEqual(digests([ct(1).file]))
    for (const uid of [study, series]) {
      const archive = await api.get(`/api/dicom/download/${uid}`)
      expect([archive.status, archive.headers.get('content-type')]).toEqual([200, 'application/zip'])
      const dir = join(api.folder, `unpacked-${uid}`)
      await mkdir(dir)
      await writeFile(join(dir, 'a.zip'), Buffer.from(await archive.arrayBuffer()))
      await run('python3', ['-m', 'zipfile', '-e', join(dir, 'a.zip'), dir])
      const files = [1, 2].map((n) => readFile(join(dir, series, `${series}.${n}.dcm`)))
      expect(digests(await Promise.all(files))).toEqual(digests([ct(1).file, (await implicit(ct(2))).file]))
    }
    expect((await api.get('/api/dicom/download/1.2.3')).status).toBe(404)
    expect((await api.get('/api/dicom/download/..%2f..')).status).toBe(400)
  })

  test('of a UID that lies in two studies has a name for each of its instances', async () => {
    const api = await open()
    const twice = [ct(1), ct(1, { studyInstanceUid: '2.25.2', seriesInstanceUid: series, sopInstanceUid: one })]
    for (const { file } of twice) await api.keep(file)
    const archive = await api.get(`/api/dicom/download/${one}`)
    await writeFile(join(api.folder, 'two.zip'), Buffer.from(await archive.arrayBuffer()))
    await run('python3', ['-m', 'zipfile', '-e', join(api.folder, 'two.zip'), api.folder])
    expect(readdirSync(join(api.folder, series)).sort()).toEqual([`${one}-2.dcm`, `${one}.dcm`])
    const files = [`${one}.dcm`, `${one}-2.dcm`].map((name) => readFile(join(api.folder, series, name)))
    expect(digests(await Promise.all(files))).toEqual(digests(twice.map(({ file }) => file)))
  })

  test('of more than one archive can list is refused, not cut short', async () => {
    const { shelf, keep } = await open()
    for (const n of [1, 2, 3]) await keep(ct(n).file)
    const all = () => spooledInstances(shelf.ledger.views, { studyInstanceUid: study })
    expect(await zipOf(shelf.spool, all(), 2)).toBe('too-many')
    expect(await zipOf(shelf.spool, all(), 3)).not.toBe('too-many')
  })

  test('grows no memory with what is downloaded', async () => {
    const api = await open()
    for (const n of [1, 2, 3]) await api.keep(ct(n, { sizeBytes: 60_000_000 }).file)
    const growth = async (): Promise<number> => {
      const before = process.memoryUsage.rss()
      let most = before
      let bytes = 0
      for (const path of [`/api/dicom/download/${study}`, `/studies/${study}`]) {
        const response = await api.get(path)
        for await (const piece of response.body ?? []) {
          bytes += piece.length
          most = Math.max(most, process.memoryUsage.rss())
        }
      }
      expect(bytes).toBeGreaterThan(350_000_000)
      return (most - before) / 2 ** 20
    }
    expect(await leastOfThree(120, growth)).toBeLessThan(120)
  })
})

testWithPeers(
  dicomWebPlugin() === undefined ? ['Orthanc', 'libOrthancDicomWeb.so'] : ['Orthanc'],
  'Orthanc searches and fetches from us by DICOMweb, and has the same data sets then',
  async () => {
    const api = await open()
    for (const n of [1, 2, 3]) await api.keep(ct(n).file)
    const servers = { kurir: { Url: `${api.url}/`, HttpHeaders: { Authorization: 'Bearer INTEGRATOR' } } }
    const orthanc = stack.use(await startOrthanc(api.folder, { DicomWeb: { Enable: true, Servers: servers } }))
    const found = await orthanc.post('/dicom-web/servers/kurir/qido', JSON.stringify({ Uri: '/studies' }))
    expect([found.status, JSON.parse(found.body.toString())]).toMatchObject([200, [{ '0020000D': { Value: study } }]])
    const fetched = await orthanc.post(
      '/dicom-web/servers/kurir/retrieve',
      JSON.stringify({ Resources: [{ Study: study }] }),
    )
    expect(fetched.status).toBe(200)
    expect(digests(await orthanc.files())).toEqual(digests([1, 2, 3].map((n) => ct(n).file)))
  },
  40_000,
)

testWithPeers(['dcmftest'], 'dcmtk opens what was given', async () => {
  const api = await open()
  await api.keep((await implicit(ct(1))).file)
  const [part] = await partsOf(await api.get(`/studies/${study}`))
  await writeFile(join(api.folder, 'given.dcm'), part?.body ?? Buffer.of())
  const { stdout } = await run('dcmdump', ['+P', '0010,0010', '+P', '0002,0010', join(api.folder, 'given.dcm')])
  expect(stdout).toContain('Example^Emma')
  expect(stdout).toContain('LittleEndianExplicit')
})
