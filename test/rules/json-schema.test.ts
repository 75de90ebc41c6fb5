import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { rulesJsonSchema } from '../../src/rules/json-schema.ts'

const FILE = 'schema/rules.schema.json'

test('the JSON Schema of rule files is what the loader’s schemas say (UPDATE_SCHEMA=1 writes it anew)', () => {
  if (process.env['UPDATE_SCHEMA'] === '1') writeFileSync(FILE, rulesJsonSchema())
  expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(JSON.parse(rulesJsonSchema()))
})

test('every key of a rule file has a sentence', () => {
  const silent: string[] = []
  const visit = (schema: unknown, path: string): void => {
    if (typeof schema !== 'object' || schema === null) return
    for (const [key, value] of Object.entries(schema)) {
      if (key !== 'properties') visit(value, `${path}/${key}`)
      else if (typeof value === 'object' && value !== null) {
        for (const [name, inner] of Object.entries(value)) {
          if (!isDescribed(inner)) silent.push(`${path}/${name}`)
          visit(inner, `${path}/${name}`)
        }
      }
    }
  }
  visit(JSON.parse(rulesJsonSchema()), '')
  expect(silent).toEqual([])
})

const isDescribed = (schema: unknown): boolean =>
  typeof schema === 'object' && schema !== null && 'description' in schema && typeof schema.description === 'string'
