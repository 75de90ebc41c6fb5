import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isLike, isMatch } from '../../src/api/qido-match.ts'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import { ctInstance, madeElement, part10 } from '../support/data-set.ts'
import { processorMs } from '../support/processor-time.ts'
import { openApi } from './api-harness.ts'

let stack: AsyncDisposableStack
beforeEach(() => {
  stack = new AsyncDisposableStack()
})
afterEach(async () => await stack.disposeAsync())

type Json = Record<string, { readonly vr: string; readonly Value?: readonly unknown[] }>

/** Three studies of two patients; the last one has two series. */
async function open() {
  const api = stack.use(await openApi())
  const made = [
    { studyInstanceUid: '2.25.10', patientId: 'P1', patientName: 'Siregar^Budi', accessionNumber: 'A1' },
    { studyInstanceUid: '2.25.20', patientId: 'P1', patientName: 'Siregar^Budi', accessionNumber: 'A2' },
    { studyInstanceUid: '2.25.30', patientId: 'P2', patientName: 'Wijaya^Citra', accessionNumber: 'A3' },
    {
      studyInstanceUid: '2.25.30',
      patientId: 'P2',
      patientName: 'Wijaya^Citra',
      accessionNumber: 'A3',
      instanceNumber: 2,
    },
    { studyInstanceUid: '2.25.30', patientId: 'P2', patientName: 'Wijaya^Citra', seriesInstanceUid: '2.25.30.7' },
  ]
  for (const options of made) await api.keep(ctInstance({ sizeBytes: 1_024, ...options }).file)
  const search = async (path: string) => {
    const response = await api.get(path)
    const rows = response.status === 200 ? ((await response.json()) as Json[]) : []
    return { status: response.status, warning: response.headers.get('warning'), rows }
  }
  const values = async (path: string, tag = '0020000D') => (await search(path)).rows.map((row) => row[tag]?.Value?.[0])
  return { ...api, search, values, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() }
}

