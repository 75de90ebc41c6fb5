import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { KurirError } from '../../src/base/failure.ts'
import { MultipartReader } from '../../src/dicomweb/multipart-reader.ts'
import { parsePartHeaders } from '../../src/dicomweb/part-headers.ts'
import { processorMs } from '../support/processor-time.ts'

interface ReadPart {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

async function* sliced(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
  for (let i = 1; i < edges.length; i++) yield bytes.subarray(edges[i - 1], edges[i])
}

/** What the reader makes of a body cut at these places: its parts, or the code it gave up with. */
async function read(body: Buffer | string, boundary = 'b', cuts: readonly number[] = [], skip = false) {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
  const reader = new MultipartReader(sliced(bytes, cuts), boundary)
  const parts: ReadPart[] = []
  try {
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      const slices: Buffer[] = []
      if (!skip) for await (const slice of part.body) slices.push(Buffer.from(slice))
      parts.push({ headers: Object.fromEntries(part.headers), body: Buffer.concat(slices).toString('latin1') })
    }
    return { parts, code: null }
  } catch (error) {
    return { parts, code: error instanceof KurirError ? error.code : String(error) }
  }
}

const bodies = (parts: readonly ReadPart[]): readonly string[] => parts.map(({ body }) => body)

describe('a multipart/related body', () => {
  test.each<[string, string, readonly ReadPart[]]>([
    ['one part', '--b\r\nA: 1\r\n\r\nx\r\n--b--', [{ headers: { a: '1' }, body: 'x' }]],
    [
      'text around its parts, and padding behind the boundaries',
      'before\r\n--b \t\r\nA: 1\r\n\r\nx\r\n--b--\r\nbehind',
      [{ headers: { a: '1' }, body: 'x' }],
    ],
    ['a line end in front of it', '\r\n--b\r\n\r\nx\r\n--b--', [{ headers: {}, body: 'x' }]],
    [
      'parts without headers, without a body, without both',
      '--b\r\n\r\nx\r\n--b\r\nA: 1\r\n\r\n--b\r\nA: 2\r\n--b\r\n--b\r\n\r\n\r\n--b--',
      [
        { headers: {}, body: 'x' },
        { headers: { a: '1' }, body: '' },
        { headers: { a: '2' }, body: '' },
        { headers: {}, body: '' },
        { headers: {}, body: '' },
      ],
    ],
    [
      'characters of the boundary that go on otherwise',
      '--b\r\n\r\n\r\n--boundary\r\n--b-\r\n--bx\r\n--b\r\n\r\n--b--',
      [
        { headers: {}, body: '\r\n--boundary\r\n--b-\r\n--bx' },
        { headers: {}, body: '' },
      ],
    ],
    [
      'folded headers, names in any case, the first of two',
      '--b\r\nContent-Type: a/b;\r\n c=d\r\nX : 1\r\nx:2\r\n\r\n\r\n--b--',
      [{ headers: { 'content-type': 'a/b; c=d', x: '1' }, body: '' }],
    ],
    ['no part at all', '--b--', []],
  ])('%s', async (_name, body, parts) => {
    expect(await read(body)).toEqual({ parts, code: null })
  })

  test.each<[string, string, string]>([
    ['nothing', '', 'invalid-argument'],
    ['no closing boundary', '--b\r\n\r\nx', 'invalid-argument'],
    ['an end within the last boundary', '--b\r\n\r\nx\r\n--b-', 'invalid-argument'],
    ['lines that end in LF alone', '--b\nA: 1\n\nx\n--b--\n', 'invalid-argument'],
    ['a line among the headers that is none', '--b\r\nnonsense\r\n\r\nx\r\n--b--', 'invalid-argument'],
    ['headers without an end', `--b\r\nA: ${'x'.repeat(9_000)}`, 'too-large'],
    ['headers of ten thousand lines', `--b\r\n${'A: 1\r\n'.repeat(10_000)}\r\nx\r\n--b--`, 'too-large'],
    ['a million bytes before the first boundary', `${'x'.repeat(1_000_000)}\r\n--b--`, 'too-large'],
    ['a million bytes behind the last', `--b--${'x'.repeat(1_000_000)}`, 'too-large'],
    ['thirty thousand parts', `${'--b\r\n\r\n\r\n'.repeat(30_000)}--b--`, 'too-large'],
  ])('refuses %s', async (_name, body, code) => {
    expect((await read(body)).code).toBe(code)
  })

  test.each([
    ['a value between spaces', `A:${' '.repeat(4_000)}1${' '.repeat(4_000)}`, '1'],
    ['spaces in a value', `A: 1${' '.repeat(8_000)}2`, `1${' '.repeat(8_000)}2`],
    ['spaces in front of what is no header', `A:${' '.repeat(8_000)}\n`, undefined],
  ])('reads %s in a moment', (_name, line, value) => {
    const parsed = () => parsePartHeaders(`\r\n${line}\r\n`).get('a')
    if (value === undefined) expect(processorMs(() => expect(parsed).toThrow('none'))).toBeLessThan(1_000)
    else expect(processorMs(() => expect(parsed()).toBe(value))).toBeLessThan(1_000)
  })

  const SAMPLE =
    'pre\r\n--b.?\r\nA: 1\r\n\r\n\r\n--b\r\r\n--b.\r\n\r\n--b.?  \r\n\r\n--b.?\r\nC: 2\r\n\r\nxyz\r\r\n--b.?--\r\npost'

  test('is the same when it comes one byte at a time, and when it is cut anywhere', async () => {
    const whole = await read(SAMPLE, 'b.?')
    expect(bodies(whole.parts)).toEqual(['\r\n--b\r\r\n--b.\r\n', '', 'xyz\r'])
    expect(
      await read(
        SAMPLE,
        'b.?',
        [...SAMPLE].map((_, at) => at),
      ),
    ).toEqual(whole)
    for (let at = 0; at <= SAMPLE.length; at++) expect(await read(SAMPLE, 'b.?', [at])).toEqual(whole)
  })

  test('gives back what was put in, however it is cut, and whether the bodies are read or not', async () => {
    // Pieces of which boundaries are made, so that near misses are the rule.
    const piece = fc.constantFrom('\r', '\n', '\r\n', '-', '--', '--bo', 'bo', '\r\n--bo', 'x', ' ', '\0')
    const body = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
    const clean = body.filter((text) => !`\r\n${text}\r\n`.match(/\r\n--bound(--|[ \t]*(\r\n|$))/))
    await fc.assert(
      fc.asyncProperty(
        fc.array(clean, { maxLength: 4 }),
        fc.array(fc.nat(400), { maxLength: 20 }),
        async (contents, places) => {
          const made = `${contents.map((text) => `--bound\r\nN: ${text.length}\r\n\r\n${text}\r\n`).join('')}--bound--\r\n`
          const cuts = places.filter((place) => place <= made.length)
          const { parts, code } = await read(made, 'bound', cuts)
          expect(code).toBeNull()
          expect(bodies(parts)).toEqual(contents)
          expect((await read(made, 'bound', cuts, true)).parts.length).toBe(contents.length)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test('is the same for any bytes at all, however they are cut: parts, and how it ends', async () => {
    const piece = fc.constantFrom('\r\n', '--b', '--', '\r\n--b', '\r\n\r\n', 'A: 1', 'x', '\r', ' ')
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        const text = pieces.join('')
        const each = await read(
          text,
          'b',
          [...text].map((_, at) => at),
        )
        expect(each).toEqual(await read(text, 'b'))
      }),
      { numRuns: 1_000 },
    )
  })
})
