import { expect, test } from '@jest/globals'
import { addLinesRun, codeLines } from './line-coverage.ts'

test('blank lines, comments and types are no code', () => {
  const text = [
    'import type { A } from "./a.ts"', // 1
    '// a word',
    '/** a word',
    ' * more */',
    'interface B {', // 5
    '  readonly c: string',
    '}',
    '',
    'export const d: A = f(1)', // 9
    '// the end',
  ].join('\n')
  expect(codeLines(text)).toEqual([9])
})

test('the innermost range says whether a line ran', () => {
  const text = 'a()\nif (b) {\n  c()\n}\nd()\n'
  const at = (word: string): number => text.indexOf(word)
  const ran = new Set<number>()
  const whole = { startOffset: 0, endOffset: text.length, count: 1 }
  const branch = { startOffset: at('{') + 1, endOffset: at('}'), count: 0 }
  addLinesRun(text, [{ ranges: [whole, branch] }], ran)
  expect([...ran].sort()).toEqual([1, 2, 4, 5])
})
