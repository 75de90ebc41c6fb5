/**
 * What went wrong, as a metric label. A closed set: a new code is a decision, not a typo.
 */
export const FAILURE_CODES = [
  'aborted',
  'address-refused',
  'answer-too-large',
  'association-rejected',
  'bad-pdu',
  'blob-corrupt',
  'blob-missing',
  'conflict',
  'connection-closed',
  'connection-refused',
  'data-directory-locked',
  'disk-full',
  'disk-io',
  'internal',
  'invalid-argument',
  'invalid-dataset',
  'invalid-rules',
  'invalid-setting',
  'ledger-closed',
  'ledger-newer',
  'no-presentation-context',
  'not-configured',
  'not-found',
  'out-of-resources',
  'refused',
  'sqlite-too-old',
  'timeout',
  'too-large',
  'unreadable',
  'untrusted',
] as const
export type FailureCode = (typeof FAILURE_CODES)[number]

/**
 * What trying again would mean. `transient`: never taken, try again. `ambiguous`: may have been taken, so only
 * where the destination is idempotent. `permanent`: refused; a person looks.
 */
export const RETRY_CLASSES = ['transient', 'ambiguous', 'permanent'] as const
export type RetryClass = (typeof RETRY_CLASSES)[number]

/** The one error class. The message is one sentence for an operator and never holds patient data. */
export class KurirError extends Error {
  override readonly name = 'KurirError'
  readonly code: FailureCode
  readonly retry: RetryClass

  constructor(code: FailureCode, retry: RetryClass, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
    this.retry = retry
  }
}

/** Whether a thrown value is Node's error of that `code` (`ENOSPC`, `ECONNREFUSED` …). */
export function hasErrno(error: unknown, ...codes: readonly string[]): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false
  return typeof error.code === 'string' && codes.includes(error.code)
}

// OpenSSL's verdicts on a chain, and Node's on a name. What begins with ERR_SSL_ is a handshake that failed.
const UNTRUSTED = /^(?:CERT_|ERR_TLS_CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_SSL_|HOSTNAME_MISMATCH|INVALID_CA)/

/** Node's code of an error that says that TLS was not agreed, by either side; undefined for any other error. */
export function tlsRefusal(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' && UNTRUSTED.test(error.code) ? error.code : undefined
}

/** What the operating system refused, in Node's words (`listen EADDRINUSE: … 0.0.0.0:11112`); undefined for anything else. */
export function systemRefusal(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('syscall' in error) || !('message' in error)) return undefined
  return typeof error.message === 'string' ? error.message : undefined
}
