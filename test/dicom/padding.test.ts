import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseAeTitle } from '../../src/dicom/ae-title.ts'
import { trimEnd, unpadEnd } from '../../src/dicom/padding.ts'
import { unpadUid } from '../../src/dicom/uid.ts'
import { decodeValue } from '../../src/dicom/value.ts'
import { processorMs } from '../support/processor-time.ts'

test('padding is taken off the end, and nothing else', () => {
  const letters = fc.constantFrom(' ', '\0', 'a', '.', '\u00a0', '\n')
  fc.assert(
    fc.property(fc.string({ unit: letters, maxLength: 12 }), (text) => {
      expect(unpadEnd(text)).toBe(text.replace(/[\0 ]+$/, ''))
      expect(trimEnd(text, '.')).toBe(text.replace(/\.+$/, ''))
    }),
  )
})

test.each<[string, (text: string) => unknown]>([
  ['a UID', unpadUid],
  ['an AE title', parseAeTitle],
  ['a long text', (text) => decodeValue(Buffer.from(text), 'UT', false, { kind: 'ascii', terms: [] })],
])('a megabyte of spaces in the middle of %s is read in a moment', (_what, read) => {
  const text = `x${' '.repeat(2 ** 20)}x`
  expect(processorMs(() => read(text))).toBeLessThan(1_000)
})
