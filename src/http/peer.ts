import type { Clock } from '../base/clock.ts'
import type { Secret } from '../base/secret.ts'
import { HttpClient } from './client.ts'
import type { HttpAnswer, HttpSend } from './exchange.ts'
import { FileText } from './file-text.ts'
import { basicAuthorization, headerSecret } from './header-secret.ts'
import { TokenSource } from './oauth2.ts'
import type { HttpReach } from './reach.ts'

/** The headers that say who we are, and what to do when the peer did not take it. */
interface Authorizer {
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>
  /** Whether asking again with a new one may help. */
  refused(): boolean
}

/**
 * A peer as it is declared: a client of its origin with our credentials and the declared headers. A token that is no longer
 * taken (401) is renewed and the request sent once more; a streamed body is then asked for again.
 */
export class HttpPeer implements AsyncDisposable {
  readonly #reach: HttpReach
  readonly #clients = new AsyncDisposableStack()
  readonly #client: HttpClient
  readonly #authorizer: () => Authorizer

  constructor(reach: HttpReach, clock: Clock) {
    const { tls, proxy, addresses, atOnce: connections } = reach
    const client = (url: string): HttpClient =>
      this.#clients.use(new HttpClient({ origin: new URL(url).origin, tls, proxy, addresses, connections }, clock))
    this.#reach = reach
    this.#client = client(reach.url)
    this.#authorizer = authorizers(reach, client, clock)
  }

  /** As {@link HttpClient.send}; it also throws what keeps us from having credentials (`not-configured`, `refused`). */
  async send(request: HttpSend, signal: AbortSignal): Promise<HttpAnswer> {
    const authorizer = this.#authorizer()
    const answer = await this.#send(request, authorizer, signal)
    if (answer.status !== 401 || !authorizer.refused()) return answer
    return await this.#send(request, authorizer, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients.disposeAsync()
  }

  async #send(request: HttpSend, authorizer: Authorizer, signal: AbortSignal): Promise<HttpAnswer> {
    const declared = Object.fromEntries(this.#reach.headers.map(({ name, value }) => [name.toLowerCase(), value]))
    const headers = { ...declared, ...request.headers, ...(await authorizer.headers(signal)) }
    return await this.#client.send({ ...request, headers }, signal)
  }
}

/** One authorizer a request: it knows which token that request carried. */
function authorizers(reach: HttpReach, client: (url: string) => HttpClient, clock: Clock): () => Authorizer {
  const { credentials } = reach
  switch (credentials.kind) {
    case 'none':
      return () => fixed(async () => ({}))
    case 'bearer': {
      const file = new FileText(credentials.tokenFile)
      return () => fixed(async () => ({ authorization: `Bearer ${headerSecret(await file.text())}` }))
    }
    case 'basic': {
      const file = new FileText(credentials.passwordFile)
      return () => fixed(async () => ({ authorization: basicAuthorization(credentials.username, await file.text()) }))
    }
    case 'key': {
      const file = new FileText(credentials.file)
      return () => fixed(async () => ({ [credentials.header.toLowerCase()]: headerSecret(await file.text()) }))
    }
    case 'oauth2': {
      const tokens = new TokenSource(credentials, client(credentials.tokenUrl), clock)
      return () => renewed(tokens)
    }
    default:
      return credentials satisfies never
  }
}

const fixed = (headers: Authorizer['headers']): Authorizer => ({
  headers,
  refused: () => false,
})

function renewed(tokens: TokenSource): Authorizer {
  let carried: Secret | undefined
  return {
    headers: async (signal) => {
      carried = await tokens.token(signal)
      return { authorization: `Bearer ${carried.reveal()}` }
    },
    refused: () => {
      if (carried === undefined) return false
      tokens.forget(carried)
      return true
    },
  }
}
