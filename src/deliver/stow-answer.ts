import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { type Milliseconds, ms } from '../base/clock.ts'
import type { HttpAnswer } from '../http/exchange.ts'
import { answerFromXml, isXml } from './stow-answer-xml.ts'

/** What a store's answer says of one instance. */
export type SaidOfInstance =
  | { readonly kind: 'stored'; readonly warning: boolean }
  /** (0008,1197); undefined where the item has none that is a failure. */
  | { readonly kind: 'failed'; readonly reason: number | undefined }

/** What the body says, as far as it can be read. */
export interface StowReport {
  /** By SOP Instance UID. */
  readonly said: ReadonlyMap<string, SaidOfInstance>
  /**
   * Whether there are lists at all, so that one who stands in none of them has not been stored. An answer that was cut, and
   * cannot be read, may still show that it had some.
   */
  readonly lists: boolean
  /** Whether it is a page for people, as of a login or a proxy's error: then no store has answered, whatever the status. */
  readonly isWebPage: boolean
}

const WEB_PAGE = /^\uFEFF?\s*<(?:!doctype )?html\b/i
const REFERENCED_SOP_SEQUENCE = '00081199'
const FAILED_SOP_SEQUENCE = '00081198'
const LISTS = [REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE]
const REFERENCED_SOP_INSTANCE_UID = '00081155'
const FAILURE_REASON = '00081197'
const WARNING_REASON = '00081196'

/**
 * Reads the Store Instances Response (PS3.18 10.5.3.2, annex F). A body that is none says nothing: its status has to do. One
 * whose encoding cannot be taken off may have lists.
 */
export function readStowReport(answer: Pick<HttpAnswer, 'body' | 'headers'>): StowReport {
  const body = decodedBody(answer)
  return body === undefined ? { said: new Map(), lists: true, isWebPage: false } : readDecoded(body)
}

// We ask for identity; some servers compress all the same.
const DECODERS: ReadonlyMap<string, (body: Buffer, bounds: { readonly maxOutputLength: number }) => Buffer> = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
])
/** As much as is read of an answer that is not compressed. */
const LARGEST_DECODED = 1_048_576

/** Undefined when the encoding is not known (RFC 9110 8.4.1), is not what it says, or hides more than is read. */
function decodedBody({ body, headers }: Pick<HttpAnswer, 'body' | 'headers'>): Buffer | undefined {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? ''
  if (encoding === '' || encoding === 'identity' || body.length === 0) return body
  try {
    return DECODERS.get(encoding)?.(body, { maxOutputLength: LARGEST_DECODED })
  } catch {
    return undefined
  }
}

function readDecoded(body: Buffer): StowReport {
  const said = new Map<string, SaidOfInstance>()
  const root = rootOf(body)
  for (const item of itemsOf(root, REFERENCED_SOP_SEQUENCE)) {
    const uid = firstOf(item, REFERENCED_SOP_INSTANCE_UID)
    if (typeof uid === 'string')
      said.set(uid, { kind: 'stored', warning: typeof firstOf(item, WARNING_REASON) === 'number' })
  }
  // A server that names one in both lists has not stored it.
  for (const item of itemsOf(root, FAILED_SOP_SEQUENCE)) {
    const uid = firstOf(item, REFERENCED_SOP_INSTANCE_UID)
    const reason = firstOf(item, FAILURE_REASON)
    if (typeof uid === 'string') said.set(uid, { kind: 'failed', reason: isFailure(reason) ? reason : undefined })
  }
  const lists = LISTS.some((tag) => memberOf(root, tag) !== undefined || (root === undefined && body.includes(tag)))
  return { said, lists, isWebPage: WEB_PAGE.test(body.subarray(0, 64).toString('utf8')) }
}

/** Success and warnings (PS3.7 Annex C) are no reasons of a failure, whatever stands there. */
const isFailure = (reason: unknown): reason is number =>
  typeof reason === 'number' && reason !== 0 && reason >> 12 !== 0xb

function rootOf(body: Buffer): unknown {
  if (isXml(body)) return answerFromXml(body)
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    return Array.isArray(parsed) ? parsed[0] : parsed
  } catch {
    return undefined
  }
}

function itemsOf(dataSet: unknown, tag: string): readonly unknown[] {
  return valuesOf(dataSet, tag)
}

const firstOf = (dataSet: unknown, tag: string): unknown => valuesOf(dataSet, tag)[0]

function valuesOf(dataSet: unknown, tag: string): readonly unknown[] {
  const element = memberOf(dataSet, tag)
  const values = memberOf(element, 'Value')
  return Array.isArray(values) ? values : []
}

function memberOf(object: unknown, key: string): unknown {
  if (typeof object !== 'object' || object === null) return undefined
  return Object.getOwnPropertyDescriptor(object, key)?.value
}

const LONGEST_REST = 900_000

/** How long Retry-After asks us to wait (RFC 9110 10.2.3), at most a quarter of an hour; undefined when it does not ask. */
export function restAsked({ headers }: Pick<HttpAnswer, 'headers'>): Milliseconds | undefined {
  const text = headers['retry-after']?.trim() ?? ''
  if (/^\d{1,9}$/.test(text)) return ms(Math.min(LONGEST_REST, Number(text) * 1000))
  // By the server's own clock: ours may be another.
  const rest = Date.parse(text) - Date.parse(headers['date'] ?? '')
  return Number.isFinite(rest) && rest > 0 ? ms(Math.min(LONGEST_REST, rest)) : undefined
}
