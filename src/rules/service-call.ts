import { z } from 'zod'
import type { CallMethod, CallTemplate, DeclaredCall, JsonTemplate, NamedTemplate } from '../http/declared-call.ts'
import { durationField, parsed } from './field.ts'
import { isRuleList, isRuleMap, type Place } from './place.ts'
import { headerProblem } from './service-reach.ts'
import { argumentsIn, literalsIn, readCallTemplate } from './service-template.ts'

const METHODS = { get: 'GET', post: 'POST', put: 'PUT', patch: 'PATCH', delete: 'DELETE' } as const satisfies Readonly<
  Record<string, CallMethod>
>
type MethodKey = keyof typeof METHODS
const KEYS = ['get', 'post', 'put', 'patch', 'delete'] as const satisfies readonly MethodKey[]

const ASKING = ['found', 'missing', 'keep'] as const
const TELLING = ['accept', 'already', 'body', 'form'] as const

const NAME = /^[a-z][a-z0-9_]{0,62}$/

const statusField = parsed((text): number | { problem: string } =>
  /^[1-5]\d\d$/.test(text) ? Number(text) : { problem: `${text} is not an HTTP status; write 200 or 404.` },
)
const statuses = z.array(statusField).min(1)
const pointerField = parsed((text) =>
  /^(?:\/(?:[^~]|~[01])*)?$/.test(text)
    ? text
    : { problem: `${text} is not a JSON Pointer; write /data/patient/mrn (RFC 6901).` },
)
const fieldNameField = parsed((text) => {
  if (text === 'found') return { problem: 'found is always there; it needs no keeping.' }
  return NAME.test(text)
    ? text
    : { problem: `${text} cannot name a field; write { patient_id: /${text} } with a name in small letters.` }
})
const keep = z.union([z.array(fieldNameField).min(1), z.record(fieldNameField, pointerField)])

const templateText = z.string().min(1)
const path = templateText.describe('Path and query with {argument}, behind the url of the service.')
type JsonText = string | readonly JsonText[] | { readonly [key: string]: JsonText }
const jsonText: z.ZodType<JsonText, JsonText> = z.lazy(() =>
  z.union([z.string(), z.array(jsonText), z.record(z.string(), jsonText)]),
)

const plain = {
  timeout: durationField.optional().describe('Of this call; that of the service unless said.'),
  found: statuses.optional().describe('Answers that say it is there; 200 unless said.'),
  missing: statuses.optional().describe('Answers that say it is not there; 404 unless said.'),
  accept: statuses.optional().describe('Answers that take what is told; any 2xx unless said.'),
  already: statuses.optional().describe('Answers that mean: you told me before. A success with a note.'),
  keep: keep
    .optional()
    .describe('What of the answer rules may use: {field: JSON Pointer}, or a list of top-level fields.'),
}

/** A call as the JSON Schema describes it. */
export const callSchema = z.strictObject({
  get: path.optional().describe('Asks: path and query with {argument}.'),
  post: path.optional().describe('Tells by POST: path with {argument}.'),
  put: path.optional().describe('Tells by PUT: path with {argument}.'),
  patch: path.optional().describe('Tells by PATCH: path with {argument}.'),
  delete: path.optional().describe('Tells by DELETE: path with {argument}.'),
  headers: z.record(z.string(), templateText).optional().describe('Headers with {argument}.'),
  body: jsonText.optional().describe('A JSON body whose texts may hold {argument}.'),
  form: z.record(z.string(), z.string()).optional().describe('Form fields with {argument}, instead of body.'),
  ...plain,
})

// What holds templates is read piece by piece.
const shell = z.strictObject({
  ...plain,
  get: z.unknown().optional(),
  post: z.unknown().optional(),
  put: z.unknown().optional(),
  patch: z.unknown().optional(),
  delete: z.unknown().optional(),
  headers: z.unknown().optional(),
  body: z.unknown().optional(),
  form: z.unknown().optional(),
})

/** The call at a place, or undefined after reporting what is wrong with it. */
export function compileCall(name: string, place: Place): DeclaredCall | undefined {
  if (!NAME.test(name))
    place.reportKey(`${name} cannot name a call: small letters, digits and underscores, at most 63, a letter first.`)
  const given = place.read(shell)
  const method = readMethod(place)
  if (given === undefined || method === undefined) return undefined
  refuseMixture(place, method)
  refuseSameStatus(place, given.found ?? [200], given.missing ?? [404], 'missing', 'found')
  refuseSameStatus(place, given.accept ?? [], given.already ?? [], 'already', 'accept')
  const path = readPath(place.at(method))
  const headers = readNamed(place.at('headers'), (header, inner) => {
    const problem = headerProblem(header)
    if (problem !== undefined) inner.reportKey(problem)
  })
  const body = readBody(place)
  if (path === undefined || headers === undefined || body === 'wrong') return undefined
  const templates = [path, ...headers.map(({ value }) => value), ...templatesOf(body)]
  return {
    name,
    method: METHODS[method],
    path,
    headers,
    body,
    timeout: given.timeout,
    found: given.found ?? [200],
    missing: given.missing ?? [404],
    accept: given.accept,
    already: given.already ?? [],
    keep: keptOf(given.keep),
    arguments: [...new Set(templates.flatMap(argumentsIn))],
  }
}

