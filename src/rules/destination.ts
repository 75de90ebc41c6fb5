import { z } from 'zod'
import { type Milliseconds, ms } from '../base/clock.ts'
import type { TransferSyntaxUid } from '../dicom/uid.ts'
import type { HttpReach } from '../http/reach.ts'
import {
  type AeAddress,
  aeAddressField,
  aeTitleField,
  durationField,
  parsed,
  textField,
  transferSyntaxField,
} from './field.ts'
import {
  type HttpDestinationOptions,
  httpDestinationSchema,
  type SatusehatOptions,
  satusehatSchema,
} from './http-destination.ts'
import { checkLayout } from './layout.ts'
import { stowReachOf, stowReachProblem, stowReachShape } from './stow-reach.ts'
import { tlsSchema } from './tls.ts'

/** Files only: what they hold is never in the rules. */
export interface TlsFiles {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

/**
 * `default`: as received; for native pixels also Explicit and Implicit VR Little Endian. `as_received`: nothing else.
 * Or these, in this order of preference.
 */
export type TransferSyntaxChoice = 'default' | 'as_received' | readonly TransferSyntaxUid[]

export interface DimseOptions {
  readonly ae: AeAddress
  /** `{calling_ae}`: the title under which the instance came to us. Undefined: our own. */
  readonly callingAe: string | undefined
  /** At most this many at once. */
  readonly associations: number
  readonly transferSyntax: TransferSyntaxChoice
  readonly tls: TlsFiles | undefined
}

export interface FolderOptions {
  /** As written; relative to the working directory of the process. */
  readonly path: string
  /** `/` between folders; `{Keyword}` is filled from what leaves. */
  readonly layout: string
}

/** A DICOMweb server that is sent to by STOW-RS (PS3.18 10.5); `reach.url` is what stands before `/studies`. */
export interface StowOptions {
  readonly reach: HttpReach
  /** At most this many instances in one request. */
  readonly batch: number
}

/** How long a delivery is tried again: failures of the object or the association count, an outage does not. */
export interface RetryOptions {
  readonly first: Milliseconds
  readonly longest: Milliseconds
  readonly giveUpAfter: Milliseconds
}

/** How a destination is reached. `not-configured` names the environment variables that are not set. */
export type Reach =
  | { readonly kind: 'dimse'; readonly dimse: DimseOptions }
  | { readonly kind: 'folder'; readonly folder: FolderOptions }
  | { readonly kind: 'stow'; readonly stow: StowOptions }
  | { readonly kind: 'satusehat'; readonly satusehat: SatusehatOptions }
  | { readonly kind: 'http'; readonly http: HttpDestinationOptions }
  | { readonly kind: 'not-configured'; readonly unset: readonly string[] }

/** A place to which instances may be forwarded, as the rules declare it. */
export interface Destination {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly reach: Reach
  readonly retry: RetryOptions
  /** What reopens a circuit that broke; only for `dimse`. */
  readonly verify: 'c_echo' | undefined
  /** Whether DELIVERED waits for the storage commitment report (PS3.4 J); only for `dimse`. */
  readonly commit?: 'required' | undefined
  /** Who takes what this one cannot take while it is down. */
  readonly failover?: string | undefined
  /** What it asks for that this version cannot do: its deliveries are held with this reason. Undefined: nothing. */
  readonly lacks?: string | undefined
}

const callingAeField = parsed((text) => {
  if (text === '{calling_ae}') return text
  const title = aeTitleField.safeParse(text)
  return title.success && !/[{}]/.test(text)
    ? title.data
    : { problem: `${text} is neither an AE title nor {calling_ae}.` }
})

const associationsField = parsed((text): number | { problem: string } =>
  /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 64
    ? Number(text)
    : { problem: `${text} cannot stand here; associations is a number from 1 to 64.` },
)

export const dimseSchema = z.strictObject({
  ae: aeAddressField.describe('Who is called and where: TITLE@host:port, IPv6 addresses in brackets.'),
  calling_ae: callingAeField
    .optional()
    .describe('Our own title, or "{calling_ae}" for the title of whoever sent the instance to us.'),
  associations: associationsField.optional().describe('At most this many at once, 1 to 64; 2 unless said.'),
  transfer_syntax: z
    .union([z.enum(['default', 'as_received']), transferSyntaxField, z.array(transferSyntaxField).min(1)])
    .optional()
    .describe('default, as_received, or a list of transfer syntaxes by keyword or UID.'),
  tls: tlsSchema.optional().describe('TLS to this destination; secrets stand in files only.'),
})

const pathField = parsed((text) =>
  text.trim() === '' || text.includes('{') ? { problem: 'path is the name of a folder, without {…}.' } : text,
)

export const folderSchema = z.strictObject({
  path: pathField.describe('The folder; a relative one begins at the working directory.'),
  layout: parsed(checkLayout).optional().describe('The file below it: text with {Keyword}, "/" between folders.'),
})

const batchField = parsed((text): number | { problem: string } =>
  /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000
    ? Number(text)
    : { problem: `${text} cannot stand here; batch is a number from 1 to 1000.` },
)

export const stowSchema = z
  .strictObject({
    ...stowReachShape,
    batch: batchField.optional().describe('Instances in one request at most, 1 to 1000; 50 unless said.'),
  })
  .superRefine((given, context) => {
    const message = stowReachProblem(given)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })

const retrySchema = z
  .strictObject({
    first: durationField.optional().describe('The wait before the second try; 10s unless said.'),
    longest: durationField.optional().describe('Waits double up to this; 15m unless said.'),
    give_up_after: durationField.optional().describe('After this long the delivery is FAILED; 7d unless said.'),
  })
  .transform(
    (retry): RetryOptions => ({
      first: retry.first ?? DEFAULT_RETRY.first,
      longest: retry.longest ?? ms(Math.max(DEFAULT_RETRY.longest, retry.first ?? 0)),
      giveUpAfter: retry.give_up_after ?? DEFAULT_RETRY.giveUpAfter,
    }),
  )
  .refine((retry) => retry.first <= retry.longest, { message: 'first cannot be more than longest.' })

export const DEFAULT_RETRY: RetryOptions = { first: ms(10_000), longest: ms(900_000), giveUpAfter: ms(604_800_000) }
const DEFAULT_LAYOUT = '{StudyInstanceUID}/{SOPInstanceUID}.dcm'
const DEFAULT_ASSOCIATIONS = 2
const DEFAULT_BATCH = 50

/** The keys that every kind of destination has, and each kind under its own. `urgent` is a match and read apart. */
export const destinationShape = {
  dimse: dimseSchema.optional().describe('A DICOM node that is sent to by C-STORE.'),
  folder: folderSchema.optional().describe('A folder of DICOM files.'),
  stow: stowSchema.optional().describe('A DICOMweb server that is sent to by STOW-RS.'),
  retry: retrySchema.optional().describe('How a failed delivery is tried again.'),
  satusehat: satusehatSchema.optional().describe('SATUSEHAT: an ImagingStudy, and the instances behind it.'),
  http: httpDestinationSchema.optional().describe('A system that is given each instance by an HTTP request.'),
  commit: z.enum(['required']).optional().describe('required: delivered once the archive has committed to keep it.'),
  failover: textField.optional().describe('The destination that stands in while this one is down.'),
  verify: z.enum(['c_echo']).optional().describe('What reopens a destination that was down: c_echo.'),
}

export const KINDS = ['dimse', 'folder', 'stow', 'satusehat', 'http'] as const
type Kind = (typeof KINDS)[number]

const WITHOUT_SENDER: ReadonlySet<Kind> = new Set(['satusehat', 'http'])

/** What a destination of that kind asks for that this version cannot do; undefined when it can do all of it. */
export function lackOf(kind: Kind, commit: 'required' | undefined): string | undefined {
  if (WITHOUT_SENDER.has(kind)) return `this version cannot send to ${kind} yet`
  return commit === undefined ? undefined : 'this version cannot ask for storage commitment yet'
}

/** The options with what is usual where nothing is said. */
export function reachDimse(options: z.output<typeof dimseSchema>): Reach {
  const tls = options.tls
  const dimse: DimseOptions = {
    ae: options.ae,
    callingAe: options.calling_ae,
    associations: options.associations ?? DEFAULT_ASSOCIATIONS,
    transferSyntax: choiceOf(options.transfer_syntax ?? 'default'),
    tls: tls === undefined ? undefined : { caFile: tls.ca_file, certFile: tls.cert_file, keyFile: tls.key_file },
  }
  return { kind: 'dimse', dimse }
}

// One syntax may be written without the brackets of a list.
const choiceOf = (
  choice: 'default' | 'as_received' | TransferSyntaxUid | readonly TransferSyntaxUid[],
): TransferSyntaxChoice => (typeof choice === 'string' && isWord(choice) ? choice : [choice].flat())

const isWord = (choice: string): choice is 'default' | 'as_received' => choice === 'default' || choice === 'as_received'

export const reachFolder = (options: z.output<typeof folderSchema>): Reach => ({
  kind: 'folder',
  folder: { path: options.path, layout: options.layout ?? DEFAULT_LAYOUT },
})

export const reachStow = (options: z.output<typeof stowSchema>): Reach => ({
  kind: 'stow',
  stow: { reach: stowReachOf(options), batch: options.batch ?? DEFAULT_BATCH },
})
