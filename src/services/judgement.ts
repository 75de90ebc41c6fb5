import { type Instant, type Milliseconds, ms } from '../base/clock.ts'
import type { FailureCode, KurirError } from '../base/failure.ts'
import type { DeclaredCall } from '../http/declared-call.ts'
import type { HttpAnswer } from '../http/exchange.ts'
import type { CallOutcome } from './call.ts'
import { keepFields, parseAnswer } from './kept.ts'
import { retryAfter } from './retry-after.ts'

type Again = CallOutcome & { readonly kind: 'again' }
type Scope = Again['scope']

/** A service that says "later" is believed, within these. One that is merely down is looked at again sooner. */
const LONGEST_WAIT = { 429: ms(900_000), 503: ms(60_000) } as const
const NOTE = 200

/** What an answer to something asked means. Whatever is neither found nor missing is no answer (RULES.md 3.7). */
export function judgeAsked(call: DeclaredCall, answer: HttpAnswer, now: Instant): CallOutcome {
  const { status } = answer
  if (call.missing.includes(status)) return { kind: 'missing', status }
  if (!call.found.includes(status)) return ofNoUse(answer, now) ?? again('call', `answered ${status}`, status)
  const problem = notAnAnswer(answer)
  if (problem !== undefined) return again('call', `answered ${status} with ${problem}`, status)
  if (call.keep.length === 0) return { kind: 'found', fields: {}, notes: [], status }
  const parsed = parseAnswer(answer.body, answer.headers['content-type'] ?? '')
  if (parsed === undefined) return again('call', `answered ${status} with something that is not JSON`, status)
  return { kind: 'found', ...keepFields(call.keep, parsed.document), status }
}

/** What an answer to something told means. A refusal is for a person: told again it would be refused again. */
export function judgeTold(call: DeclaredCall, answer: HttpAnswer, now: Instant): CallOutcome {
  const { status } = answer
  if (call.already.includes(status)) return { kind: 'already', status, note: noteOf(answer) }
  const taken = call.accept === undefined ? status >= 200 && status <= 299 : call.accept.includes(status)
  if (!taken) {
    const reason = status <= 299 ? `answered ${status}, which accept does not name` : `answered ${status}`
    return ofNoUse(answer, now) ?? { kind: 'refused', reason, status }
  }
  const problem = notAnAnswer(answer)
  return problem === undefined
    ? { kind: 'accepted', status }
    : again('call', `answered ${status} with ${problem}`, status)
}

/** Statuses whose meaning does not depend on what was called; undefined for the others. */
function ofNoUse(answer: HttpAnswer, now: Instant): Again | undefined {
  const { status } = answer
  // Who asks for no time has asked for none.
  const wait = (most: Milliseconds) => retryAfter(answer.headers['retry-after'], now, most) || null
  if (status === 401 || status === 407)
    return again('service', `answered ${status}: our credentials are not taken`, status)
  if (status === 429) return again('service', 'answered 429: too many requests', status, wait(LONGEST_WAIT[429]))
  if (status === 502 || status === 503 || status === 504) {
    return again('service', `answered ${status}`, status, wait(LONGEST_WAIT[503]))
  }
  if (status >= 300 && status <= 399) return again('call', `answered ${status}, which leads elsewhere`, status)
  if (status === 408 || status === 425 || status >= 500) return again('call', `answered ${status}`, status)
  return undefined
}

/** What no program of a hospital means as an answer, though its status says so: portals and proxies speak in pages. */
function notAnAnswer({ body, headers }: HttpAnswer): string | undefined {
  const start = body
    .subarray(0, 1_024)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart()
  if (/^<(?:!doctype html|html|head|body)\b/i.test(start)) return 'a web page'
  if (!start.startsWith('{') || !body.includes('"OperationOutcome"')) return undefined
  const parsed = parseAnswer(body, headers['content-type'] ?? '')
  return parsed !== undefined && isErrorOutcome(parsed.document) ? 'an OperationOutcome of an error' : undefined
}

/** FHIR's OperationOutcome with an issue of severity error or fatal; `issue` is a list, and an object where it was seen so. */
function isErrorOutcome(document: unknown): boolean {
  if (!isRecord(document) || document['resourceType'] !== 'OperationOutcome') return false
  const issues: readonly unknown[] = [document['issue']].flat()
  return issues.some((issue) => isRecord(issue) && (issue['severity'] === 'error' || issue['severity'] === 'fatal'))
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function noteOf({ body }: HttpAnswer): string {
  const text = new TextDecoder('utf-8').decode(body.subarray(0, 4 * NOTE))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  const line = text.replace(/[\x00-\x20\x7f-\x9f\u2028\u2029]+/g, ' ').trim()
  return [...line].slice(0, NOTE).join('')
}

/** Whose failure it is: of this call, or of the service as a whole, which then rests. */
const SCOPES: Readonly<Partial<Record<FailureCode, Scope>>> = {
  'address-refused': 'service',
  'connection-refused': 'service',
  'not-configured': 'service',
  refused: 'service',
  untrusted: 'service',
}

/** What a request without an answer means; its message is ours and holds nothing of the request. */
export function judgeFailure(failure: KurirError): Again {
  const never = failure.code === 'timeout' && failure.retry === 'transient'
  return again(never ? 'service' : (SCOPES[failure.code] ?? 'call'), failure.message, null)
}

export const again = (
  scope: Scope,
  reason: string,
  status: number | null = null,
  wait: Milliseconds | null = null,
): Again => ({ kind: 'again', scope, reason, status, retryAfter: wait })
