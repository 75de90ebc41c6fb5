import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { differLines } from '../../src/admin/line-difference.ts'
import { processorMs } from '../support/processor-time.ts'

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@$/
const NO_END = '\\ No newline at end of file'

/** The lines of a text, each with its end if it has one. */
const endedLines = (text: string): readonly string[] => text.match(/[^\n]*\n|[^\n]+$/g) ?? []

/** What `patch` would make of the text. */
function patched(from: string, unified: string): string {
  const before = endedLines(from)
  const after: string[] = []
  let at = 0
  for (const line of endedLines(unified.replaceAll(`\n${NO_END}\n`, NO_END).replaceAll(NO_END, `${NO_END}\n`))) {
    const hunk = HUNK.exec(line.trimEnd())
    const text = line.slice(1).replace(`${NO_END}\n`, '')
    if (hunk !== null) {
      const begin = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1)
      after.push(...before.slice(at, begin))
      at = begin
      continue
    }
    if (line[0] !== '+') expect(text).toBe(before[at++])
    if (line[0] !== '-') after.push(text)
  }
  return [...after, ...before.slice(at)].join('')
}

const text = fc
  .array(fc.constantFrom('a', 'b', 'c', '', 'rules:', '- name: x'), { maxLength: 14 })
  .chain((lines) => fc.constantFrom(lines.join('\n'), lines.map((line) => `${line}\n`).join('')))

test('the difference turns one text into the other, and is empty only when they are the same', () => {
  fc.assert(
    fc.property(text, text, (from, to) => {
      const { unified, added, removed } = differLines(from, to)
      expect(unified === '').toBe(from === to)
      expect(added + removed === 0).toBe(from === to)
      if (unified !== '') expect(patched(from, unified)).toBe(to)
    }),
    { numRuns: 500 },
  )
})

test('it reads as diff -u writes it', () => {
  const from = Array.from({ length: 30 }, (_, index) => `line ${index}`)
  const to = from.with(4, 'line four').toSpliced(20, 1).toSpliced(25, 0, 'a', 'b')
  const dir = mkdtempSync(path.join(tmpdir(), 'kurir-diff-'))
  try {
    writeFileSync(path.join(dir, 'a'), `${from.join('\n')}\n`)
    writeFileSync(path.join(dir, 'b'), `${to.join('\n')}\n`)
    expect(differLines(`${from.join('\n')}\n`, `${to.join('\n')}\n`)).toEqual({
      added: 3,
      removed: 2,
      unified: diffOf(dir),
    })
  } finally {
    rmSync(dir, { recursive: true })
  }
})

function diffOf(dir: string): string {
  try {
    return execFileSync('diff', ['-u', 'a', 'b'], { cwd: dir, encoding: 'utf8' })
  } catch (error) {
    // It ends with 1 when the files differ.
    const output = error !== null && typeof error === 'object' && 'stdout' in error ? String(error.stdout) : ''
    return output.split('\n').slice(2).join('\n')
  }
}

test.each<[string, string, string]>([
  ['every line its own', lines((index) => `a${index}`), lines((index) => `b${index}`)],
  ['every line the same', lines(() => 'x'), lines(() => 'y')],
  ['two lines in turn', lines((index) => `${index % 2}`), lines((index) => `${(index + 1) % 3}`)],
  ['all in reverse', lines((index) => `${index}`), lines((index) => `${100_000 - index}`)],
  ['one new between any two', lines((index) => `${index}`), lines((index) => `${index}\n+`)],
])('two files of a megabyte cost less than two seconds: %s', (_, from, to) => {
  expect(processorMs(() => differLines(from, to))).toBeLessThan(2_000)
})

function lines(line: (index: number) => string): string {
  return Array.from({ length: 100_000 }, (_, index) => `${line(index)}\n`).join('')
}
