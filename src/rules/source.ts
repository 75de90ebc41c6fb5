import { z } from 'zod'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { HttpReach } from '../http/reach.ts'
import type { TlsFiles } from './destination.ts'
import { checkName } from './destinations.ts'
import { type Environment, putEnvironment } from './environment.ts'
import { type AeAddress, aeAddressField, aeTitleField, textField } from './field.ts'
import type { Place } from './place.ts'
import { CREDENTIALS, httpSchema, reachHttp, urlField } from './service-reach.ts'
import { tlsSchema } from './tls.ts'

/** An archive that we may query and fetch from, as the rules declare it. */
export interface Source {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly reach: SourceReach
}

/** How a source is reached. `not-configured` names the environment variables that are not set. */
export type SourceReach =
  | { readonly kind: 'dimse'; readonly dimse: DimseSource }
  | { readonly kind: 'dicomweb'; readonly dicomweb: DicomwebSource }
  | { readonly kind: 'not-configured'; readonly unset: readonly string[] }

export interface DimseSource {
  readonly ae: AeAddress
  /** Undefined: our own. */
  readonly callingAe: AeTitle | undefined
  /** `c_move` to our own AE title, which the archive must know. */
  readonly retrieve: 'c_get' | 'c_move'
  readonly tls: TlsFiles | undefined
}

/** Its services (PS3.18 10.4, 10.6, 9.4); what is undefined it does not offer. At least one is there. */
export interface DicomwebSource {
  readonly qido: HttpReach | undefined
  readonly wadoRs: HttpReach | undefined
  readonly wadoUri: HttpReach | undefined
}

const dimseSchema = z.strictObject({
  ae: aeAddressField.describe('Who is called and where: TITLE@host:port, IPv6 addresses in brackets.'),
  calling_ae: aeTitleField.optional().describe('Under which title we call; our own unless said.'),
  retrieve: z
    .enum(['c_get', 'c_move'])
    .optional()
    .describe('How instances are fetched: c_get (unless said otherwise), or c_move to our own AE.'),
  tls: tlsSchema.optional().describe('TLS to this source; secrets stand in files only.'),
})

const dicomwebSchema = httpSchema
  .omit({ url: true, retry: true, bearer_file: true, api_key: true })
  .extend({
    qido_url: urlField.optional().describe('Where it is searched (QIDO-RS): what stands before /studies.'),
    wado_rs_url: urlField.optional().describe('Where it is fetched from (WADO-RS): what stands before /studies.'),
    wado_uri_url: urlField.optional().describe('Where single instances are fetched from (WADO-URI).'),
    token_file: textField.optional().describe('A file with the token for "Authorization: Bearer".'),
  })
  .refine((given) => URLS.some((key) => given[key] !== undefined), {
    message: 'A DICOMweb source has at least one of qido_url, wado_rs_url, wado_uri_url.',
  })
const URLS = ['qido_url', 'wado_rs_url', 'wado_uri_url'] as const
const KINDS = ['dimse', 'dicomweb'] as const

/** A source as the JSON Schema describes it. */
export const sourceSchema = z.strictObject({
  dimse: dimseSchema.optional().describe('A DICOM node that is asked by C-FIND, and C-GET or C-MOVE.'),
  dicomweb: dicomwebSchema.optional().describe('A DICOMweb server.'),
})
const shell = z.strictObject({ dimse: z.unknown().optional(), dicomweb: z.unknown().optional() })

/** The source at a place, or undefined after reporting what is wrong with it. */
export function compileSource(name: string, place: Place, environment: Environment): Source | undefined {
  checkName(name, place, 'source')
  const filled = putEnvironment(place.value ?? '', environment)
  const ready = filled.unset.length === 0 ? place.withValue(filled.value) : place
  if (ready.read(shell) === undefined) return undefined
  const reach = compileReach(ready, filled.unset)
  return reach === undefined ? undefined : { name, file: place.file, line: place.position().line, reach }
}

function compileReach(place: Place, unset: readonly string[]): SourceReach | undefined {
  const [kind, another] = KINDS.filter((one) => place.has(one))
  if (kind === undefined) return place.reportKey(`A source says how it is reached: ${KINDS.join(' or ')}.`)
  if (another !== undefined) return place.at(another).reportKey('A source is of one kind; here are dimse and dicomweb.')
  // With variables that are not set, what stands in their places cannot be judged.
  if (unset.length > 0) return { kind: 'not-configured', unset }
  const inside = place.at(kind)
  return kind === 'dimse' ? reachDimse(inside) : reachDicomweb(inside)
}

function reachDimse(place: Place): SourceReach | undefined {
  const options = place.read(dimseSchema)
  if (options === undefined) return undefined
  const { ae, calling_ae, retrieve = 'c_get', tls } = options
  const files = tls === undefined ? undefined : { caFile: tls.ca_file, certFile: tls.cert_file, keyFile: tls.key_file }
  return { kind: 'dimse', dimse: { ae, callingAe: calling_ae, retrieve, tls: files } }
}

function reachDicomweb(place: Place): SourceReach | undefined {
  const [, another] = [...CREDENTIALS, 'token_file'].filter((key) => place.has(key))
  if (another !== undefined) place.at(another).reportKey('Credentials are of one kind: token_file, basic, oauth2.')
  const options = place.read(dicomwebSchema)
  if (options === undefined) return undefined
  const { qido_url, wado_rs_url, wado_uri_url, token_file, ...rest } = options
  const at = (url: string | undefined): HttpReach | undefined =>
    url === undefined ? undefined : reachHttp({ ...rest, url, bearer_file: token_file })
  return {
    kind: 'dicomweb',
    dicomweb: { qido: at(qido_url), wadoRs: at(wado_rs_url), wadoUri: at(wado_uri_url) },
  }
}
