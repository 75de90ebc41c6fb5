import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { KurirError } from '../../src/base/failure.ts'
import { editDataSet } from '../../src/dicom/edit.ts'
import { reencodeDataSet } from '../../src/dicom/reencode.ts'
import {
  DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
  EXPLICIT_VR_BIG_ENDIAN,
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLICIT_VR_LITTLE_ENDIAN,
} from '../../src/dicom/transfer-syntax.ts'
import { applyEdits, editsOf, encode, type MadeElement, madeDataSet, richDataSet } from './random-data-set.ts'
import { contentOf, gather, headerOf, scan, slicesOf } from './slices.ts'

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })
const edited = richDataSet.chain((elements) => fc.tuple(fc.constant(elements), editsOf(elements), sizes))
const PLAIN = [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN]

describe('any data set', () => {
  test.each(PLAIN)('in $keyword is edited as a model of it says, however it is sliced', async (syntax) => {
    await fc.assert(
      fc.asyncProperty(edited, async ([elements, edits, slices]) => {
        fc.pre(encode(elements, syntax).length > 0)
        const result = await gather(editDataSet(slicesOf(encode(elements, syntax), ...slices), syntax, edits))
        expect(result.toString('hex')).toBe(encode(applyEdits(elements, edits), syntax).toString('hex'))
      }),
      { numRuns: 300 },
    )
  })

  test('that is deflated is edited within', async () => {
    const syntax = DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    await fc.assert(
      fc.asyncProperty(edited, async ([elements, edits, slices]) => {
        fc.pre(elements.length > 0 && edits.length > 0)
        const deflated = deflateRawSync(encode(elements, syntax))
        const padded = deflated.length % 2 === 0 ? deflated : Buffer.concat([deflated, Buffer.of(0)])
        const result = await gather(editDataSet(slicesOf(padded, ...slices), syntax, edits))
        expect(result.length % 2).toBe(0)
        expect(inflateRawSync(result).toString('hex')).toBe(encode(applyEdits(elements, edits), syntax).toString('hex'))
      }),
      { numRuns: 60 },
    )
  })

  test.each(PLAIN)('in $keyword gives the same header however it is sliced', async (syntax) => {
    await fc.assert(
      fc.asyncProperty(madeDataSet, sizes, async (elements, slices) => {
        const bytes = encode(elements, syntax)
        fc.pre(elements.some(({ tag }) => tag < 0x7fe00000))
        const sliced = await scan(bytes, syntax, ...slices)
        expect(sliced.outcome).toBe('header')
        if (sliced.outcome === 'header')
          expect(contentOf(sliced.header)).toEqual(contentOf(await headerOf(bytes, syntax)))
      }),
      { numRuns: 150 },
    )
  })

  test('with native pixels goes from implicit to explicit and back without loss', async () => {
    await fc.assert(
      fc.asyncProperty(madeDataSet, sizes, async (elements, slices) => {
        fc.pre(!elements.some(({ kind }) => kind === 'fragments'))
        const without = elements.map(withoutLengths)
        for (const [from, to] of [
          [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN],
          [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN],
        ] as const) {
          const stream = reencodeDataSet(slicesOf(encode(elements, from), ...slices), from, to)
          if (stream === undefined) throw new Error('possible')
          expect((await gather(stream)).toString('hex')).toBe(encode(without, to).toString('hex'))
        }
      }),
      { numRuns: 200 },
    )
  })

  test('cut or damaged anywhere is read to some end, and never throws', async () => {
    await fc.assert(
      fc.asyncProperty(
        madeDataSet,
        fc.constantFrom(...PLAIN),
        fc.nat(),
        fc.nat(),
        fc.nat(255),
        async (elements, syntax, cut, at, byte) => {
          const bytes = Buffer.from(encode(elements, syntax))
          if (bytes.length > 0) bytes[at % bytes.length] = byte
          await scan(bytes.subarray(0, cut % (bytes.length + 1)), syntax, 7)
          await scan(bytes, syntax, bytes.length)
        },
      ),
      { numRuns: 1_000 },
    )
  })
})

test('an edit of a damaged data set is put in or refused, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(
      edited,
      fc.constantFrom(...PLAIN),
      fc.nat(),
      fc.nat(255),
      async ([elements, edits, slices], syntax, at, byte) => {
        const bytes = Buffer.from(encode(elements, syntax))
        if (bytes.length > 0) bytes[at % bytes.length] = byte
        const attempt = gather(editDataSet(slicesOf(bytes, ...slices), syntax, edits))
        const code = await attempt.then(
          () => 'edited',
          (error: unknown) => (error instanceof KurirError ? error.code : error),
        )
        expect(['edited', 'invalid-dataset']).toContain(code)
      },
    ),
    { numRuns: 500 },
  )
})

test('what becomes of a damaged data set does not depend on how it is sliced', async () => {
  const said = (stream: AsyncIterable<Uint8Array> | undefined) =>
    gather(stream ?? slicesOf(Buffer.of())).then(
      (bytes) => bytes.toString('hex'),
      (error: unknown) => (error instanceof KurirError ? error.message : error),
    )
  await fc.assert(
    fc.asyncProperty(
      edited,
      fc.constantFrom(...PLAIN),
      fc.nat(),
      fc.constantFrom(
        Buffer.of(0xff),
        Buffer.alloc(12),
        Buffer.alloc(20),
        Buffer.from('feff0de000000000', 'hex'),
        Buffer.from('feffdde000000000', 'hex'),
        Buffer.from('feff00e0ffffffff', 'hex'),
      ),
      async ([elements, edits, slices], syntax, at, rubbish) => {
        const whole = encode(elements, syntax)
        const cut = at % (whole.length + 1)
        const bytes = Buffer.concat([whole.subarray(0, cut), rubbish, whole.subarray(cut)])
        const to = syntax.explicitVr ? IMPLICIT_VR_LITTLE_ENDIAN : EXPLICIT_VR_LITTLE_ENDIAN
        const inSlices = (...sizes: readonly number[]) =>
          Promise.all([
            said(editDataSet(slicesOf(bytes, ...sizes), syntax, edits)),
            said(reencodeDataSet(slicesOf(bytes, ...sizes), syntax, to)),
          ])
        expect(await inSlices(...slices)).toEqual(await inSlices(bytes.length))
      },
    ),
    { numRuns: 500 },
  )
})

function withoutLengths(element: MadeElement): MadeElement {
  if (element.kind !== 'sequence') return element
  const items = element.items.map((item) => ({ hasLength: false, elements: item.elements.map(withoutLengths) }))
  return { ...element, hasLength: false, items }
}
