import { describe, expect, test } from '@jest/globals'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import type { Header } from '../../src/dicom/header.ts'
import { packHeader, unpackHeader } from '../../src/dicom/header-pack.ts'
import {
  EXPLICIT_VR_BIG_ENDIAN,
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
} from '../../src/dicom/transfer-syntax.ts'
import { ctInstance, madeElement } from '../support/data-set.ts'
import { encode } from './random-data-set.ts'
import { contentOf, headerOf } from './slices.ts'

const at = (group: number, element: number) => [{ tag: tagOf(group, element) }]
const explicit = (...elements: readonly Buffer[]): Promise<Header> =>
  headerOf(Buffer.concat(elements), EXPLICIT_VR_LITTLE_ENDIAN)

const item = (...elements: readonly Buffer[]): Buffer => {
  const content = Buffer.concat(elements)
  const head = Buffer.from('feff00e000000000', 'hex')
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, content])
}

describe('a header', () => {
  test('says who the instance is', async () => {
    const made = ctInstance({ sizeBytes: 2048, patientId: 'P7', patientName: 'A^B', accessionNumber: 'X1' })
    const header = await headerOf(made.dataSet, EXPLICIT_VR_LITTLE_ENDIAN)
    const {
      patientId,
      patientName,
      accessionNumber,
      modality,
      sopInstanceUid,
      sopClassUid,
      studyInstanceUid,
      seriesInstanceUid,
    } = header
    expect({ patientId, patientName, accessionNumber, modality }).toEqual({
      patientId: 'P7',
      patientName: 'A^B',
      accessionNumber: 'X1',
      modality: 'CT',
    })
    expect([sopClassUid, sopInstanceUid]).toEqual([made.sopClassUid, made.sopInstanceUid])
    expect([studyInstanceUid, seriesInstanceUid]).toEqual(['2.25.314159', '2.25.314159.1'])
    expect(header.element(at(0x7fe0, 0x0010))).toBeUndefined()
  })

  test('gives values without padding, split where the VR has several', async () => {
    const header = await explicit(
      madeElement('00080008', 'CS', 'ORIGINAL\\PRIMARY '),
      madeElement('00080050', 'SH', ' A1 '),
      madeElement('00081030', 'LO', ''),
      madeElement('00081032', 'LO', 'A\\\\B'),
      madeElement('00104000', 'LT', ' two\\backslashes\\stay '),
    )
    expect(header.values(at(0x0008, 0x0008))).toEqual(['ORIGINAL', 'PRIMARY'])
    expect(header.values(at(0x0008, 0x0050))).toEqual(['A1'])
    expect(header.values(at(0x0008, 0x1030))).toEqual([])
    expect(header.values(at(0x0008, 0x1032))).toEqual(['A', '', 'B'])
    expect(header.values(at(0x0010, 0x4000))).toEqual([' two\\backslashes\\stay'])
    expect(header.values(at(0x0010, 0x0020))).toBeUndefined()
  })

  test.each([EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN])(
    'gives binary numbers as text: $keyword',
    async (syntax) => {
      const big = syntax.bigEndian
      const make = (tag: number, vr: string, hex: string) => {
        const bytes = Buffer.from(hex, 'hex')
        return { kind: 'value' as const, tag, vr, value: big ? bytes : swap(bytes, vr === 'AT' ? 2 : bytes.length) }
      }
      const elements = [
        make(0x00089459, 'FL', '3dcccccd'),
        make(0x00187054, 'UL', 'fffffffe'),
        make(0x00189219, 'SS', 'fffe'),
        make(0x0018605a, 'FD', '3fb999999999999a'),
        make(0x00186020, 'SL', 'fffffffe'),
        make(0x00280009, 'AT', '00181063'),
        make(0x00280010, 'US', '0200'),
        make(0x00720082, 'SV', 'fffffffffffffffe'),
        make(0x00720083, 'UV', 'fffffffffffffffe'),
      ].sort((a, b) => a.tag - b.tag)
      const header = await headerOf(encode(elements, syntax), syntax)
      const texts = elements.map(({ vr, tag }) => [vr, header.values(at(tag >>> 16, tag & 0xffff))?.join()])
      expect(Object.fromEntries(texts)).toEqual({
        FL: '0.1',
        UL: '4294967294',
        SS: '-2',
        FD: '0.1',
        SL: '-2',
        AT: '(0018,1063)',
        US: '512',
        SV: '-2',
        UV: '18446744073709551614',
      })
    },
  )

  test('finds what stands in sequences: in one item, or in every', async () => {
    const header = await explicit(
      madeElement(
        '00081140',
        'SQ',
        Buffer.concat([item(madeElement('00081155', 'UI', '1.1')), item(), item(madeElement('00081155', 'UI', '1.3'))]),
      ),
      madeElement('00100020', 'LO', 'ID'),
    )
    const sequence = tagOf(0x0008, 0x1140)
    const uid = { tag: tagOf(0x0008, 0x1155) }
    expect(header.values([{ tag: sequence }, uid])).toEqual(['1.1', '1.3'])
    expect(header.values([{ tag: sequence, item: 'every' }, uid])).toEqual(['1.1', '1.3'])
    expect(header.values([{ tag: sequence, item: 2 }, uid])).toEqual(['1.3'])
    expect(header.values([{ tag: sequence, item: 1 }, uid])).toBeUndefined()
    expect(header.element([{ tag: sequence }])).toMatchObject({ isSequence: true, itemCount: 3, vr: 'SQ' })
    expect(header.elements([{ tag: sequence }, uid]).map(({ path }) => path[0])).toEqual([
      { tag: sequence, item: 0 },
      { tag: sequence, item: 2 },
    ])
    expect([...header.walk()].map(({ path }) => path.length)).toEqual([1, 2, 2, 1])
  })

  test('reads an item in its own character set, and in that around it', async () => {
    const inner = [
      item(madeElement('00080005', 'CS', 'ISO_IR 192'), madeElement('00080104', 'LO', Buffer.from('é…'))),
      item(madeElement('00080104', 'LO', '\xe9')),
    ]
    const header = await explicit(
      madeElement('00080005', 'CS', 'ISO_IR 100'),
      madeElement('00081032', 'SQ', Buffer.concat(inner)),
    )
    expect(header.values([{ tag: tagOf(0x0008, 0x1032) }, { tag: tagOf(0x0008, 0x0104) }])).toEqual(['é…', 'é'])
  })

  test('reads text of no declared set by the one it is told', async () => {
    const header = await explicit(madeElement('00100010', 'PN', '\xb3'))
    expect(header.patientName).toBe('³')
    expect(header.withDefaultCharacterSet(['ISO_IR 101']).patientName).toBe('ł')
  })

  test('knows by the dictionary what UN hides, and what pixel representation says', async () => {
    const header = await headerOf(
      Buffer.concat([
        madeElement('00080060', 'UN', 'CT'),
        madeElement('00091001', 'UN', 'private text'),
        madeElement('00091002', 'UN', Buffer.of(1, 2, 3, 4)),
      ]),
      EXPLICIT_VR_LITTLE_ENDIAN,
    )
    expect(header.modality).toBe('CT')
    expect(header.values(at(0x0009, 0x1001))).toEqual(['private text'])
    expect(header.values(at(0x0009, 0x1002))).toBeUndefined()
    const signed = [
      { tag: 0x00280103, vr: 'US', value: Buffer.of(1, 0) },
      { tag: 0x00280106, vr: 'SS', value: Buffer.of(0xfe, 0xff) },
    ]
    const bytes = encode(
      signed.map((element) => ({ kind: 'value', ...element })),
      IMPLICIT_VR_LITTLE_ENDIAN,
    )
    expect((await headerOf(bytes, IMPLICIT_VR_LITTLE_ENDIAN)).values(at(0x0028, 0x0106))).toEqual(['-2'])
  })

  test('packed and unpacked is the same, and smaller than it was', async () => {
    const header = await headerOf(ctInstance({ sizeBytes: 2048 }).dataSet, EXPLICIT_VR_LITTLE_ENDIAN)
    const packed = packHeader(header)
    expect(contentOf(unpackHeader(packed))).toEqual(contentOf(header))
    expect(unpackHeader(packed).transferSyntax).toBe(header.transferSyntax)
    expect(packed.length).toBeLessThan(900)
  })

  test('that was not packed by us is refused', async () => {
    const packed = packHeader(await headerOf(ctInstance({ sizeBytes: 2048 }).dataSet, EXPLICIT_VR_LITTLE_ENDIAN))
    expect(() => unpackHeader(Buffer.of(9, 9))).toThrow('another version')
    expect(() => unpackHeader(packed.subarray(0, 40))).toThrow('inflated')
    expect(() => unpackHeader(new Uint8Array(0))).toThrow('another version')
  })
})

function swap(bytes: Buffer, word: number): Buffer {
  const words = Array.from({ length: bytes.length / word }, (_, i) =>
    Buffer.from(bytes.subarray(i * word, (i + 1) * word)).reverse(),
  )
  return Buffer.concat(words)
}
