import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import { formatProblem } from '../../src/rules/rule-problem.ts'
import { DESTINATIONS, fileOf, KEY_FILE, problemsOf } from './support.ts'

// Mistakes, most files with a single one. `messages.txt` holds what each must say; UPDATE_GOLDEN=1 writes it anew, for a
// person to read before it is committed.
const FOLDER = 'test/rules/bad'
const FIRST = fileOf(`${Buffer.from(DESTINATIONS.bytes).toString()}otherwise: hold\n`, 'rules/00.yaml')

function messagesOf(name: string): readonly string[] {
  const file = { name: `rules/${name}`, bytes: readFileSync(`${FOLDER}/${name}`) }
  const result = loadRuleset([FIRST, KEY_FILE, file], {})
  return 'problems' in result ? result.problems.map(formatProblem) : []
}

const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .sort()
if (process.env['UPDATE_GOLDEN'] === '1') {
  writeFileSync(`${FOLDER}/messages.txt`, `${names.flatMap(messagesOf).join('\n')}\n`)
}
const golden = readFileSync(`${FOLDER}/messages.txt`, 'utf8').split('\n')

describe('a refused file says what is wrong, and where', () => {
  test.each(names)('%s', (name) => {
    const expected = golden.filter((line) => line.startsWith(`rules/${name}:`))
    expect(messagesOf(name)).toEqual(expected)
    expect(expected.length).toBeGreaterThan(0)
  })

  test('most by a file of its own', () => {
    expect(names.filter((name) => messagesOf(name).length === 1).length).toBeGreaterThan(120)
  })

  test('and every message belongs to a file', () => {
    expect(golden.filter((line) => line !== '' && !names.includes(/^rules\/([^:]+):/.exec(line)?.[1] ?? '?'))).toEqual(
      [],
    )
  })
})

test('a file above 1 MB, one that is not UTF-8 and one that is UTF-16 are refused without being parsed', () => {
  expect(problemsOf(Buffer.alloc(2 * 1024 * 1024, 0x20))).toEqual([
    'rules/10.yaml:1:1 The file is 2097152 bytes; 1 MB is the most.',
  ])
  expect(problemsOf(Buffer.of(0x61, 0xff, 0x62))).toEqual([
    'rules/10.yaml:1:1 The file is not UTF-8; save it as UTF-8 without BOM.',
  ])
  expect(problemsOf(Buffer.of(0xff, 0xfe, 0x61, 0x00))).toEqual([
    'rules/10.yaml:1:1 The file is UTF-16; save it as UTF-8 without BOM.',
  ])
})

test('a megabyte of brackets is refused and ends nothing', () => {
  expect(problemsOf('['.repeat(1_000_000))[0]).toBe('rules/10.yaml:1:66 The file is nested more than 64 levels deep.')
})

test('the problems of all files come together, in the order of the files', () => {
  const result = loadRuleset(
    [
      fileOf('version: 1\nrules: [{ name: r, forward: [x] }]\n', 'rules/20.yaml'),
      fileOf('versin: 1\n', 'rules/05.yaml'),
      DESTINATIONS,
    ],
    {},
  )
  expect('problems' in result && result.problems.map(formatProblem)).toEqual([
    'rules/05.yaml:1:1 Unknown key versin. Did you mean version?',
    'rules/05.yaml:1:1 version is missing here.',
    'rules/20.yaml:2:30 No destination x. There are: a, b, c.',
  ])
})
