// What the pages about the rules say is what the loader reads: every example of them, and every word of the language.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import { rulesJsonSchema } from '../../src/rules/json-schema.ts'
import { testRuleset } from '../../src/rules/load-ruleset.ts'
import { formatProblem } from '../../src/rules/rule-problem.ts'
import { type RuleFile, readSource } from '../../src/rules/rule-source.ts'

const README = readFileSync('rules/README.md', 'utf8')

/** The YAML of a page, each under the name that its first line says. */
const examples: readonly RuleFile[] = [...README.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => {
  const name = /^# (rules\/[\w/.-]+\.yaml)\n/.exec(text)?.[1]
  if (name === undefined) throw new Error(`an example without a file name: ${text.slice(0, 60)}`)
  return { name, bytes: Buffer.from(/^version: 1$/m.test(text) ? text : `version: 1\n${text}`) }
})

describe('the page that teaches the rules', () => {
  test('all its examples load together, and every test in them passes', () => {
    const tested = testRuleset(examples, {})
    expect(
      'problems' in tested ? tested.problems.map(formatProblem) : tested.report.failures.map(formatProblem),
    ).toEqual([])
    expect('report' in tested && tested.report.passed).toBeGreaterThan(12)
  })

  test('names every word of the language', () => {
    const words = new Set<string>()
    const visit = (schema: unknown): void => {
      if (typeof schema !== 'object' || schema === null) return
      for (const [key, value] of Object.entries(schema)) {
        if (key === 'properties' && typeof value === 'object' && value !== null)
          for (const word of Object.keys(value)) words.add(word)
        if (key === 'enum' && Array.isArray(value))
          for (const word of value) if (typeof word === 'string') words.add(word)
        visit(value)
      }
    }
    visit(JSON.parse(rulesJsonSchema()))
    expect(words.size).toBeGreaterThan(100)
    const missing = [...words].filter((word) => !new RegExp(`(?<![\\w])${word}(?![\\w])`).test(README))
    expect(missing).toEqual([])
  })

  test('says the line that has an editor complete', () => {
    expect(README).toContain('# yaml-language-server: $schema=../schema/rules.schema.json')
    for (const file of ['00-callers', '10-outbox']) {
      expect(readFileSync(`rules/${file}.yaml`, 'utf8')).toMatch(
        /^# yaml-language-server: \$schema=\.\.\/schema\/rules\.schema\.json\n/,
      )
    }
  })

  test('says everything in Bahasa Indonesia too: each part has a paragraph of it', () => {
    const parts = README.split(/^## /m).slice(1)
    expect(parts.length).toBeGreaterThan(10)
    const silent = parts.filter((part) => !/^\*[A-Z`].{20}/m.test(part)).map((part) => part.split('\n')[0])
    expect(silent).toEqual([])
  })
})

describe('the schema of a rule file, as an editor has it', () => {
  const schema = z.fromJSONSchema(JSON.parse(readFileSync('schema/rules.schema.json', 'utf8')))
  const shipped = ['rules', 'rules/examples'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.yaml'))
      .map((name) => ({ name: `${folder}/${name}`, bytes: readFileSync(`${folder}/${name}`) })),
  )
  const files: readonly RuleFile[] = [...examples.filter(({ name }) => !name.includes('/cases/')), ...shipped]

  const VARIABLES = ['CLOUD_STOW_URL', 'HIS_URL', 'SATUSEHAT_ORG_ID', 'SATUSEHAT_URL']

  /** Words that the loader knows of and does not read yet. */
  const isLater = (file: RuleFile): boolean => {
    const loaded = testRuleset([file], Object.fromEntries(VARIABLES.map((name) => [name, 'https://host.example'])))
    return (
      'problems' in loaded && loaded.problems.some(({ message }) => message.startsWith('This version does not have'))
    )
  }

  test.each(files.map((file) => [file.name, file] as const))('is met by %s', (_, file) => {
    const { source, problems } = readSource(file)
    expect(problems).toEqual([])
    const { error } = schema.safeParse(source?.value)
    const issues = error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
    expect(isLater(file) ? [] : issues).toEqual([])
  })

  test('underlines what the loader refuses', () => {
    for (const value of [
      { version: '2' },
      { rules: [] },
      { version: '1', rulez: [] },
      { version: '1', rules: [{ name: 'x', forwrad: ['a'] }] },
      { version: '1', rules: [{ name: 'x', match: { Modality: { start_with: 'C' } } }] },
    ]) {
      expect(schema.safeParse(value).success).toBe(false)
    }
  })
})
