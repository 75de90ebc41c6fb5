import { deflateRawSync, deflateSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import { editDataSet } from '../../src/dicom/edit.ts'
import { HeaderCollector } from '../../src/dicom/scan.ts'
import {
  DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
  EXPLICIT_VR_BIG_ENDIAN,
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
} from '../../src/dicom/transfer-syntax.ts'
import { ctInstance, madeElement } from '../support/data-set.ts'
import { gather, scan, slicesOf } from './slices.ts'

const at = (group: number, element: number) => [{ tag: tagOf(group, element) }]
const MODALITY = madeElement('00080060', 'CS', 'CT')
const PATIENT_ID = madeElement('00100020', 'LO', 'P1')
const SQ_OPEN = Buffer.from('0800401153510000ffffffff', 'hex')
const ITEM_OPEN = Buffer.from('feff00e0ffffffff', 'hex')

describe('a data set that is not well', () => {
  test('64 sequences in each other are read, and 65 are not', async () => {
    const nested = (depth: number): Buffer =>
      Buffer.concat([MODALITY, ...Array.from({ length: depth }, () => Buffer.concat([SQ_OPEN, ITEM_OPEN]))])
    for (const [depth, reason] of [
      [64, 'truncated'],
      [65, 'too-deep'],
    ] as const) {
      const data = nested(depth)
      expect(await scan(data, EXPLICIT_VR_LITTLE_ENDIAN, data.length)).toMatchObject({ reason })
    }
  })

  test('nested five thousand deep is refused, not followed', async () => {
    const deep = Buffer.concat([MODALITY, ...Array.from({ length: 5_000 }, () => Buffer.concat([SQ_OPEN, ITEM_OPEN]))])
    const result = await scan(deep, EXPLICIT_VR_LITTLE_ENDIAN, deep.length)
    expect(result).toMatchObject({ outcome: 'unreadable', reason: 'too-deep' })
    if (result.outcome === 'unreadable') expect(result.partial.modality).toBe('CT')
  })

  test.each([EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN])(
    'that lies about a length takes no memory for it: $keyword',
    async (syntax) => {
      for (const vr of ['OB', 'UN', 'SQ', 'UT']) {
        const lie = madeElement('00091001', vr, Buffer.alloc(8))
        lie.writeUInt32LE(0xfffffff0, 8)
        const before = process.memoryUsage().arrayBuffers
        const result = await scan(Buffer.concat([MODALITY, lie]), syntax, 5)
        expect(result.outcome).toBe('unreadable')
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16_777_216)
      }
    },
  )

  test('with a value beyond 64 KB keeps its name and what follows', async () => {
    const result = await scan(
      Buffer.concat([MODALITY, madeElement('00091001', 'OB', Buffer.alloc(65_538)), PATIENT_ID]),
      EXPLICIT_VR_LITTLE_ENDIAN,
      999,
    )
    if (result.outcome !== 'header') throw new Error(result.reason)
    expect(result.header.element(at(0x0009, 0x1001))).toMatchObject({ vr: 'OB', length: 65_538, value: undefined })
    expect(result.header.values(at(0x0009, 0x1001))).toBeUndefined()
    expect(result.header.patientId).toBe('P1')
  })

  test('with more than a megabyte of header leaves out the element that is too much, and keeps the others', async () => {
    const inner = Buffer.concat(
      Array.from({ length: 40 }, () => madeElement('00104000', 'UT', Buffer.alloc(60_000, 0x41))),
    )
    const sequence = Buffer.concat([SQ_OPEN, ITEM_OPEN, inner, Buffer.from('feff0de000000000feffdde000000000', 'hex')])
    const result = await scan(Buffer.concat([MODALITY, sequence, PATIENT_ID]), EXPLICIT_VR_LITTLE_ENDIAN, 4096)
    if (result.outcome !== 'header') throw new Error(result.reason)
    expect(result.header.index.sizeBytes).toBeLessThan(1_048_577)
    expect(result.header.element(at(0x0008, 0x1140))).toMatchObject({ isSequence: true, itemCount: 0 })
    expect(result.header.patientId).toBe('P1')
  })

  test('with elements without end is given up', async () => {
    const collector = new HeaderCollector(EXPLICIT_VR_LITTLE_ENDIAN)
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => madeElement('00091001', 'LO', '')))
    for (let i = 0; i < 20 && !collector.isDone; i++) collector.push(many)
    expect(await collector.finish()).toMatchObject({ outcome: 'unreadable', reason: 'header-too-large' })
  })

  test('that is empty, or says its VRs otherwise than its transfer syntax, is known for what it is', async () => {
    expect(await scan(Buffer.alloc(0), EXPLICIT_VR_LITTLE_ENDIAN)).toMatchObject({
      outcome: 'unreadable',
      reason: 'empty',
    })
    const { dataSet } = ctInstance({ sizeBytes: 1024 })
    const mislabelled = await scan(dataSet, IMPLICIT_VR_LITTLE_ENDIAN)
    expect(mislabelled.outcome === 'header' && mislabelled.header.modality).toBe('CT')
    const implicit = Buffer.from('080060000200000043540000', 'hex').subarray(0, 10)
    const other = await scan(implicit, EXPLICIT_VR_LITTLE_ENDIAN)
    expect(other.outcome === 'header' && other.header.modality).toBe('CT')
  })

  test('deflated, is inflated no further than it takes', async () => {
    const syntax = DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    const plain = Buffer.concat([MODALITY, PATIENT_ID])
    for (const deflated of [
      deflateRawSync(plain),
      deflateSync(plain),
      Buffer.concat([deflateRawSync(plain), Buffer.of(0)]),
    ]) {
      const result = await scan(deflated, syntax, 3)
      expect(result.outcome === 'header' && result.header.patientId).toBe('P1')
    }
    expect(await scan(deflateRawSync(plain).subarray(0, 8), syntax)).toMatchObject({ outcome: 'unreadable' })
    expect(await scan(Buffer.alloc(500, 0xff), syntax)).toMatchObject({ outcome: 'unreadable', reason: 'bad-deflate' })
    expect(await scan(Buffer.alloc(0), syntax)).toMatchObject({ outcome: 'unreadable' })
    const big = Buffer.concat([MODALITY, madeElement('00091001', 'OB', Buffer.alloc(100_000_000)), PATIENT_ID])
    expect(await scan(deflateRawSync(big), syntax)).toMatchObject({ outcome: 'unreadable', reason: 'header-too-large' })
  })
})

