import { describe, expect, test } from '@jest/globals'
import { instant, ms } from '../../src/base/clock.ts'
import { keepFields, parseAnswer, resolvePointer } from '../../src/services/kept.ts'
import { retryAfter } from '../../src/services/retry-after.ts'

const documentOf = (text: string | Uint8Array, type = 'application/json'): unknown =>
  parseAnswer(Buffer.from(text), type)?.document

describe('a field', () => {
  const document = documentOf(`{
    "text": "SARI^DEWI", "number": 12345678901234567890, "float": 1.50, "yes": true, "null": null, "empty": " ",
    "object": {"a": "CANARY"}, "list": ["CANARY"], "long": "${'C'.repeat(1_000_000)}", "lines": "a\\r\\nb",
    "a/b": "slash", "m~n": "tilde", "": "nothing", "__proto__": "own", "deep": {"er": [{"x": "0"}, {"x": "1"}]}
  }`)
  const keep = (pointer: string) => keepFields([{ field: 'f', pointer }], document)

  test.each([
    ['/text', 'SARI^DEWI'],
    ['/number', '12345678901234567890'],
    ['/float', '1.50'],
    ['/yes', 'true'],
    ['/a~1b', 'slash'],
    ['/m~0n', 'tilde'],
    ['/', 'nothing'],
    ['/__proto__', 'own'],
    ['/deep/er/1/x', '1'],
  ])('at %s is kept as it is written', (pointer, value) => {
    expect(keep(pointer)).toEqual({ fields: { f: value }, notes: [] })
  })

  test.each([
    ['/none', 'is missing in the answer'],
    ['/deep/er/01/x', 'is missing in the answer'],
    ['/deep/er/-/x', 'is missing in the answer'],
    ['/text/length', 'is missing in the answer'],
    ['/constructor/name', 'is missing in the answer'],
    ['/null', 'is null'],
    ['/empty', 'is empty'],
    ['/object', 'is an object'],
    ['', 'is an object'],
    ['/list', 'is a list'],
    ['/long', 'is longer than 1024 characters'],
    ['/lines', 'holds control characters'],
  ])('at %s has no value, and a note says why', (pointer, why) => {
    expect(keep(pointer)).toEqual({ fields: {}, notes: [`f ${why}`] })
  })

  test('without a value takes none from the others', () => {
    const keepTwo = [
      { field: 'a', pointer: '/object' },
      { field: 'b', pointer: '/text' },
    ]
    expect(keepFields(keepTwo, document)).toEqual({ fields: { b: 'SARI^DEWI' }, notes: ['a is an object'] })
  })

  test('of a document that is only a text can be that text', () => {
    expect(resolvePointer('x', '')).toBe('x')
    expect(resolvePointer(undefined, '/a')).toBeUndefined()
  })
})

describe('an answer', () => {
  test('is read in UTF-8, and in Latin-1 where it says so', () => {
    expect(documentOf('{"a":"\u00e9"}')).toEqual({ a: 'é' })
    expect(documentOf('\ufeff{"a":1}')).toEqual({ a: '1' })
    const latin = Buffer.from('{"a":"\u00e9"}', 'latin1')
    expect(documentOf(latin, 'application/json; charset=ISO-8859-1')).toEqual({ a: 'é' })
    expect(documentOf(latin)).toBeUndefined()
  })

  test.each(['', '<html>', '{"a":', 'null and void', '['.repeat(500_000)])('that is not JSON is none', (text) => {
    expect(documentOf(text)).toBeUndefined()
  })
})

test.each([
  [undefined, null],
  ['0', 0],
  [' 30 ', 30_000],
  ['999999', 600_000],
  ['-5', null],
  ['1.5', null],
  ['soon', null],
  ['Sat, 21 Nov 2026 00:01:00 GMT', 60_000],
  ['Sat, 21 Nov 2026 09:00:00 GMT', 600_000],
  ['Fri, 20 Nov 2026 00:00:00 GMT', 0],
  ['Saturday, 21-Nov-26 00:01:00 GMT', 60_000],
  ['2026', 600_000],
])('Retry-After %j is %j ms', (header, wait) => {
  expect(retryAfter(header, instant(Date.UTC(2026, 10, 21)), ms(600_000))).toBe(wait)
})
