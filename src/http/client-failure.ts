import { KurirError, tlsRefusal } from '../base/failure.ts'

/** A connection that was never made, so that nothing of a request can have been taken. */
export class ConnectFailure extends Error {
  constructor(cause: unknown) {
    super('no connection', { cause })
  }
}

const CONNECT_CODES: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
])
const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
])
const TOO_LARGE_CODES: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_EXCEEDED_MAX_SIZE'])

/**
 * What a failed request means, in words of ours: the library's repeat addresses and what was sent.
 *
 * @returns transient when nothing can have been taken, ambiguous when it may have been, permanent when our own guard refused
 */
export function clientFailure(thrown: unknown): KurirError {
  const unconnected = thrown instanceof ConnectFailure
  const cause = unconnected ? thrown.cause : thrown
  const ours = [cause, causeOf(cause)].find((error) => error instanceof KurirError)
  if (ours instanceof KurirError) return ours
  const code = codeOf(cause) ?? codeOf(causeOf(cause)) ?? ''
  const options = { cause: thrown }
  if (isProxyRefusal(cause)) return new KurirError('refused', 'transient', 'the proxy does not take us (407)', options)
  const refusal = tlsRefusal(cause) ?? tlsRefusal(causeOf(cause))
  if (refusal !== undefined) return new KurirError('untrusted', 'transient', `TLS was not agreed (${refusal})`, options)
  if (CONNECT_CODES.has(code)) return new KurirError('connection-refused', 'transient', sayConnect(code), options)
  if (TOO_LARGE_CODES.has(code)) {
    return new KurirError('answer-too-large', 'ambiguous', 'the answer is larger than is read', options)
  }
  if (TIMEOUT_CODES.has(code)) {
    const never = unconnected || code === 'UND_ERR_CONNECT_TIMEOUT'
    const what = never ? 'no connection within the time limit' : 'no answer within the time limit'
    return new KurirError('timeout', never ? 'transient' : 'ambiguous', what, options)
  }
  if (unconnected) return new KurirError('connection-refused', 'transient', sayConnect(code), options)
  // Without its cause, which repeats what was answered.
  if (isNotHttp(cause)) return new KurirError('unreadable', 'ambiguous', 'the answer is not HTTP')
  return new KurirError('connection-closed', 'ambiguous', 'the connection ended before the answer was whole', options)
}

/** A proxy that forwards http answers 407 itself; the library gives no code of its own to that. */
const isProxyRefusal = (error: unknown): boolean =>
  codeOf(error) === 'UND_ERR_INVALID_ARG' && error instanceof Error && error.message.endsWith('(407)')

const sayConnect = (code: string): string => `no connection${code === '' ? '' : ` (${code})`}`

const isNotHttp = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'name' in error && error.name === 'HTTPParserError'

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

const causeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'cause' in error ? error.cause : undefined