describe('an edit', () => {
  const edit = [{ verb: 'set', path: at(0x0010, 0x0020), vr: 'LO', value: Buffer.from('P2') }] as const
  const later = [{ verb: 'set', path: at(0xfffc, 0xfffc), vr: 'OB', value: Buffer.alloc(2) }] as const
  const run = (bytes: Buffer, edits: Parameters<typeof editDataSet>[2]) =>
    gather(editDataSet(slicesOf(bytes, 100), EXPLICIT_VR_LITTLE_ENDIAN, edits))

  test('of a data set that is cut in its pixel data leaves the rest as it is', async () => {
    const { dataSet } = ctInstance({ sizeBytes: 10_240 })
    const edited = await run(dataSet.subarray(0, -1_001), edit)
    expect(edited.length).toBe(dataSet.length - 1_001 + 'P2'.length - 'ID0001'.length)
    expect(edited.subarray(-9_000)).toEqual(dataSet.subarray(0, -1_001).subarray(-9_000))
  })

  test('that cannot be put in is an error, never a silent omission', async () => {
    const { dataSet } = ctInstance({ sizeBytes: 10_240 })
    await expect(run(dataSet.subarray(0, -1_001), later)).rejects.toMatchObject({ code: 'invalid-dataset' })
    await expect(run(dataSet.subarray(0, 100), edit)).rejects.toMatchObject({ code: 'invalid-dataset' })
    const inside = [
      { verb: 'set', path: [...at(0x0008, 0x0060), ...at(0x0010, 0x0020)], vr: 'LO', value: Buffer.from('P2') },
    ] as const
    await expect(run(dataSet, inside)).rejects.toMatchObject({ code: 'invalid-dataset' })
    await expect(run(dataSet, [{ verb: 'remove', path: [] }])).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  test('drops the length of a group it changes, and replaces an element that stands there twice', async () => {
    const group = madeElement('00100000', 'UL', Buffer.of(10, 0, 0, 0))
    const other = madeElement('00080000', 'UL', Buffer.of(10, 0, 0, 0))
    const edited = await run(Buffer.concat([other, MODALITY, group, PATIENT_ID, PATIENT_ID]), edit)
    expect(edited).toEqual(Buffer.concat([other, MODALITY, madeElement('00100020', 'LO', 'P2')]))
  })

  test('within a sequence that is not there makes it', async () => {
    const path = [{ tag: tagOf(0x0040, 0x0275), item: 0 }, { tag: tagOf(0x0040, 0x0007) }]
    const edited = await run(PATIENT_ID, [{ verb: 'set', path, vr: 'LO', value: Buffer.from('Head') }])
    const result = await scan(edited, EXPLICIT_VR_LITTLE_ENDIAN)
    expect(result.outcome === 'header' && result.header.values(path)).toEqual(['Head'])
  })

  test('of an item further behind than the next is an error; an item, a sequence may be made without anything', async () => {
    const sequence = (item: number) => [{ tag: tagOf(0x0040, 0x0275), item }] as const
    const gap = [
      { verb: 'set', path: [...sequence(1), ...at(0x0040, 0x0007)], vr: 'LO', value: Buffer.from('Head') },
    ] as const
    await expect(run(PATIENT_ID, gap)).rejects.toMatchObject({ code: 'invalid-dataset' })
    const empty = { verb: 'set', vr: 'SQ', value: Buffer.alloc(0) } as const
    const edited = await run(PATIENT_ID, [
      { ...empty, path: sequence(0) },
      { ...empty, path: sequence(1) },
    ])
    const result = await scan(edited, EXPLICIT_VR_LITTLE_ENDIAN)
    expect(result.outcome === 'header' && result.header.element(at(0x0040, 0x0275))?.itemCount).toBe(2)
    const renewed = await run(edited, [{ ...empty, path: at(0x0040, 0x0275) }])
    expect(renewed).toEqual(Buffer.concat([PATIENT_ID, madeElement('00400275', 'SQ', Buffer.alloc(0))]))
  })

  test('longer than a short VR can say becomes UN', async () => {
    const edited = await run(PATIENT_ID, [
      { verb: 'set', path: at(0x0010, 0x4000), vr: 'LT', value: Buffer.alloc(70_000, 0x41) },
    ])
    const result = await scan(edited, EXPLICIT_VR_LITTLE_ENDIAN)
    expect(result.outcome === 'header' && result.header.element(at(0x0010, 0x4000))).toMatchObject({
      vr: 'UN',
      length: 70_000,
    })
  })

  test('of something deflated that is not, is an error', async () => {
    const stream = editDataSet(slicesOf(Buffer.alloc(500, 0xff), 9), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, edit)
    await expect(gather(stream)).rejects.toMatchObject({ code: 'invalid-dataset' })
  })

  test('whose source fails passes on that failure, and a reader that leaves ends the source', async () => {
    let ended = 0
    async function* failing(): AsyncGenerator<Buffer> {
      try {
        yield* slicesOf(deflateRawSync(ctInstance({ sizeBytes: 2_097_152 }).dataSet), 1_000)
        throw new Error('the disk is gone')
      } finally {
        ended++
      }
    }
    const stream = () => editDataSet(failing(), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, edit)
    await expect(gather(stream())).rejects.toThrow('the disk is gone')
    for await (const _ of stream()) break
    expect(ended).toBe(2)
  })
})
