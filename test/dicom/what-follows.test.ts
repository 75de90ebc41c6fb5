import { deflateRawSync, deflateSync, inflateRawSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { tagOf } from '../../src/dicom/attribute-path.ts'
import { editDataSet } from '../../src/dicom/edit.ts'
import { reencodeDataSet } from '../../src/dicom/reencode.ts'
import {
  DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
} from '../../src/dicom/transfer-syntax.ts'
import { madeElement } from '../support/data-set.ts'
import { gather, scan, slicesOf } from './slices.ts'

const at = (group: number, element: number) => [{ tag: tagOf(group, element) }]
const MODALITY = madeElement('00080060', 'CS', 'CT')
const PATIENT_ID = madeElement('00100020', 'LO', 'P1')
const SLICES = [1, 5, 4_096]

describe('an edit', () => {
  const edit = [{ verb: 'set', path: at(0x0010, 0x0020), vr: 'LO', value: Buffer.from('P2') }] as const
  const run = (bytes: Buffer, edits: Parameters<typeof editDataSet>[2]) =>
    gather(editDataSet(slicesOf(bytes, 100), EXPLICIT_VR_LITTLE_ENDIAN, edits))

  test('is put in before the NULs that pad a data set, however many and however sliced', async () => {
    const added = [{ verb: 'set', path: at(0x0020, 0x0010), vr: 'SH', value: Buffer.from('S1') }] as const
    for (const count of [1, 2, 7, 8, 9, 12, 100, 1_001]) {
      for (const slice of [1, 5, 4_096]) {
        const padded = slicesOf(Buffer.concat([PATIENT_ID, Buffer.alloc(count)]), slice)
        const edited = await gather(editDataSet(padded, EXPLICIT_VR_LITTLE_ENDIAN, added))
        expect(edited).toEqual(Buffer.concat([PATIENT_ID, madeElement('00200010', 'SH', 'S1'), Buffer.alloc(count)]))
      }
    }
    const cut = run(Buffer.concat([PATIENT_ID, Buffer.of(0x20, 0, 0x0d)]), added)
    await expect(cut).rejects.toMatchObject({ code: 'invalid-dataset' })
  })

  test('of what may stand behind a fault is an error, were it only to remove it', async () => {
    const fault = Buffer.concat([
      Buffer.from('e07f10004f420000ffffffff', 'hex'),
      Buffer.from('feff00e000000000', 'hex'),
      madeElement('fffafffa', 'LO', 'SECRET'),
    ])
    const removed = [{ verb: 'remove', path: at(0xfffa, 0xfffa) }] as const
    const bytes = Buffer.concat([PATIENT_ID, fault])
    await expect(run(bytes, removed)).rejects.toMatchObject({ code: 'invalid-dataset' })
    expect(await run(bytes, edit)).toEqual(Buffer.concat([madeElement('00100020', 'LO', 'P2'), fault]))
  })

  test('of something deflated is the same in slices of one byte, a zlib wrapper around it or not', async () => {
    const plain = Buffer.concat([MODALITY, PATIENT_ID])
    for (const deflated of [deflateRawSync(plain), deflateSync(plain)]) {
      for (const size of [1, 2, 500]) {
        const edited = await gather(editDataSet(slicesOf(deflated, size), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, edit))
        expect(inflateRawSync(edited)).toEqual(Buffer.concat([MODALITY, madeElement('00100020', 'LO', 'P2')]))
      }
    }
  })

  test('of something deflated reads its source to the end: what is wrong behind the deflated bytes is wrong', async () => {
    const plain = Buffer.concat([MODALITY, PATIENT_ID])
    for (const padding of [0, 1, 100, 100_000]) {
      const rotten = async function* (): AsyncGenerator<Buffer> {
        yield* slicesOf(Buffer.concat([deflateRawSync(plain), Buffer.alloc(padding)]), 1_000)
        throw new Error('bit rot')
      }
      for (const make of [
        () => editDataSet(rotten(), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, edit),
        () => reencodeDataSet(rotten(), DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN),
      ]) {
        const stream = make()
        if (stream === undefined) throw new Error('possible')
        await expect(gather(stream)).rejects.toThrow('bit rot')
      }
    }
  })
})

test('NULs behind a data set are no elements: however many, the header is what stood before', async () => {
  for (const count of [1, 8, 12, 2_000_000]) {
    const result = await scan(Buffer.concat([PATIENT_ID, Buffer.alloc(count)]), EXPLICIT_VR_LITTLE_ENDIAN)
    expect(result.outcome === 'header' && [...result.header.walk()].length).toBe(1)
  }
})

describe('going to another VR encoding', () => {
  const ITEM = Buffer.from('feff00e000000000', 'hex')
  const within = (bytes: Buffer) => Buffer.concat([madeElement('00081140', 'SQ', bytes), PATIENT_ID])
  const reencode = async (bytes: Buffer, slice: number) => {
    const stream = reencodeDataSet(slicesOf(bytes, slice), EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
    if (stream === undefined) throw new Error('possible')
    return gather(stream)
  }

  test('NULs that pad a sequence or the data set are left behind, however sliced', async () => {
    const wanted = await reencode(within(ITEM), 4_096)
    for (const slice of SLICES) {
      for (const count of [8, 10, 12, 20, 300]) {
        const padded = Buffer.concat([within(Buffer.concat([ITEM, Buffer.alloc(count)])), Buffer.alloc(count)])
        expect(await reencode(padded, slice)).toEqual(wanted)
      }
    }
  })

  test('what else belongs to no element is refused, however sliced', async () => {
    const item = Buffer.concat([MODALITY, ITEM, PATIENT_ID])
    for (const slice of SLICES) {
      for (const rubbish of [within(Buffer.concat([ITEM, Buffer.alloc(20), Buffer.of(1)])), item]) {
        await expect(reencode(rubbish, slice)).rejects.toMatchObject({ code: 'invalid-dataset' })
      }
    }
  })
})
