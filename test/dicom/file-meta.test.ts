import { describe, expect, test } from '@jest/globals'
import { parseAeTitle } from '../../src/dicom/ae-title.ts'
import {
  encodeFileMeta,
  encodePart10Head,
  type FileMeta,
  findFileMeta,
  readFileMeta,
} from '../../src/dicom/file-meta.ts'
import { parseUid, type SopClassUid, type SopInstanceUid, type TransferSyntaxUid } from '../../src/dicom/uid.ts'
import { ctInstance } from '../support/data-set.ts'

const uid = <T>(text: string): T => parseUid(text) as T
const sourceAe = parseAeTitle('CT_IGD')
if (sourceAe === undefined) throw new Error('an AE title')

const META: FileMeta = {
  sopClassUid: uid<SopClassUid>('1.2.840.10008.5.1.4.1.1.2'),
  sopInstanceUid: uid<SopInstanceUid>('1.2.3.45'),
  transferSyntaxUid: uid<TransferSyntaxUid>('1.2.840.10008.1.2.1'),
  sourceAe,
  privateInformation: Uint8Array.of(1, 2, 3, 4),
}
const DATA_SET = ctInstance({ sizeBytes: 1024 }).dataSet

describe('file meta information', () => {
  test('is read as it was written', () => {
    const head = encodePart10Head(META)
    expect(readFileMeta(Buffer.concat([head, DATA_SET]))).toEqual({ meta: META, dataSetOffset: head.length })
    expect(readFileMeta(head)).toEqual({ meta: META, dataSetOffset: head.length })
  })

  test('has the right group length and no version name', () => {
    const group = encodeFileMeta(META)
    expect(group.readUInt32LE(8)).toBe(group.length - 12)
    expect(group.indexOf(Buffer.of(2, 0, 0x13, 0))).toBe(-1)
  })

  test('private information of another creator is not ours', () => {
    const head = encodePart10Head(META)
    const at = head.indexOf('2.25.626')
    head.write('2.25.627', at, 'latin1')
    expect(readFileMeta(head)?.meta.privateInformation).toBeUndefined()
  })

  test('may lack its preamble, its prefix, its group length, and everything', () => {
    const group = encodeFileMeta(META)
    for (const start of [group, Buffer.concat([Buffer.from('DICM'), group]), group.subarray(12)]) {
      const result = findFileMeta(Buffer.concat([start, DATA_SET]))
      expect(result).toMatchObject({ outcome: 'found', meta: META, dataSetOffset: start.length })
    }
    expect(findFileMeta(DATA_SET)).toEqual({
      outcome: 'found',
      meta: {},
      transferSyntaxUid: '1.2.840.10008.1.2.1',
      dataSetOffset: 0,
    })
  })

  test('every prefix of a file is incomplete, found or not, and never throws', () => {
    const file = Buffer.concat([encodePart10Head(META), DATA_SET])
    const head = encodePart10Head(META).length
    for (let length = 0; length < head + 20; length++) {
      const { outcome } = findFileMeta(file.subarray(0, length))
      expect(outcome).toBe(length < head + 8 ? 'incomplete' : 'found')
      findFileMeta(file.subarray(0, length), true)
    }
  })

  test('what is not DICOM is said to be not DICOM', () => {
    expect(findFileMeta(Buffer.alloc(1000, 0x41)).outcome).toBe('not-dicom')
    expect(findFileMeta(Buffer.alloc(1000)).outcome).toBe('not-dicom')
    expect(findFileMeta(Buffer.alloc(0), true).outcome).toBe('not-dicom')
    expect(readFileMeta(Buffer.alloc(1000))).toBeUndefined()
    const lying = Buffer.concat([
      encodePart10Head(META).subarray(0, 144),
      Buffer.of(2, 0, 1, 0, 0x4f, 0x42, 0, 0, 255, 255, 255, 255),
    ])
    expect(findFileMeta(Buffer.concat([lying, DATA_SET])).outcome).toBe('not-dicom')
  })
})
