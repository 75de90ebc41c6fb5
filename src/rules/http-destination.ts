import { z } from 'zod'
import { ms } from '../base/clock.ts'
import type { HttpReach } from '../http/reach.ts'
import { parsed, textField } from './field.ts'
import { httpSchema, reachHttp } from './service-reach.ts'
import { stowReachOf, stowReachProblem, stowReachShape } from './stow-reach.ts'

/** A system that is given each instance as a Part 10 file (PS3.10) by an HTTP request of its own. */
export interface HttpDestinationOptions {
  readonly reach: HttpReach
  readonly method: 'POST' | 'PUT'
}

/** SATUSEHAT of the Indonesian ministry of health: an ImagingStudy by FHIR, and the instances by STOW-RS. */
export interface SatusehatOptions {
  /** `url` is the platform's; the token is got from it by client credentials. */
  readonly reach: HttpReach
  /** The organization's id on the platform. */
  readonly organization: string
  /** IANA name, for times that do not say theirs; undefined: that of the settings. */
  readonly timezone: string | undefined
}

export const httpDestinationSchema = z
  .strictObject({
    ...stowReachShape,
    method: z.enum(['post', 'put']).optional().describe('post (unless said otherwise) or put.'),
  })
  .superRefine((given, context) => {
    const message = stowReachProblem(given)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })

export const reachHttpDestination = ({
  method,
  ...given
}: z.output<typeof httpDestinationSchema>): HttpDestinationOptions => ({
  reach: stowReachOf(given),
  method: method === 'put' ? 'PUT' : 'POST',
})

const timezoneField = parsed((text) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone
  } catch {
    return { problem: `${text} is not a time zone; write Asia/Jakarta.` }
  }
})

const organizationField = parsed((text) =>
  /^[A-Za-z0-9.-]{1,64}$/.test(text)
    ? text
    : { problem: 'The id of an organization is letters, digits, dots and hyphens, at most 64.' },
)

const { url: _, bearer_file: __, basic: ___, api_key: ____, oauth2: _____, retry: ______, ...shape } = httpSchema.shape

export const satusehatSchema = z.strictObject({
  ...shape,
  base_url: httpSchema.shape.url.describe('Where the platform is: https://host, without the paths of its services.'),
  organization: organizationField.describe('The id of the organization on the platform.'),
  client_id_file: textField.describe('A file with the client id.'),
  client_secret_file: textField.describe('A file with the client secret.'),
  timezone: timezoneField
    .optional()
    .describe('For times without a zone of their own; that of the settings unless said.'),
})

const TIMEOUT = ms(60_000)
const AT_ONCE = 2

/** The options with what is usual where nothing is said. */
export function reachSatusehat(options: z.output<typeof satusehatSchema>): SatusehatOptions {
  const { base_url, organization, client_id_file, client_secret_file, timezone, ...given } = options
  const oauth2 = {
    token_url: `${base_url.replace(/\/+$/, '')}/oauth2/v1/accesstoken?grant_type=client_credentials`,
    client_id_file,
    client_secret_file,
  }
  const reach = reachHttp({
    ...given,
    url: base_url,
    oauth2,
    timeout: given.timeout ?? TIMEOUT,
    at_once: given.at_once ?? AT_ONCE,
  })
  return { reach, organization, timezone }
}
