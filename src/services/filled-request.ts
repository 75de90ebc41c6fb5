import type { CallTemplate, DeclaredCall, JsonTemplate, NamedTemplate } from '../http/declared-call.ts'
import type { HttpMethod } from '../http/exchange.ts'

/** A declared call with its values in it, each escaped for where it stands. */
export interface FilledRequest {
  readonly method: HttpMethod
  /** Absolute, of the service's own origin. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | undefined
}

type Refused = { readonly refused: string }
type Values = Readonly<Record<string, string>>

const LONGEST_VALUE = 16_384
const LONGEST_URL = 8_000

/**
 * Fills a call. A value cannot leave its place: not a path segment by `/` or `..`, a parameter by `&`, a header by a line
 * break, a JSON text by a quote. What cannot be written safely refuses the call; the reason names the argument, never its
 * value.
 */
export function fillRequest(call: DeclaredCall, baseUrl: string, values: Values): FilledRequest | Refused {
  for (const name of call.arguments) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) return { refused: `the argument ${name} is not given` }
    if (value.length > LONGEST_VALUE)
      return { refused: `the argument ${name} is longer than ${LONGEST_VALUE} characters` }
  }
  const url = fillUrl(call.path, baseUrl, values)
  if (typeof url !== 'string') return url
  const headers = fillHeaders(call.headers, values)
  if (headers.refused !== undefined) return { refused: headers.refused }
  const { body, type } = fillBody(call.body, values)
  return {
    method: call.method,
    url,
    headers: {
      accept: 'application/json',
      ...headers.headers,
      ...(type === undefined ? {} : { 'content-type': type }),
    },
    body,
  }
}

/** The path of the template and what follows its first `?`; values are escaped as RFC 3986 2.1 has it. */
function fillUrl(template: CallTemplate, baseUrl: string, values: Values): string | Refused {
  let text = ''
  let inQuery = false
  for (const part of template) {
    if (typeof part === 'string') {
      text += part
      inQuery ||= part.includes('?')
      continue
    }
    const value = values[part.argument] ?? ''
    if (CONTROL.test(value)) return { refused: `the argument ${part.argument} holds control characters` }
    // An empty segment would ask for the list of all.
    if (!inQuery && value.trim() === '') return { refused: `the argument ${part.argument} is empty` }
    // Proxies and servers decode %2F and %2E before they resolve dots, so no escape of these is safe.
    if (!inQuery && /(?:^|[\\/])\.{1,2}(?:[\\/]|$)/.test(value)) return leadsElsewhere(part.argument)
    text += escapeUri(value)
  }
  const base = baseUrl.replace(/\/+$/, '')
  const [path = ''] = text.split('?', 1)
  if (path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) return leadsElsewhere(undefined)
  const url = `${base}${text}`
  return url.length > LONGEST_URL ? { refused: `the address is longer than ${LONGEST_URL} characters` } : url
}

const leadsElsewhere = (argument: string | undefined): Refused => ({
  refused: `${argument === undefined ? 'a value' : `the argument ${argument}`} would lead to another path`,
})

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/

/** Everything but letters, digits, `-`, `.`, `_`, `~` (RFC 3986 2.3). */
const escapeUri = (value: string): string =>
  encodeURIComponent(value.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

type FilledHeaders =
  | { readonly headers: Readonly<Record<string, string>>; readonly refused?: undefined }
  | { readonly headers?: undefined; readonly refused: string }

function fillHeaders(templates: readonly NamedTemplate[], values: Values): FilledHeaders {
  const headers: Record<string, string> = {}
  for (const { name, value: template } of templates) {
    let text = ''
    for (const part of template) {
      if (typeof part === 'string') {
        text += part
        continue
      }
      const value = values[part.argument] ?? ''
      const written = headerText(value, text, template.length === 1)
      if (written === undefined) return { refused: `the argument ${part.argument} cannot stand in the header ${name}` }
      text += written
    }
    headers[name.toLowerCase()] = text
  }
  return { headers }
}

/**
 * A value alone is the whole header. In quotes its own quotes are escaped (RFC 9110 5.6.4); beside other text it may hold
 * nothing that separates (5.6.2), or it could begin a parameter of its own.
 */
function headerText(value: string, before: string, alone: boolean): string | undefined {
  if (!/^[\x20-\x7e]*$/.test(value)) return undefined
  if (alone) return value.trim()
  if ((before.replaceAll('\\"', '').split('"').length - 1) % 2 === 1) return value.replace(/["\\]/g, '\\$&')
  return /^[\w !#$%&'*+\-.^`|~/:@]*$/.test(value) ? value : undefined
}

function fillBody(body: DeclaredCall['body'], values: Values) {
  if (body === undefined) return { body: undefined, type: undefined }
  if (body.kind === 'json') {
    return { body: Buffer.from(JSON.stringify(fillJson(body.json, values))), type: 'application/json' }
  }
  const form = new URLSearchParams(
    body.fields.map(({ name, value }): [string, string] => [name, fillText(value, values)]),
  )
  return { body: Buffer.from(form.toString()), type: 'application/x-www-form-urlencoded' }
}

function fillJson(json: JsonTemplate, values: Values): unknown {
  switch (json.kind) {
    case 'text':
      return fillText(json.text, values)
    case 'list':
      return json.items.map((item) => fillJson(item, values))
    case 'map':
      // Not by assignment, which __proto__ would take for something else.
      return Object.fromEntries(json.entries.map(([key, inner]) => [key, fillJson(inner, values)]))
    default:
      return json satisfies never
  }
}

const fillText = (template: CallTemplate, values: Values): string =>
  template
    .map((part) => (typeof part === 'string' ? part : (values[part.argument] ?? '')))
    .join('')
    .toWellFormed()
