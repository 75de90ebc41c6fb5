import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { findFileMeta } from '../../src/dicom/file-meta.ts'
import { corpusFiles, testWithCorpus } from '../support/corpus.ts'
import { ctInstance } from '../support/data-set.ts'
import { dicomPart, related, relatedType } from '../support/stow-bodies.ts'
import { type StowFixture, startStow } from '../support/stow-harness.ts'

let stack: AsyncDisposableStack
let door: StowFixture
beforeEach(async () => {
  stack = new AsyncDisposableStack()
  door = stack.use(await startStow())
})
afterEach(async () => await stack.disposeAsync())

const ct = (instanceNumber: number, more = {}) => ctInstance({ instanceNumber, sizeBytes: 4_096, ...more })

/** A healthy store is taken as ever. */
async function expectAlive(): Promise<void> {
  const response = await door.post('/studies', ct(900).file, { 'content-type': 'application/dicom' })
  expect(response.status).toBe(200)
}

/** Every name below a folder. */
const names = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder, { recursive: true })).map((name) => name.toString())

describe('a hostile body', () => {
  test.each<[string, Buffer, Readonly<Record<string, string>>, readonly number[]]>([
    ['a million parts', Buffer.from(`${'--kurir-test\r\n\r\n\r\n'.repeat(1_000_000)}`), relatedType(), [413]],
    ['a hundred thousand headers', Buffer.from(`--kurir-test\r\n${'A: 1\r\n'.repeat(100_000)}`), relatedType(), [413]],
    [
      'a multipart in a multipart',
      related([{ headers: relatedType(), body: related([dicomPart(ct(1).file)], 'x') }]),
      relatedType(),
      [409],
    ],
    [
      'a boundary of regular expressions',
      related([dicomPart(ct(1).file)], '(.+)+?'),
      relatedType('application/dicom', '"(.+)+?"'),
      [200],
    ],
    [
      'a bomb in a part',
      related([{ headers: { 'Content-Encoding': 'gzip' }, body: gzipSync(Buffer.alloc(80 * 2 ** 20)) }]),
      relatedType(),
      [409],
    ],
  ])('%s is answered within its limits, and the next caller is served', async (_name, body, headers, statuses) => {
    expect(statuses).toContain((await door.post('/studies', body, headers)).status)
    await expectAlive()
  })

  test('names that lead out of the folder name no file', async () => {
    const evil = ['../../evil', '..', '/tmp/evil', 'a/b']
    for (const name of evil) {
      const { file } = ct(1, { studyInstanceUid: name, sopInstanceUid: name, patientId: name })
      const response = await door.post('/studies', related([dicomPart(file)]), relatedType())
      expect([200, 202, 409]).toContain(response.status)
    }
    expect((await names(door.folder)).filter((name) => /evil|\.\.|(^|\/)[ab]$/.test(name))).toEqual([])
    await expectAlive()
  })

  test('a program in the preamble goes no further', async () => {
    const { file, dataSet } = ct(1)
    file.write('MZ\x90\0', 0, 'latin1')
    expect((await door.post('/studies', file, { 'content-type': 'application/dicom' })).status).toBe(200)
    expect(await door.dataSets()).toEqual([dataSet])
    await expectAlive()
  })

  test('a length of four gigabytes allocates nothing', async () => {
    const socket = connect(door.port, '127.0.0.1')
    stack.defer(() => void socket.destroy())
    const head =
      'Host: x\r\nAuthorization: Bearer INGEST\r\nContent-Type: application/dicom\r\nContent-Length: 4294967295\r\n\r\n'
    const before = process.memoryUsage.rss()
    socket.write(`POST /studies HTTP/1.1\r\n${head}DICM`)
    await expectAlive()
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 2 ** 20)
  })
})

test('two hundred callers that have stopped in mid-body do not keep a healthy one from being served', async () => {
  const head =
    'Host: x\r\nAuthorization: Bearer INGEST\r\nContent-Type: application/dicom\r\nContent-Length: 999999\r\n\r\n'
  const stalled: Socket[] = []
  stack.defer(() => {
    for (const socket of stalled) socket.destroy()
  })
  for (let n = 0; n < 200; n += 1) {
    const socket = connect(door.port, '127.0.0.1')
    stalled.push(socket)
    socket.on('error', () => {})
    await new Promise((resolve) => socket.write(`POST /studies HTTP/1.1\r\n${head}${'x'.repeat(50)}`, resolve))
  }
  const numbers = Array.from({ length: 20 }, (_, at) => at + 1)
  const response = await door.post(
    '/studies',
    related(numbers.map((number) => dicomPart(ct(number).file))),
    relatedType(),
  )
  expect(response.status).toBe(200)
  expect((await door.dataSets()).length).toBe(20)
}, 30_000)

testWithCorpus(
  'the files of the corpus arrive with the very bytes of their data sets, broken ones too',
  async () => {
    const files = [
      ...corpusFiles('modality'),
      ...corpusFiles('syntax'),
      ...corpusFiles('charset'),
      ...corpusFiles('malformed'),
    ]
      .map(({ name, path: where }) => ({ name: path.basename(name), bytes: readFileSync(where) }))
      .filter(({ bytes }) => bytes.length < 3_000_000)
    const whole = files.flatMap(({ bytes }) => {
      const found = findFileMeta(bytes, true)
      return found.outcome === 'found' ? [bytes.subarray(found.dataSetOffset).toString('latin1')] : []
    })
    const response = await door.post('/studies', related(files.map(({ bytes }) => dicomPart(bytes))), relatedType())
    expect([200, 202]).toContain(response.status)
    const expected = new Set(whole)
    const stored = await door.dataSets()
    expect(stored.length).toBeGreaterThan(50)
    expect(stored.filter((dataSet) => !expected.has(dataSet.toString('latin1'))).length).toBe(0)
    await expectAlive()
  },
  60_000,
)
