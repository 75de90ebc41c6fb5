import { expect, test } from '@jest/globals'
import { isBoundary, parseMediaType, preferredModel } from '../../src/dicomweb/media-type.ts'

test.each<[string, readonly (readonly [string, string])[]]>([
  [
    'multipart/related; type="application/dicom"; boundary="a b"',
    [
      ['type', 'application/dicom'],
      ['boundary', 'a b'],
    ],
  ],
  [
    'Multipart/Related;type=application/dicom+xml;boundary=x',
    [
      ['type', 'application/dicom+xml'],
      ['boundary', 'x'],
    ],
  ],
  [
    'multipart/related ; Boundary = =-.1 ; TYPE=a/b',
    [
      ['boundary', '=-.1'],
      ['type', 'a/b'],
    ],
  ],
  ['multipart/related; boundary="quo\\"ted;"; boundary=second', [['boundary', 'quo"ted;']]],
  ['multipart/related;; boundary=x ; ;', [['boundary', 'x']]],
  ['multipart/related', []],
])('%s', (text, parameters) => {
  expect(parseMediaType(text)).toEqual({ type: 'multipart/related', parameters: new Map(parameters) })
})

test.each(['', 'text', 'a/b; =x', 'a/b; c', 'a/b; c="x', 'a b/c', `a/b; c=${'x'.repeat(2_000)}`])(
  'what is no media type is not taken for one: %s',
  (text) => expect(parseMediaType(text)).toBeUndefined(),
)

test('two UUIDs are a boundary, though they are three characters too long: Orthanc writes them', () => {
  const uuid = 'f6dfaa41-80f1-40ac-834e-bbdd08ee2817'
  expect([`${uuid}-${uuid}`, `${uuid}-${uuid}x`, `${uuid}xx${uuid}`].map(isBoundary)).toEqual([true, false, false])
})

test('a boundary has 1 to 70 characters of RFC 2046 and no space at its end', () => {
  expect(["a b'()+_,-./:=?", 'x'.repeat(70)].map(isBoundary)).toEqual([true, true])
  expect(['', 'x'.repeat(71), 'a ', 'a*', 'ä', 'a\r\nb'].map(isBoundary)).toEqual([
    false,
    false,
    false,
    false,
    false,
    false,
  ])
})

test.each<[string | undefined, string]>([
  [undefined, 'json'],
  ['*/*', 'json'],
  ['application/dicom+xml', 'xml'],
  ['application/dicom+json;q=0.5, application/dicom+xml', 'xml'],
  ['application/dicom+xml;q=0.5, application/dicom+json', 'json'],
  ['multipart/related; type="application/dicom+xml"', 'xml'],
  ['text/html', 'json'],
  ['nonsense,,;', 'json'],
])('an answer is in the form that is asked for: %s', (accept, model) => {
  expect(preferredModel(accept)).toBe(model)
})
