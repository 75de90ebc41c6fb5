import { TextDecoder } from 'node:util'
import type { DeclaredCall } from '../http/declared-call.ts'

const LONGEST = 1_024
// What stands in names, texts and numbers; a line break or an escape sequence in them is nobody's ward or patient ID.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\x00-\x1f\x7f]/

/** What was kept of an answer, and for each field without a value one sentence why. */
export interface Kept {
  readonly fields: Readonly<Record<string, string>>
  readonly notes: readonly string[]
}

/** Takes the declared fields out of a JSON document. A field whose value is no plain text, number or yes has none. */
export function keepFields(keep: DeclaredCall['keep'], document: unknown): Kept {
  const fields: Record<string, string> = Object.create(null)
  const notes: string[] = []
  for (const { field, pointer } of keep) {
    const value = plainText(resolvePointer(document, pointer))
    if ('text' in value) fields[field] = value.text
    else notes.push(`${field} ${value.problem}`)
  }
  return { fields: { ...fields }, notes }
}

function plainText(value: unknown): { readonly text: string } | { readonly problem: string } {
  if (value === undefined) return { problem: 'is missing in the answer' }
  if (value === null) return { problem: 'is null' }
  if (typeof value === 'boolean') return { text: String(value) }
  if (typeof value !== 'string') return { problem: Array.isArray(value) ? 'is a list' : 'is an object' }
  if (value.trim() === '') return { problem: 'is empty' }
  if (value.length > LONGEST) return { problem: `is longer than ${LONGEST} characters` }
  return CONTROL.test(value) ? { problem: 'holds control characters' } : { text: value }
}

/** RFC 6901: undefined when nothing stands there. Only what the document itself holds is found. */
export function resolvePointer(document: unknown, pointer: string): unknown {
  if (pointer === '') return document
  let found = document
  for (const escaped of pointer.slice(1).split('/')) {
    const step = escaped.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(found)) found = /^(?:0|[1-9]\d{0,8})$/.test(step) ? found[Number(step)] : undefined
    else if (typeof found === 'object' && found !== null && Object.hasOwn(found, step)) found = Reflect.get(found, step)
    else return undefined
  }
  return found
}

/**
 * A JSON document, or undefined. Numbers stay as they are written: a patient number of twenty digits is an identity, and a
 * double would round it to another one's.
 */
export function parseAnswer(body: Buffer, contentType: string): { readonly document: unknown } | undefined {
  try {
    const text = decoderFor(contentType).decode(body)
    return { document: JSON.parse(text, numbersAsWritten) }
  } catch {
    // Not text, not JSON, or nested deeper than anything that is meant seriously.
    return undefined
  }
}

const numbersAsWritten = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === 'number' ? (context?.source ?? String(value)) : value

/** JSON is UTF-8 (RFC 8259 8.1); systems that say they write Latin-1 do. */
const decoderFor = (contentType: string): TextDecoder =>
  new TextDecoder(/charset="?(?:iso-8859-1|latin1|windows-1252)/i.test(contentType) ? 'windows-1252' : 'utf-8', {
    fatal: true,
  })
