import { TextDecoder } from 'node:util'
import { type Clock, type Milliseconds, type Monotonic, ms } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import { Secret } from '../base/secret.ts'
import type { HttpClient } from './client.ts'
import type { HttpAnswer } from './exchange.ts'
import { FileText } from './file-text.ts'
import { basicAuthorization } from './header-secret.ts'
import { orAborted } from './or-aborted.ts'
import type { HttpCredentials } from './reach.ts'

type ClientCredentials = HttpCredentials & { readonly kind: 'oauth2' }

/** Who does not say how long a token lives gets it asked for again after this. */
const UNSAID = ms(300_000)
const LONGEST = ms(86_400_000)
const LARGEST_MARGIN = ms(300_000)
/** Of asking for a token. */
const TIMEOUT = ms(15_000)

interface Token {
  readonly secret: Secret
  /** Not handed out from here on. */
  readonly until: Monotonic
  /** Of the files it was got with. */
  readonly stamp: string
}

/**
 * Access tokens by client credentials (RFC 6749 4.4). A token is handed out until a margin before its expiry; however many
 * ask, one request gets the next.
 */
export class TokenSource {
  readonly #credentials: ClientCredentials
  readonly #client: Pick<HttpClient, 'send'>
  readonly #clock: Clock
  readonly #id: FileText
  readonly #secret: FileText
  #token: Token | undefined
  #asking: Promise<Token> | undefined

  constructor(credentials: ClientCredentials, client: Pick<HttpClient, 'send'>, clock: Clock) {
    this.#credentials = credentials
    this.#client = client
    this.#clock = clock
    this.#id = new FileText(credentials.clientIdFile)
    this.#secret = new FileText(credentials.clientSecretFile)
  }

  /**
   * @throws KurirError `refused` when the token endpoint does not give one, `not-configured` for unreadable files, and what
   * the client throws; or the signal's reason
   */
  async token(signal: AbortSignal): Promise<Secret> {
    await Promise.all([this.#id.read(), this.#secret.read()])
    const held = this.#token
    if (held !== undefined && held.stamp === this.#stamp() && this.#clock.monotonic() < held.until) return held.secret
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    // Whoever waits may go; the request goes on for the others.
    return (await orAborted(this.#asking, signal)).secret
  }

  /** The peer did not take this token: it is not handed out again. One that was got in the meantime stays. */
  forget(secret: Secret): void {
    if (this.#token?.secret === secret) this.#token = undefined
  }

  #stamp(): string {
    return `${this.#id.stamp} ${this.#secret.stamp}`
  }

  async #ask(): Promise<Token> {
    const stamp = this.#stamp()
    const answer = await this.#client.send(await this.#request(), AbortSignal.any([]))
    const { secret, lifetime } = readToken(answer)
    const margin = Math.min(LARGEST_MARGIN, lifetime / 10)
    const until = (this.#clock.monotonic() + lifetime - margin) as Monotonic
    this.#token = { secret, until, stamp }
    return this.#token
  }

  async #request() {
    const { tokenUrl, scope, clientAuth } = this.#credentials
    const [id, secret] = await Promise.all([this.#id.text(), this.#secret.text()])
    const form = new URLSearchParams({ grant_type: 'client_credentials' })
    if (scope !== undefined) form.set('scope', scope)
    if (clientAuth === 'body') {
      form.set('client_id', id)
      form.set('client_secret', secret)
    }
    // RFC 6749 2.3.1: both are form-encoded before they are joined.
    const authorization = basicAuthorization(encodeURIComponent(id), encodeURIComponent(secret))
    return {
      method: 'POST' as const,
      url: tokenUrl,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
        ...(clientAuth === 'header' ? { authorization } : {}),
      },
      body: Buffer.from(form.toString()),
      timeouts: { total: TIMEOUT, headers: TIMEOUT, body: TIMEOUT },
      maxResponseBytes: 65_536,
    }
  }
}

function readToken(answer: HttpAnswer): { readonly secret: Secret; readonly lifetime: Milliseconds } {
  const body = parseObject(answer.body)
  if (answer.status !== 200) throw refused(`answered ${answer.status}${errorCode(body)}`)
  const token = body['access_token']
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(token)) throw refused('answered without a token')
  return { secret: new Secret(token), lifetime: lifetimeOf(body['expires_in']) }
}

const refused = (what: string): KurirError => new KurirError('refused', 'transient', `the token endpoint ${what}`)

/** Seconds, as a number or (against RFC 6749 5.1, but seen) as text. Nothing that makes sense: {@link UNSAID}. */
function lifetimeOf(expiresIn: unknown): Milliseconds {
  const seconds = typeof expiresIn === 'string' && /^\d{1,12}$/.test(expiresIn) ? Number(expiresIn) : expiresIn
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) return UNSAID
  return ms(Math.min(seconds * 1_000, LONGEST))
}

// RFC 6749 5.2 and Apigee's spelling. Only a word is repeated: descriptions may hold anything.
function errorCode(body: Readonly<Record<string, unknown>>): string {
  const code = body['error'] ?? body['ErrorCode']
  return typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? ` (${code})` : ''
}

function parseObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    // A decoder takes off the byte order mark that some pages stand behind.
    const value: unknown = JSON.parse(new TextDecoder('utf-8').decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}
