// What is wrong between files, and with the folder itself; and that nothing in a rule file makes the loader throw.
import { readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { loadRuleset } from '../../src/rules/load-ruleset.ts'
import { readRulesFolder } from '../../src/rules/read-rules-folder.ts'
import { formatProblem } from '../../src/rules/rule-problem.ts'
import type { RuleFile } from '../../src/rules/rule-source.ts'
import { DESTINATIONS, fileOf } from './support.ts'

const problemsOf = (files: readonly RuleFile[]): readonly string[] => {
  const loaded = loadRuleset(files, {})
  return 'problems' in loaded ? loaded.problems.map(formatProblem) : []
}

const rules = (name: string, ...lines: readonly string[]): RuleFile =>
  fileOf(`version: 1\n${lines.map((line) => `${line}\n`).join('')}`, `rules/${name}`)

const ONE = 'rules: [ { name: one, forward: [a] } ]'

describe('what is wrong between files', () => {
  test.each<[string, readonly RuleFile[], readonly string[]]>([
    [
      'two study sections',
      [rules('10.yaml', 'study: { quiet: 10s }'), rules('20.yaml', ONE, 'study: { quiet: 20s }')],
      ['rules/20.yaml:3:1 study is said already, at rules/10.yaml:2; one file may say it.'],
    ],
    [
      'two that say what becomes of the rest',
      [rules('10.yaml', 'otherwise: hold'), rules('20.yaml', 'otherwise: { discard: nobody wants it }')],
      ['rules/20.yaml:2:1 otherwise is said already, at rules/10.yaml:2; one file may say it.'],
    ],
    [
      'a rule of the same name',
      [rules('10.yaml', ONE), rules('20.yaml', ONE)],
      ['rules/20.yaml:2:18 There is a rule one already, at rules/10.yaml:2.'],
    ],
    [
      'a list, a map and a destination of the same name',
      [
        rules('10.yaml', 'lists: { l: [x] }', 'maps: { m: { x: y } }'),
        rules(
          '20.yaml',
          'lists: { l: [x] }',
          'maps: { m: { x: y } }',
          'destinations: { a: { folder: { path: ./z } } }',
        ),
      ],
      [
        'rules/20.yaml:2:10 l stands under lists already, at rules/10.yaml:2.',
        'rules/20.yaml:3:9 m stands under maps already, at rules/10.yaml:3.',
        'rules/20.yaml:4:17 a stands under destinations already, at rules/00.yaml:3.',
      ],
    ],
    [
      'a rule that an earlier file never lets through',
      [rules('10.yaml', 'rules: [ { name: all, forward: [a], stop: true } ]'), rules('20.yaml', ONE)],
      ['rules/20.yaml:2:10 The rule one can never be reached: all (rules/10.yaml:2) always stops before it.'],
    ],
    [
      'cases that are more than tests',
      [rules('10.yaml', ONE), rules('cases/all.yaml', 'rules: []')],
      ['rules/cases/all.yaml:2:1 Unknown key rules. There are: version, tests.'],
    ],
    [
      'cases that fail',
      [
        rules('10.yaml', ONE),
        rules('cases/all.yaml', 'tests: [ { name: to b, given: { Modality: CT }, expect: { forward: [b] } } ]'),
      ],
      ['rules/cases/all.yaml:2:10 The test "to b" fails: it forwards to a, not to b.'],
    ],
    [
      'a test that only the rules of another file would pass',
      [
        rules('10.yaml', ONE),
        rules('20.yaml', 'tests: [ { name: to a, given: { Modality: CT }, expect: { forward: [a] } } ]'),
      ],
      ['rules/20.yaml:2:10 The test "to a" fails: it forwards to nothing, not to a.'],
    ],
  ])('%s', (_, files, expected) => {
    expect(problemsOf([DESTINATIONS, ...files])).toEqual(expected)
  })

  test('the mistakes of a hundred and fifty files are reported together, each at its place, in the order of the files', async () => {
    const folder = 'test/rules/bad'
    const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort()
    const files = await Promise.all(
      names.map(async (name) => ({ name: `rules/${name}`, bytes: await readFile(join(folder, name)) })),
    )
    const problems = problemsOf([DESTINATIONS, ...files])
    expect([...problems].map((problem) => problem.split(':')[0])).toEqual(
      [...problems].map((problem) => problem.split(':')[0]).sort(),
    )
    const named = new Set(problems.map((problem) => problem.split(':')[0]))
    // A rule file whose only mistake is a test that fails is not reached while others do not compile.
    const silent = files.map(({ name }) => name).filter((name) => !named.has(name))
    expect(silent.every((name) => /test-(?:fails|unanswered)/.test(name))).toBe(true)
  })
})

describe('what cannot be seen, or is seen elsewhere', () => {
  test.each([
    [
      'a comment that ends for some editors',
      'forward: [a] # all\r    match: { Modality: CT }',
      '4:23',
      'a carriage return without a line feed',
    ],
    ['a line that ends in NEL', 'forward: [a] # all\u0085    match: {}', '4:23', 'the control character 0x85'],
    ['a line separator', 'forward: [a] # all\u2028    match: {}', '4:23', 'the invisible character U+2028'],
    ['a byte order mark from a file put behind another', '\ufeffforward: [a]', '4:5', 'the invisible character U+FEFF'],
  ])('%s is refused at its place', (_, line, place, what) => {
    const problems = problemsOf([DESTINATIONS, rules('10.yaml', 'rules:', '  - name: one', `    ${line}`)])
    expect(problems).toEqual([`rules/10.yaml:${place} The file contains ${what}; remove it.`])
  })

  test('lines may end in CR LF, and mistakes are where they are', () => {
    const text = 'version: 1\r\nrules:\r\n  - name: one\r\n    forward: [a]\r\n    nmae: x\r\n'
    expect(problemsOf([DESTINATIONS, fileOf(text, 'rules/10.yaml')])[0]).toMatch(/^rules\/10.yaml:5:5 Unknown key nmae/)
  })

  test('a quote that is missing is told where the text begins, not where the file ends', () => {
    const after = Array.from({ length: 50 }, (_, n) => `  - name: r${n}`)
    expect(problemsOf([rules('10.yaml', 'rules:', '  - name: "one', ...after)])).toEqual([
      'rules/10.yaml:3:11 This is not well-formed YAML: missing closing "quote.',
    ])
  })

  test('a key that stands twice behind an alias is told once', () => {
    const twice = rules('10.yaml', 'maps: { m: &m { x: y, x: z }, n: *m, o: *m }', ONE)
    expect(problemsOf([DESTINATIONS, twice])).toEqual(['rules/10.yaml:2:23 The key x stands twice here.'])
  })

  test('a map of forty thousand is read in a moment, and refused in one where nothing says what it is', () => {
    const long = Array.from({ length: 40_000 }, (_, n) => `    P${n}: Q${n}`)
    const before = performance.now()
    expect(problemsOf([DESTINATIONS, rules('10.yaml', 'maps:', '  m:', ...long, ONE)])).toEqual([])
    expect(problemsOf([DESTINATIONS, rules('10.yaml', ...long.map((line) => line.trim()))])).toHaveLength(40_000)
    // Linear: two seconds. Each key compared with all others: forty, and more on a busy machine.
    expect(performance.now() - before).toBeLessThan(25_000)
  })
})

describe('what is wrong with the folder', () => {
  let home: string
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'kurir-refused-'))
    await mkdir(join(home, 'rules'))
  })
  afterEach(async () => await rm(home, { recursive: true }))
  const inside = (...names: readonly string[]): string => join(home, 'rules', ...names)
  const refusals = async (): Promise<readonly string[]> => {
    const read = await readRulesFolder(join(home, 'rules'))
    return 'problems' in read ? read.problems.map(formatProblem) : problemsOf(read.files)
  }

  test('a folder of that name, a link to itself, to nowhere, to a folder: all at once, before any is compiled', async () => {
    await mkdir(inside('10.yaml'))
    await symlink('20.yaml', inside('20.yaml'))
    await symlink('nowhere', inside('30.yaml'))
    await symlink('.', inside('40.yaml'))
    await writeFile(inside('50.yaml'), 'version: 2\n')
    expect(await refusals()).toEqual([
      'rules/10.yaml:1:1 The file cannot be read: it is not a file.',
      'rules/20.yaml:1:1 The file cannot be read: its links lead in a circle.',
      'rules/30.yaml:1:1 The file cannot be read: it does not exist.',
      'rules/40.yaml:1:1 The file cannot be read: it is not a file.',
    ])
  })

  test('cases that are a file, a link to the rules themselves', async () => {
    await writeFile(inside('10.yaml'), 'version: 1\nrules: [ { name: one, hold: look } ]\n')
    await writeFile(inside('cases'), 'x')
    expect(await refusals()).toEqual([])
    await rm(inside('cases'))
    await symlink('.', inside('cases'))
    expect(await refusals()).toEqual(['rules/cases/10.yaml:2:1 Unknown key rules. There are: version, tests.'])
  })

  test('more files than anybody writes', async () => {
    for (let i = 0; i < 501; i += 1) await writeFile(inside(`${i}.yaml`), 'version: 1\n')
    expect(await refusals()).toEqual(['rules:1:1 The folder holds 501 rule files; 500 are the most.'])
  })

  test('a file of two megabytes, one of noughts, one that is not UTF-8', async () => {
    await writeFile(inside('10.yaml'), 'x'.repeat(2 * 1024 * 1024))
    await writeFile(inside('20.yaml'), Buffer.alloc(100))
    await writeFile(inside('30.yaml'), Buffer.from('version: 1\nrules: [ { name: caf\xe9, hold: x } ]\n', 'latin1'))
    expect(await refusals()).toEqual([
      'rules/10.yaml:1:1 The file cannot be read: it has 2097152 bytes, and 1 MB is the most.',
    ])
    await rm(inside('10.yaml'))
    expect(await refusals()).toEqual([
      'rules/20.yaml:1:1 The file contains a NUL byte; remove it.',
      'rules/30.yaml:1:1 The file is not UTF-8; save it as UTF-8 without BOM.',
    ])
  })
})