describe('QIDO-RS', () => {
  test('lists studies, newest first, with what the Standard wants of each', async () => {
    const api = await open()
    const { status, rows } = await api.search('/studies')
    expect(status).toBe(200)
    expect(rows.map((row) => row['0020000D']?.Value)).toEqual([['2.25.30'], ['2.25.20'], ['2.25.10']])
    expect(rows[0]).toMatchObject({
      '00080005': { vr: 'CS', Value: ['ISO_IR 192'] },
      '00080020': { vr: 'DA', Value: ['20261121'] },
      '00080056': { vr: 'CS', Value: ['ONLINE'] },
      '00080061': { vr: 'CS', Value: ['CT'] },
      '00081190': { vr: 'UR', Value: [`${api.url}/studies/2.25.30`] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Wijaya^Citra' }] },
      '00201206': { vr: 'IS', Value: [2] },
      '00201208': { vr: 'IS', Value: [3] },
    })
    expect(rows[0]?.['00280010']).toBeUndefined()
    expect(await api.reads()).toEqual(['{"what":"QIDO-RS study","count":3}'])
  })

  test('lists series and instances, of a study or of all', async () => {
    const api = await open()
    expect(await api.values('/studies/2.25.30/series', '0020000E')).toEqual(['2.25.30.1', '2.25.30.7'])
    expect(await api.values('/series', '0020000E')).toHaveLength(4)
    expect(await api.values('/studies/2.25.30/instances', '00080018')).toEqual([
      '2.25.30.1.1',
      '2.25.30.1.2',
      '2.25.30.7.1',
    ])
    expect(await api.values('/studies/2.25.30/series/2.25.30.1/instances', '00200013')).toEqual([1, 2])
    expect(await api.values('/instances', '00080018')).toHaveLength(5)
    expect(await api.values('/instances?SOPInstanceUID=2.25.20.1.1', '0020000D')).toEqual(['2.25.20'])
    const { rows } = await api.search('/studies/2.25.30/series/2.25.30.1/instances')
    expect(rows[0]).toMatchObject({
      '00280010': { vr: 'US' },
      '00083002': { Value: ['1.2.840.10008.1.2.1'] },
      '00081190': { Value: [`${api.url}/studies/2.25.30/series/2.25.30.1/instances/2.25.30.1.1`] },
    })
    expect((await api.search('/studies/2.25.30/series')).rows[0]?.['00201209']).toEqual({ vr: 'IS', Value: [2] })
  })

  test.each([
    ['PatientID=P1', ['2.25.20', '2.25.10']],
    ['00100020=P2', ['2.25.30']],
    ['AccessionNumber=A2', ['2.25.20']],
    ['StudyInstanceUID=2.25.10,2.25.30', ['2.25.10', '2.25.30']],
    ['StudyInstanceUID=2.25.10%5C2.25.30', ['2.25.10', '2.25.30']],
    ['PatientName=siregar*', ['2.25.20', '2.25.10']],
    ['PatientName=WIJAYA%5ECITRA', ['2.25.30']],
    ['PatientName=*%5EC?tra', ['2.25.30']],
    ['PatientID=P?', ['2.25.30', '2.25.20', '2.25.10']],
    ['AccessionNumber=a2', []],
    ['StudyDate=20261121', ['2.25.30', '2.25.20', '2.25.10']],
    ['StudyDate=20261101-20261130&PatientID=P2', ['2.25.30']],
    ['StudyDate=-20261120', []],
    ['StudyDate=20261122-', []],
    ['ModalitiesInStudy=CT&PatientID=P2', ['2.25.30']],
    ['ModalitiesInStudy=MR', []],
    ['ModalitiesInStudy=MR,CT&PatientID=P2', ['2.25.30']],
    ['ModalitiesInStudy=MR%5CC*&PatientID=P2', ['2.25.30']],
    ['ModalitiesInStudy=MR,C', []],
    ['PatientID=&StudyDescription=Ch*', ['2.25.30', '2.25.20', '2.25.10']],
    ['PatientID=P1&AccessionNumber=A1', ['2.25.10']],
  ])('studies?%s finds %j', async (query, found) => {
    const api = await open()
    expect(await api.values(`/studies?${query}`)).toEqual(found)
  })

  test('finds a study by the modality of any of its series, whichever instance speaks for it', async () => {
    const api = await open()
    for (const [at, modality] of ['MR', 'SR'].entries()) {
      const { dataSet, ...made } = ctInstance({ studyInstanceUid: '2.25.40', instanceNumber: at, sizeBytes: 1_024 })
      const [is, was] = [modality, 'CT'].map((code) => madeElement('00080060', 'CS', code))
      dataSet.set(is ?? [], dataSet.indexOf(was ?? ''))
      await api.keep(part10({ ...made, dataSet }))
    }
    for (const modality of ['MR', 'SR']) expect(await api.values(`/studies?Modality=${modality}`)).toEqual(['2.25.40'])
  })

  test('pages by limit and offset, says when there is more, and answers 204 when there is nothing', async () => {
    const api = await open()
    const first = await api.search('/studies?limit=2')
    expect([first.rows.length, first.warning]).toEqual([
      2,
      '299 kurir "There are additional results that can be requested."',
    ])
    const second = await api.search('/studies?limit=2&offset=2')
    expect([second.rows.length, second.warning]).toEqual([1, null])
    expect((await api.search('/studies?limit=2&offset=4')).status).toBe(204)
    expect((await api.search('/studies?limit=2147483647')).rows).toHaveLength(3)
    expect((await api.search('/studies?limit=3')).warning).toBeNull()
    expect((await api.search('/studies?PatientID=NOBODY')).status).toBe(204)
    expect((await api.search('/studies?PatientID=P1&fuzzymatching=true')).warning).toContain('fuzzymatching')
  })

  test('gives what is asked for beside: by keyword, by tag, or all', async () => {
    const api = await open()
    const { rows } = await api.search(
      '/studies?PatientID=P2&includefield=InstitutionName,00081010&includefield=Manufacturer',
    )
    expect(rows[0]).toMatchObject({
      '00080080': { Value: ['Example Hospital'] },
      '00081010': { Value: ['CT_ONE'] },
      '00080070': { Value: ['Example Works'] },
    })
    const all = await api.search('/studies?PatientID=P2&includefield=all')
    expect(all.rows[0]?.['00280030']).toEqual({ vr: 'DS', Value: [0.9765625, 0.9765625] })
  })

  test.each([
    'limit=x',
    'offset=-1',
    'offset=99999',
    'NoSuchWord=1',
    'includefield=NoSuchWord',
    `PatientID=${'x'.repeat(5_000)}`,
  ])('refuses %s with a sentence that repeats nothing of it', async (query) => {
    const api = await open()
    const response = await api.get(`/studies?${query}`)
    expect(response.status).toBe(400)
    expect(((await response.json()) as { message: string }).message).not.toContain('x'.repeat(10))
  })

  test('tells a caller of HTTP/1.0, which names no host, the address that it called', async () => {
    const api = await open()
    const socket = connect(api.port, '127.0.0.1')
    socket.write('GET /studies?PatientID=P2 HTTP/1.0\r\nAuthorization: Bearer INTEGRATOR\r\n\r\n')
    const [, body = ''] = (await text(socket)).split('\r\n\r\n')
    expect(JSON.parse(body)[0]['00081190']).toEqual({ vr: 'UR', Value: [`${api.url}/studies/2.25.30`] })
  })

  test('is asked by whoever may, and in JSON', async () => {
    const api = await open()
    expect((await api.get('/studies', { accept: 'text/html' })).status).toBe(406)
    expect((await api.get('/studies/x;y/series')).status).toBe(400)
  })
})

describe('matching', () => {
  const key = (vr: string, value: string) => ({ path: [{ tag: tagOf(0x0010, 0x0010) }], vr, value })

  test('a pattern with stars is what a regular expression says, for any text', () => {
    const letters = fc.stringMatching(/^[ab*?]{0,8}$/)
    fc.assert(
      fc.property(letters, fc.stringMatching(/^[ab]{0,10}$/), (pattern, text) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`)
        expect(isLike(pattern, text)).toBe(expression.test(text))
      }),
    )
  })

  test('no pattern takes long', () => {
    const look = () => expect(isLike(`${'*a'.repeat(1_000)}*b`, 'a'.repeat(4_000))).toBe(false)
    expect(processorMs(look)).toBeLessThan(1_000)
  })

  test('each VR has its own way', () => {
    expect(isMatch(key('PN', 'müller^anna'), ['Müller^Anna^^'])).toBe(true)
    expect(isMatch(key('PN', '山田^太郎'), ['Yamada^Tarou=山田^太郎'])).toBe(true)
    expect(isMatch(key('IS', '01'), ['1 '])).toBe(true)
    expect(isMatch(key('UI', '1.2*'), ['1.2.3'])).toBe(false)
    expect(isMatch(key('TM', '0800-0900'), ['081500.25'])).toBe(true)
    expect(isMatch(key('TM', '0800-0810'), ['081500'])).toBe(false)
    expect(isMatch(key('DA', '202611'), ['20261121'])).toBe(true)
    expect(isMatch(key('DA', '20261121'), [''])).toBe(false)
    expect(isMatch(key('CS', 'CT'), ['MR', 'CT'])).toBe(true)
    expect(isMatch(key('CS', 'US,CT'), ['MR', 'CT'])).toBe(true)
    expect(isMatch(key('CS', 'M?'), ['MR', 'CT'])).toBe(true)
    expect(isMatch(key('CS', 'mr'), ['MR'])).toBe(false)
  })
})