function readMethod(place: Place): MethodKey | undefined {
  if (place.map() === undefined) return undefined
  const [method, another] = KEYS.filter((key) => place.has(key))
  if (method === undefined) return place.reportKey(`A call says how it asks or tells: ${KEYS.join(', ')}.`)
  if (another !== undefined)
    return place.at(another).reportKey(`A call is one request; here are ${method} and ${another}.`)
  return method
}

/** What asks is read only and may be repeated at will; what tells brings no answer to keep. */
function refuseMixture(place: Place, method: MethodKey): void {
  const strangers = method === 'get' ? TELLING : ASKING
  const why = method === 'get' ? 'get asks; it tells nothing' : `${method} tells; only get asks`
  for (const key of strangers.filter((stranger) => place.has(stranger))) {
    place.at(key).reportKey(`${key} has no meaning here: ${why}.`)
  }
  if (place.has('body') && place.has('form')) place.at('form').reportKey('A call has a body or a form, not both.')
}

function refuseSameStatus(
  place: Place,
  one: readonly number[],
  other: readonly number[],
  key: string,
  beside: string,
): void {
  const both = other.find((status) => one.includes(status))
  if (both === undefined) return
  const at = place.has(key) ? place.at(key) : place.at(beside)
  at.report(`${both} cannot be both ${beside} and ${key}.`)
}

function readPath(place: Place): CallTemplate | undefined {
  const template = readTemplate(place)
  if (template === undefined) return undefined
  const [first] = template
  if (typeof first !== 'string' || !first.startsWith('/') || first.startsWith('//')) {
    return place.report('A path begins with one / and stands behind the url of the service.')
  }
  const literals = literalsIn(template).join('\0')
  if (!/^[\0\x21-\x7e]*$/.test(literals) || /[#\\]/.test(literals)) {
    return place.report('A path holds neither spaces, # nor \\, and nothing but ASCII; write them as %20 and so on.')
  }
  const [before = ''] = literals.split('?')
  if (before.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) {
    return place.report('A path cannot lead upwards (..).')
  }
  return template
}

function readTemplate(place: Place): CallTemplate | undefined {
  const text = place.text()
  if (text === undefined || text === '') return place.report('Text is expected here.')
  const template = readCallTemplate(text)
  return 'problem' in template ? place.report(template.problem) : template
}

function readNamed(
  place: Place,
  check: (name: string, place: Place) => void = () => {},
): readonly NamedTemplate[] | undefined {
  if (place.value === undefined) return []
  if (place.map() === undefined) return place.report('A set of keys is expected here.')
  const named = place.entries().map(([name, inner]) => {
    check(name, inner)
    const value = readTemplate(inner)
    return value === undefined ? undefined : { name, value }
  })
  return named.every((one) => one !== undefined) ? named : undefined
}

function readBody(place: Place): DeclaredCall['body'] | 'wrong' {
  if (place.has('form')) {
    const fields = readNamed(place.at('form'))
    return fields === undefined ? 'wrong' : { kind: 'form', fields }
  }
  if (!place.has('body')) return undefined
  const json = readJson(place.at('body'))
  return json === undefined ? 'wrong' : { kind: 'json', json }
}

function readJson(place: Place): JsonTemplate | undefined {
  if (isRuleList(place.value)) {
    const items = place.items().map(readJson)
    return items.every((item) => item !== undefined) ? { kind: 'list', items } : undefined
  }
  if (isRuleMap(place.value)) {
    const entries = place.entries().map(([key, inner]) => [key, readJson(inner)] as const)
    const whole = entries.flatMap(([key, json]) => (json === undefined ? [] : [[key, json] as const]))
    return whole.length === entries.length ? { kind: 'map', entries: whole } : undefined
  }
  const template = readCallTemplate(place.text() ?? '')
  return 'problem' in template ? place.report(template.problem) : { kind: 'text', text: template }
}

function templatesOf(body: DeclaredCall['body']): readonly CallTemplate[] {
  if (body === undefined) return []
  return body.kind === 'form' ? body.fields.map(({ value }) => value) : templatesOfJson(body.json)
}

function templatesOfJson(json: JsonTemplate): readonly CallTemplate[] {
  switch (json.kind) {
    case 'text':
      return [json.text]
    case 'list':
      return json.items.flatMap(templatesOfJson)
    case 'map':
      return json.entries.flatMap(([, inner]) => templatesOfJson(inner))
    default:
      return json satisfies never
  }
}

function keptOf(kept: readonly string[] | Readonly<Record<string, string>> | undefined): DeclaredCall['keep'] {
  if (kept === undefined) return []
  if (isList(kept)) return kept.map((field) => ({ field, pointer: `/${field}` }))
  return Object.entries(kept).map(([field, pointer]) => ({ field, pointer }))
}

const isList = (kept: readonly string[] | object): kept is readonly string[] => Array.isArray(kept)