describe('nothing that a file contains makes the loader throw', () => {
  const SEEDS = [
    'rules/10-outbox.yaml',
    'rules/00-callers.yaml',
    ...readdirSync('rules/examples')
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => `rules/examples/${name}`),
  ]
  const WORDS = [
    'name',
    'match',
    'all',
    'any',
    'not',
    'rewrite',
    'forward',
    'lookup',
    'call',
    'with',
    'notify',
    'hold',
    'discard',
    'stop',
    'on',
    'study',
    'instance',
    'tests',
    'given',
    'expect',
    'sends',
    'lookups',
    'set',
    'map',
    'hash',
    'uid',
    'replace',
    'keys',
    'services',
    'destinations',
    'callers',
    'version',
    'otherwise',
    '__proto__',
    'constructor',
    'toString',
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    '- ',
    '\n',
    '\n  ',
    '"',
    "'",
    '{PatientID}',
    '{order.x}',
    '$' + '{X}',
    '&a',
    '*a',
    '!!int',
    '<<',
    '?',
    '|',
    '>',
    '#',
    '\t',
    '\u0000',
    '\ufeff',
    '\u2028',
    '(0010,0010)',
    '(0009,xxxx)',
    '..',
    '[0]',
    '999999999999',
    '-1',
    '10s',
    'true',
    'null',
    '~',
  ]

  type Change = { readonly at: number; readonly cut: number; readonly put: string }
  const change: fc.Arbitrary<Change> = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat({ max: 30 }),
    put: fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 4 })),
  })
  const mutate = (text: string, changes: readonly Change[]): string =>
    changes.reduce((before, { at, cut, put }) => {
      const from = Math.floor(at * before.length)
      return before.slice(0, from) + put + before.slice(from + cut)
    }, text)

  test('whatever is written into the files that ship and the examples, anywhere', async () => {
    const texts = await Promise.all(SEEDS.map((file) => readFile(file, 'utf8')))
    const whole = texts.map((text, index) => fileOf(text, SEEDS[index]))
    const arbitrary = fc.tuple(fc.nat({ max: SEEDS.length - 1 }), fc.array(change, { minLength: 1, maxLength: 6 }))
    fc.assert(
      fc.property(arbitrary, ([index, changes]) => {
        const text = mutate(texts[index] ?? '', changes)
        const alone = loadRuleset([fileOf(text, SEEDS[index])], {})
        const among = loadRuleset(
          whole.map((file, at) => (at === index ? fileOf(text, file.name) : file)),
          {},
        )
        for (const loaded of [alone, among]) {
          if ('ruleset' in loaded) continue
          // And each says one line, at a place, that a person can read.
          for (const { file, line, column, message } of loaded.problems) {
            expect([file.endsWith('.yaml'), line >= 1, column >= 1]).toEqual([true, true, true])
            expect(message).toMatch(/^[^\p{Cc}\u2028\u2029]{1,1000}$/u)
          }
        }
      }),
      { numRuns: 150 },
    )
  })

  test('bytes that are no text at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const loaded = loadRuleset([{ name: 'rules/10.yaml', bytes }], {})
        expect('problems' in loaded && loaded.problems.length > 0).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})
