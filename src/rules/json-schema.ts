import { z } from 'zod'
import { ruleFileSchema } from './rule-file.ts'

/** The JSON Schema of a rule file, for editors: from the schemas the loader reads with. YAML's plain scalars are text to us. */
export function rulesJsonSchema(): string {
  const schema = z.toJSONSchema(ruleFileSchema, { io: 'input', unrepresentable: 'any', reused: 'inline' })
  const titled = { title: 'A rule file of Kurir', ...schema }
  return `${JSON.stringify(titled, (key, value: unknown) => (isTextOnly(key, value) ? widen(value) : value), 2)}\n`
}

/** An editor reads `00123` as a number and `true` as a boolean where we read text. */
const SCALARS = ['string', 'number', 'boolean']

type TextOnly = {
  readonly type: 'string'
  readonly const?: string
  readonly enum?: readonly string[]
  readonly minLength?: number
}

const isTextOnly = (key: string, value: unknown): value is TextOnly =>
  key !== 'propertyNames' && typeof value === 'object' && value !== null && 'type' in value && value.type === 'string'

function widen(schema: TextOnly): object {
  if (schema.enum !== undefined) return schema
  const { const: only, ...rest } = schema
  return only === undefined ? { ...rest, type: SCALARS } : { ...rest, type: SCALARS, enum: [only, Number(only)] }
}
