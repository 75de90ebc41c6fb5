import { z } from 'zod'
import { didYouMean } from './suggestion.ts'

/** One mistake of shape: where inside the value, whether the key is meant rather than its value, and the sentence. */
export interface ShapeMistake {
  readonly path: readonly (string | number)[]
  readonly key: boolean
  readonly message: string
}

type Issue = z.core.$ZodIssue

/** zod's issues as sentences that name what may stand there. */
export function sayIssues(issues: readonly Issue[], schema: z.ZodType, value: unknown): readonly ShapeMistake[] {
  return issues.flatMap((issue) => sayIssue(issue, schema, value))
}

function sayIssue(issue: Issue, schema: z.ZodType, value: unknown): readonly ShapeMistake[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  const here = (message: string): readonly ShapeMistake[] => [{ path, key: false, message }]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], key: true, message: sayKey(key, keysAt(schema, path)) }))
    case 'invalid_type':
      return [sayType(issue.expected, path, valueAt(value, path))]
    case 'invalid_value':
      if (valueAt(value, path) === undefined && path.length > 0) return [sayType('', path, undefined)]
      return here(sayChoice(valueAt(value, path), issue.values.map(String), path))
    case 'invalid_union':
      return sayUnion(issue, path, schema, value)
    case 'too_small':
      return here(issue.origin === 'array' ? 'The list is empty.' : 'This cannot be empty.')
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.map((inner) => ({
        path,
        key: issue.code === 'invalid_key',
        message: sentence(inner.message),
      }))
    default:
      return here(sentence(issue.message))
  }
}

/** What stands where a union was expected decides which of its branches was meant. */
function sayUnion(
  issue: Issue & { code: 'invalid_union' },
  path: ShapeMistake['path'],
  schema: z.ZodType,
  value: unknown,
) {
  const inside = valueAt(value, path)
  const meant = issue.errors.find((branch) => branch.every((inner) => inner.path.length > 0 || !isWrongKind(inner)))
  const choice = issue.errors.flat().find((inner) => inner.code === 'invalid_value' && inner.path.length === 0)
  if (meant === undefined && choice !== undefined && typeof inside === 'string') {
    return sayIssue(choice, schema, inside).map((mistake) => ({ ...mistake, path }))
  }
  if (meant === undefined) {
    return [
      {
        path,
        key: inside === undefined,
        message: inside === undefined ? 'Something must stand here.' : `${kindOf(inside)} cannot stand here.`,
      },
    ]
  }
  return meant.flatMap((inner) =>
    sayIssue(inner, schema, inside).map((mistake) => ({ ...mistake, path: [...path, ...mistake.path] })),
  )
}

const isWrongKind = (issue: Issue): boolean => issue.code === 'invalid_type' || issue.code === 'invalid_value'

function sayType(expected: string, path: ShapeMistake['path'], found: unknown): ShapeMistake {
  const name = path.at(-1)
  if (found === undefined && typeof name === 'string') {
    return { path, key: true, message: `${name} is missing here.` }
  }
  return {
    path,
    key: false,
    message: `${kindOf(found)} cannot stand here; ${KINDS[expected] ?? expected} is expected.`,
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  array: 'a list',
  object: 'a set of keys',
  record: 'a set of keys',
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'A list'
  return typeof value === 'object' ? 'A set of keys' : value === '' ? 'Nothing' : 'Text'
}

function sayKey(key: string, known: readonly string[]): string {
  return `Unknown key ${key}.${didYouMean(key, known) || ` There are: ${known.join(', ')}.`}`
}

function sayChoice(found: unknown, choices: readonly string[], path: ShapeMistake['path']): string {
  const text = typeof found === 'string' ? found : kindOf(found)
  const name = typeof path.at(-1) === 'string' ? `${path.at(-1)} is` : 'it must be'
  return `${text} cannot stand here; ${name} ${choices.join(' or ')}.`
}

const sentence = (message: string): string => (/[.?!]$/.test(message) ? message : `${message}.`)

function valueAt(value: unknown, path: ShapeMistake['path']): unknown {
  let found: unknown = value
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = Reflect.get(found, step)
  }
  return found
}

/** The keys that the object schema at `path` knows. */
function keysAt(schema: z.ZodType, path: ShapeMistake['path']): readonly string[] {
  return keysOf(path.reduce<unknown>((inner, step) => stepInto(inner, step), schema))
}

function stepInto(schema: unknown, step: string | number): unknown {
  const bare = unwrap(schema)
  if (bare instanceof z.ZodObject) return bare.shape[step] ?? bare.def.catchall
  if (bare instanceof z.ZodRecord) return bare.valueType
  if (bare instanceof z.ZodArray) return bare.element
  if (bare instanceof z.ZodUnion) {
    return bare.options.map((option) => stepInto(option, step)).find((inner) => inner !== undefined)
  }
  return undefined
}

function keysOf(schema: unknown): readonly string[] {
  const bare = unwrap(schema)
  if (bare instanceof z.ZodObject) return Object.keys(bare.shape)
  if (bare instanceof z.ZodUnion) return bare.options.flatMap((option) => keysOf(option))
  return []
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return unwrap(schema.unwrap())
  if (schema instanceof z.ZodLazy) return unwrap(schema.unwrap())
  if (schema instanceof z.ZodPipe) return unwrap(schema.in)
  return schema
}
