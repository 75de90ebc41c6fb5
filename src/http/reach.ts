import type { Milliseconds } from '../base/clock.ts'

/** Names of PEM files; what they hold is never in the rules, and is read again when it changes. */
export interface HttpTlsFiles {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

/** How we say who we are. Secrets are names of files, read again when they change. */
export type HttpCredentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'bearer'; readonly tokenFile: string }
  | { readonly kind: 'basic'; readonly username: string; readonly passwordFile: string }
  /** A key in a header of its own, as `X-API-Key`. */
  | { readonly kind: 'key'; readonly header: string; readonly file: string }
  | {
      /** Client credentials (RFC 6749 4.4). */
      readonly kind: 'oauth2'
      readonly tokenUrl: string
      readonly clientIdFile: string
      readonly clientSecretFile: string
      readonly scope: string | undefined
      /** Where id and secret stand: form fields, or HTTP Basic (RFC 6749 2.3.1). */
      readonly clientAuth: 'body' | 'header'
    }

/** How an HTTP peer is reached, as a rule file declares it: plain texts, nothing resolved and nothing read yet. */
export interface HttpReach {
  /** Absolute, `http:` or `https:`, without user, query or fragment; a path stands before each request's own. */
  readonly url: string
  readonly credentials: HttpCredentials
  readonly tls: HttpTlsFiles | undefined
  /** Absolute `http:` URL of a proxy. */
  readonly proxy: string | undefined
  /** Sent with every request. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  /** From the first byte of a request to the last of its answer. */
  readonly timeout: Milliseconds
  /** Address ranges (CIDR), outside which nothing is connected to. Empty: anything but link-local addresses. */
  readonly addresses: readonly string[]
  /** Requests at once. */
  readonly atOnce: number
  /** Requests begun in one second; undefined: no such limit. */
  readonly perSecond: number | undefined
}
