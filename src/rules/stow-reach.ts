import type { z } from 'zod'
import { ms } from '../base/clock.ts'
import type { HttpReach } from '../http/reach.ts'
import { textField } from './field.ts'
import { httpSchema, reachHttp } from './service-reach.ts'

const { bearer_file: _, retry: __, timeout, at_once, ...shape } = httpSchema.shape

/** How a DICOMweb server is reached, as the rules say it: what a service has, but for its defaults and its retry. */
export const stowReachShape = {
  ...shape,
  token_file: textField.optional().describe('A file with the token for "Authorization: Bearer".'),
  timeout: timeout.describe('From the end of a request to its answer; 60s unless said.'),
  at_once: at_once.describe('Requests at once, 1 to 64; 2 unless said.'),
}

type StowReachInput = z.output<z.ZodObject<typeof stowReachShape>>

const TIMEOUT = ms(60_000)
const AT_ONCE = 2
const CREDENTIALS = ['token_file', 'basic', 'api_key', 'oauth2'] as const

/** The sentence for more than one way of saying who we are. */
export function stowReachProblem(given: StowReachInput): string | undefined {
  const said = CREDENTIALS.filter((key) => given[key] !== undefined)
  return said.length > 1 ? `Of ${said.join(' and ')} only one can stand here.` : undefined
}

export const stowReachOf = ({ token_file, ...given }: StowReachInput): HttpReach =>
  reachHttp({
    ...given,
    bearer_file: token_file,
    timeout: given.timeout ?? TIMEOUT,
    at_once: given.at_once ?? AT_ONCE,
  })
