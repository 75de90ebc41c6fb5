import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { CallTemplate, DeclaredCall } from '../../src/http/declared-call.ts'
import { fillRequest } from '../../src/services/filled-request.ts'

const BASE = 'http://his.local/api/'
const X = { argument: 'x' } as const
const callOf = (part: Partial<DeclaredCall>): DeclaredCall => ({
  name: 'call',
  method: 'POST',
  path: ['/fixed'],
  headers: [],
  body: undefined,
  timeout: undefined,
  found: [200],
  missing: [404],
  accept: undefined,
  already: [],
  keep: [],
  arguments: ['x'],
  ...part,
})
const fill = (part: Partial<DeclaredCall>, x: string) => fillRequest(callOf(part), BASE, { x })

/** Any text at all, with what breaks out of places more often than chance would have it. */
const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        '/',
        '\\',
        '?',
        '&',
        '=',
        '#',
        '%',
        '.',
        '..',
        '\r\n',
        '\0',
        '"',
        "'",
        ';',
        ',',
        '{',
        '}',
        '%2f',
        '%2e',
        '+',
        ' ',
        'a',
        'é',
        '猫',
        '\ud800',
        ':',
        '@',
        '<',
      ),
      { maxLength: 12 },
    )
    .map((pieces) => pieces.join('')),
)

describe('a value stays where it stands, whatever it holds:', () => {
  test('in a path it is one segment of it', () => {
    fc.assert(
      fc.property(value, (x) => {
        const filled = fill({ path: ['/a/', X, '/z?q=1'] }, x)
        if ('refused' in filled) return
        const url = new URL(filled.url)
        expect([url.origin, url.search, url.hash, url.username]).toEqual(['http://his.local', '?q=1', '', ''])
        const segments = url.pathname.split('/')
        expect([segments.length, segments[1], segments[2], segments[4]]).toEqual([5, 'api', 'a', 'z'])
        expect(decodeURIComponent(segments[3] ?? '')).toBe(x.toWellFormed())
        // Whoever decodes before resolving still finds no way upwards.
        expect(decodeURIComponent(url.pathname).split(/[\\/]/)).not.toContain('..')
        expect(filled.url).toMatch(/^[\x21-\x7e]+$/)
      }),
      { numRuns: 2_000 },
    )
  })

  test('in a query it is one value of it', () => {
    fc.assert(
      fc.property(value, (x) => {
        const filled = fill({ path: ['/a?one=', X, '&two=2'] }, x)
        if ('refused' in filled) return
        const url = new URL(filled.url)
        expect([...url.searchParams]).toEqual([
          ['one', x.toWellFormed()],
          ['two', '2'],
        ])
        expect([url.pathname, url.hash]).toEqual(['/api/a', ''])
      }),
      { numRuns: 2_000 },
    )
  })

  test('in a header it is one line, and no parameter of its own', () => {
    const parameter: CallTemplate = ['study; id=', X, '; v=1']
    const quoted: CallTemplate = ['id="', X, '"; v=1']
    fc.assert(
      fc.property(value, (x) => {
        for (const template of [[X], parameter, quoted]) {
          const filled = fill({ headers: [{ name: 'X-Study', value: template }] }, x)
          if ('refused' in filled) continue
          const written = filled.headers['x-study'] ?? ''
          expect(written).toMatch(/^[\x20-\x7e]*$/)
          if (template === parameter) expect(written.split(/[;="]/).length).toBe(5)
          const string = /^id="((?:[^"\\]|\\.)*)"; v=1$/.exec(written)
          if (template === quoted) expect(string?.[1]?.replace(/\\(.)/g, '$1')).toBe(x)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('in JSON it is one text, and in a form one field', () => {
    fc.assert(
      fc.property(value, (x) => {
        const json = fill(
          {
            body: {
              kind: 'json',
              json: {
                kind: 'map',
                entries: [
                  ['__proto__', { kind: 'text', text: ['<', X, '>'] }],
                  ['b', { kind: 'list', items: [{ kind: 'text', text: ['c'] }] }],
                ],
              },
            },
          },
          x,
        )
        const form = fill(
          {
            body: {
              kind: 'form',
              fields: [
                { name: 'a&b', value: [X] },
                { name: 'c', value: ['d'] },
              ],
            },
          },
          x,
        )
        if ('refused' in json || 'refused' in form) throw new Error('never refused')
        expect(Object.entries(JSON.parse(Buffer.from(json.body ?? []).toString()))).toEqual([
          ['__proto__', `<${x.toWellFormed()}>`],
          ['b', ['c']],
        ])
        expect([...new URLSearchParams(Buffer.from(form.body ?? []).toString())]).toEqual([
          ['a&b', x.toWellFormed()],
          ['c', 'd'],
        ])
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('is refused', () => {
  test.each([
    ['..', 'would lead to another path'],
    ['.', 'would lead to another path'],
    ['../../admin', 'would lead to another path'],
    ['a/../b', 'would lead to another path'],
    ['a\\..\\b', 'would lead to another path'],
    ['', 'is empty'],
    ['  ', 'is empty'],
    ['a\r\nHost: evil', 'holds control characters'],
    ['a\u0000b', 'holds control characters'],
    ['a\u2028b', 'holds control characters'],
    ['x'.repeat(20_000), 'is longer than 16384 characters'],
  ])('in a path %j', (x, reason) => {
    expect(fill({ path: ['/a/', X] }, x)).toEqual({ refused: `the argument x ${reason}` })
  })

  test('a path that becomes a way upwards out of pieces', () => {
    expect(fill({ path: ['/a/.', X, '/b'] }, '.')).toEqual({ refused: 'the argument x would lead to another path' })
    expect(fill({ path: ['/a/%2e', X] }, '%2e')).not.toHaveProperty('refused')
  })

  test.each(['é', 'a\r\nX: y', 'a\u0000'])('in a header %j', (x) => {
    const headers = [{ name: 'X-A', value: [X] }]
    expect(fill({ headers }, x)).toEqual({ refused: 'the argument x cannot stand in the header X-A' })
  })

  test('beside other text of a header, what separates', () => {
    const headers = [{ name: 'X-A', value: ['id=', X] }]
    expect(fill({ headers }, 'a; role=admin')).toEqual({ refused: 'the argument x cannot stand in the header X-A' })
    expect(fill({ headers }, 'RAD/2026.01')).toMatchObject({ headers: { 'x-a': 'id=RAD/2026.01' } })
  })

  test('an argument that is not there, and one that only seems to be', () => {
    expect(fillRequest(callOf({}), BASE, {})).toEqual({ refused: 'the argument x is not given' })
    const inherited = callOf({ arguments: ['constructor'] })
    expect(fillRequest(inherited, BASE, {})).toEqual({ refused: 'the argument constructor is not given' })
  })
})

test('an accession number of slashes and dots is one segment', () => {
  const filled = fill({ path: ['/orders/', X] }, 'RAD/2026.11/001 (a)')
  expect(filled).toMatchObject({ url: 'http://his.local/api/orders/RAD%2F2026.11%2F001%20%28a%29' })
})
