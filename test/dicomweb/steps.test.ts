import { describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/base/clock.ts'
import { transferSyntaxOf } from '../../src/dicom/transfer-syntax.ts'
import { type DataSetPiece, writeDataSet } from '../../src/dicomweb/data-set-writer.ts'
import { readJsonModel } from '../../src/dicomweb/json-model.ts'
import type { ModelItem } from '../../src/dicomweb/model.ts'
import { type Steps, Turns } from '../../src/dicomweb/steps.ts'
import { leastOfThree, measured } from '../support/processor-time.ts'

const EXPLICIT = transferSyntaxOf('1.2.840.10008.1.2.1')

/** Does the work, and tells how much of the processor its longest step took, in milliseconds: others do not count there. */
function longestStep<Result>(steps: Steps<Result>): { readonly result: Result; readonly longest: number } {
  let longest = 0
  for (;;) {
    const { value: step, tookMs } = measured(() => steps.next())
    longest = Math.max(longest, tookMs)
    if (step.done === true) return { result: step.value, longest }
  }
}

const many = <T>(count: number, make: (at: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, at) => make(at))
const declared = (...terms: readonly string[]) => ({ '00080005': { vr: 'CS', Value: terms } })
const reference = (at: number) => ({
  '00081150': { vr: 'UI', Value: ['1.2.840.10008.5.1.4.1.1.2'] },
  '00081155': { vr: 'UI', Value: [`2.25.${at}`] },
})

const text = (dataSet: readonly DataSetPiece[]): string =>
  Buffer.concat(dataSet.map((piece) => (piece.kind === 'bytes' ? piece.bytes : Buffer.alloc(0)))).toString('utf8')

describe('metadata near its limits', () => {
  test.each<[string, () => object]>([
    ['38,000 items', () => ({ '00081140': { vr: 'SQ', Value: many(38_000, reference) } })],
    ['1.9 million numbers', () => ({ '00186060': { vr: 'FL', Value: many(1_900_000, (at) => at % 10) } })],
    [
      '400,000 decimal strings to be rounded',
      () => ({ '30060050': { vr: 'DS', Value: many(400_000, (at) => at + 1 / 3) } }),
    ],
    [
      'four million umlauts in Latin-1',
      () => ({ ...declared('ISO_IR 100'), '00204000': { vr: 'LT', Value: ['ä'.repeat(3.9e6)] } }),
    ],
    [
      '2.6 million Kanji',
      () => ({ ...declared('', 'ISO 2022 IR 87'), '00204000': { vr: 'LT', Value: ['山田'.repeat(1.3e6)] } }),
    ],
    ['5 MB in Base64', () => ({ '7FE00010': { vr: 'OW', InlineBinary: Buffer.alloc(5e6, 7).toString('base64') } })],
  ])('%s keep nobody waiting for 100 ms', async (_name, make) => {
    const body = JSON.stringify(make())
    const longest = await leastOfThree(100, () => {
      const read = longestStep<readonly ModelItem[]>(readJsonModel(body))
      const written = longestStep(writeDataSet(read.result[0] ?? [], EXPLICIT))
      expect(written.result.length).toBeGreaterThan(0)
      return Math.max(read.longest, written.longest)
    })
    expect(longest).toBeLessThan(100)
  })

  test('a long text in a character set that is looked up goes into UTF-8, a short one stays', () => {
    const writtenOf = (value: string): string => {
      const model = { ...declared('ISO_IR 100'), '00204000': { vr: 'LT', Value: [value] } }
      const { result } = longestStep(readJsonModel(JSON.stringify(model)))
      return text(longestStep(writeDataSet(result[0] ?? [], EXPLICIT)).result)
    }
    expect(writtenOf('ä'.repeat(70_000))).toContain('ISO_IR 192')
    expect(writtenOf('ä'.repeat(70_000))).toContain('ä'.repeat(70_000))
    expect(writtenOf('ä'.repeat(7))).toContain('ISO_IR 100')
    expect(writtenOf('a'.repeat(70_000))).toContain('ISO_IR 100')
  })
})

test('others have their turn while long work is done', async () => {
  let turns = 0
  let over = false
  const count = (): void => {
    turns += 1
    if (!over) setImmediate(count)
  }
  setImmediate(count)
  const busy = function* (): Steps<string> {
    for (const until = performance.now() + 200; performance.now() < until; ) yield
    return 'done'
  }
  expect(await new Turns(systemClock).run(busy())).toBe('done')
  over = true
  expect(turns).toBeGreaterThan(3)
})
