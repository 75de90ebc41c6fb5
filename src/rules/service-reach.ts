import { z } from 'zod'
import { type Milliseconds, ms } from '../base/clock.ts'
import type { HttpCredentials, HttpReach } from '../http/reach.ts'
import { parseCidr } from './cidr.ts'
import { durationField, parsed, textField } from './field.ts'
import { tlsSchema } from './tls.ts'

/** How long a call is tried again by those who keep it: what failed was this call, not the service as a whole. */
export interface ServiceRetry {
  readonly first: Milliseconds
  readonly longest: Milliseconds
  readonly giveUpAfter: Milliseconds
}

export const SERVICE_RETRY: ServiceRetry = { first: ms(5_000), longest: ms(300_000), giveUpAfter: ms(172_800_000) }
const TIMEOUT = ms(5_000)
const AT_ONCE = 8

/** Text is not repeated where a password may stand in it. */
function readUrl(text: string, query: boolean): string | { readonly problem: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return { problem: 'This is not an address of the web; write https://host or https://host/path.' }
  }
  if (url.username !== '' || url.password !== '') {
    return { problem: 'A name or password in an address would be shown; write basic: with a password_file.' }
  }
  if ((url.search !== '' && !query) || url.hash !== '') {
    return { problem: 'The address of a service ends with its path; what follows belongs to its calls.' }
  }
  return url.href
}

export const urlField = parsed((text) => readUrl(text, false))
const tokenUrlField = parsed((text) => readUrl(text, true))
const proxyField = parsed((text) => {
  const url = readUrl(text, false)
  if (typeof url !== 'string') return url
  const { protocol, pathname, origin } = new URL(url)
  if (protocol === 'http:' && pathname === '/') return origin
  return { problem: 'A proxy is written http://host:port.' }
})

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/
// What the client writes itself, and what belongs to one connection (RFC 9110 7.6.1).
const OURS: ReadonlySet<string> = new Set([
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What is wrong with a header's name, undefined when nothing is. */
export function headerProblem(name: string): string | undefined {
  if (!TOKEN.test(name)) return `${name} cannot name a header.`
  if (name.toLowerCase() === 'authorization') {
    return 'Secrets stand in files: write bearer_file, basic, api_key or oauth2 instead of an Authorization header.'
  }
  return OURS.has(name.toLowerCase()) ? `${name} is written by Kurir itself.` : undefined
}

const headerNameField = parsed((text) => {
  const problem = headerProblem(text)
  return problem === undefined ? text : { problem }
})
export const headerValueField = parsed((text) =>
  /^[\x20-\x7e]{1,4096}$/.test(text) ? text : { problem: 'A header holds printable ASCII characters in one line.' },
)
const rangeField = parsed((text) =>
  parseCidr(text) === undefined
    ? { problem: `${text} is not an address range; write 10.20.0.0/16 or fd00::/8.` }
    : text.trim(),
)

const countField = (name: string, most: number) =>
  parsed((text): number | { problem: string } =>
    /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= most
      ? Number(text)
      : { problem: `${text} cannot stand here; ${name} is a number from 1 to ${most}.` },
  )

const retrySchema = z
  .strictObject({
    first: durationField.optional().describe('The wait before the second try; 5s unless said.'),
    longest: durationField.optional().describe('Waits double up to this; 5m unless said.'),
    give_up_after: durationField.optional().describe('After this long a notification is FAILED; 2d unless said.'),
  })
  .transform(
    (retry): ServiceRetry => ({
      first: retry.first ?? SERVICE_RETRY.first,
      longest: retry.longest ?? ms(Math.max(SERVICE_RETRY.longest, retry.first ?? 0)),
      giveUpAfter: retry.give_up_after ?? SERVICE_RETRY.giveUpAfter,
    }),
  )
  .refine((retry) => retry.first <= retry.longest, { message: 'first cannot be more than longest.' })

export const httpSchema = z.strictObject({
  url: urlField.describe('Where it is: https://host or https://host/path. Nothing else is ever asked.'),
  bearer_file: textField.optional().describe('A file with the token for "Authorization: Bearer".'),
  basic: z
    .strictObject({
      username: parsed((text) => (text.includes(':') ? { problem: 'A user name has no colon.' } : text)).describe(
        'The user name.',
      ),
      password_file: textField.describe('A file with the password.'),
    })
    .optional()
    .describe('HTTP Basic.'),
  api_key: z
    .strictObject({
      header: headerNameField.describe('The header that holds the key: X-API-Key.'),
      file: textField.describe('A file with the key.'),
    })
    .optional()
    .describe('A key in a header of its own.'),
  oauth2: z
    .strictObject({
      token_url: tokenUrlField.describe('Where tokens are got, by client credentials.'),
      client_id_file: textField.describe('A file with the client id.'),
      client_secret_file: textField.describe('A file with the client secret.'),
      scope: headerValueField.optional().describe('The scope that is asked for.'),
      client_auth: z
        .enum(['body', 'header'])
        .optional()
        .describe('Where id and secret stand: body (unless said otherwise) or header (HTTP Basic).'),
    })
    .optional()
    .describe('OAuth 2 client credentials; a token is got once and used until shortly before it expires.'),
  timeout: durationField.optional().describe('From the request to the end of its answer; 5s unless said.'),
  retry: retrySchema.optional().describe('How a call that failed is tried again.'),
  tls: tlsSchema.optional().describe('Whom we trust, and our own certificate; secrets stand in files only.'),
  proxy: proxyField.optional().describe('An HTTP proxy on the way: http://host:port.'),
  headers: z.record(headerNameField, headerValueField).optional().describe('Headers of every request; no secrets.'),
  addresses: z
    .array(rangeField)
    .min(1)
    .optional()
    .describe('Only addresses in these ranges are connected to; all but link-local ones unless said.'),
  at_once: countField('at_once', 64).optional().describe('Requests at once, 1 to 64; 8 unless said.'),
  per_second: countField('per_second', 1_000).optional().describe('Requests begun in a second; no limit unless said.'),
})

type HttpOptions = z.output<typeof httpSchema>

export const CREDENTIALS = ['bearer_file', 'basic', 'api_key', 'oauth2'] as const

/** The options with what is usual where nothing is said. */
export function reachHttp(options: HttpOptions): HttpReach {
  const { tls } = options
  return {
    url: options.url,
    credentials: credentialsOf(options),
    tls: tls === undefined ? undefined : { caFile: tls.ca_file, certFile: tls.cert_file, keyFile: tls.key_file },
    proxy: options.proxy,
    headers: Object.entries(options.headers ?? {}).map(([name, value]) => ({ name, value })),
    timeout: options.timeout ?? TIMEOUT,
    addresses: options.addresses ?? [],
    atOnce: options.at_once ?? AT_ONCE,
    perSecond: options.per_second,
  }
}

function credentialsOf({ bearer_file, basic, api_key, oauth2 }: HttpOptions): HttpCredentials {
  if (bearer_file !== undefined) return { kind: 'bearer', tokenFile: bearer_file }
  if (basic !== undefined) return { kind: 'basic', username: basic.username, passwordFile: basic.password_file }
  if (api_key !== undefined) return { kind: 'key', header: api_key.header, file: api_key.file }
  if (oauth2 === undefined) return { kind: 'none' }
  return {
    kind: 'oauth2',
    tokenUrl: oauth2.token_url,
    clientIdFile: oauth2.client_id_file,
    clientSecretFile: oauth2.client_secret_file,
    scope: oauth2.scope,
    clientAuth: oauth2.client_auth ?? 'body',
  }
}
