import { z } from 'zod'
import type { Milliseconds } from '../base/clock.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { TransferSyntaxUid } from '../dicom/uid.ts'
import { type Cidr, isWithin, parseCidr } from './cidr.ts'
import { type AeAddress, aeAddressField, aeTitleField, durationField, parsed, transferSyntaxField } from './field.ts'
import { didYouMean } from './suggestion.ts'

/** The roles that an address may have without a token: none that rules the appliance or reads patient data. */
export const TOKENLESS_ROLES = ['VIEWER', 'OPERATOR', 'INGEST', 'INTEGRATOR'] as const
export type TokenlessRole = (typeof TOKENLESS_ROLES)[number]

/** Who may open an association to us or call by HTTP without a token, as the rules declare it. */
export interface Caller {
  readonly name: string
  readonly file: string
  readonly line: number
  /** `*`: any title. Undefined: it opens no association. */
  readonly ae: AeTitle | '*' | undefined
  /** Empty: from anywhere. */
  readonly from: readonly Cidr[]
  /** Reads text that is not ASCII and declares no character set (PS3.3 C.12.1.1.2). */
  readonly defaultCharset: string | undefined
  /** What is done with other bytes under a SOP Instance UID that we have. */
  readonly onChanged: 'keep' | 'refuse'
  /** Which transfer syntaxes come first, in order of preference, of those that it offers; undefined: none. */
  readonly accept: readonly TransferSyntaxUid[] | undefined
  /** Its HTTP calls need no token for these. */
  readonly http: readonly TokenlessRole[]
  /** What is usual, for the alarms. */
  readonly expect: ExpectedTraffic | undefined
  /** Where its storage commitment reports go; undefined: the same association, else the peer at 104. */
  readonly reportTo: AeAddress | undefined
}

export interface ExpectedTraffic {
  readonly instancesPerDay: number | undefined
  /** Longer without an instance is worth an alarm. */
  readonly silentAfter: Milliseconds | undefined
}

export interface CallerFacts {
  readonly callingAe: string
  readonly calledAe: string
  /** IP address of the other end. */
  readonly peer: string
}

export type CallerVerdict =
  /** `caller` is null while no `callers:` are declared. */
  | { readonly admitted: true; readonly caller: Caller | null }
  /** `remedy` is the line under `callers:` that would admit it. */
  | { readonly admitted: false; readonly reason: string; readonly remedy: string }

const LOOPBACK = ['127.0.0.0/8', '::1/128'].flatMap((text) => parseCidr(text) ?? [])

/**
 * Whether this caller may come in: the first that fits admits it. While `callers` is undefined (no `callers:` section),
 * this machine alone may.
 */
export function judgeCaller(callers: readonly Caller[] | undefined, facts: CallerFacts): CallerVerdict {
  if (callers === undefined) {
    if (LOOPBACK.some((range) => isWithin(range, facts.peer))) return { admitted: true, caller: null }
    return refuse('no callers are declared, so only this machine may call', facts)
  }
  const named = callers.filter(({ ae }) => ae === '*' || ae === facts.callingAe)
  const found = named.find(
    (caller) => caller.from.length === 0 || caller.from.some((range) => isWithin(range, facts.peer)),
  )
  if (found !== undefined) return { admitted: true, caller: found }
  return refuse(named.length > 0 ? 'this AE title may not call from this address' : 'no caller of this AE title', facts)
}

function refuse(reason: string, facts: CallerFacts): CallerVerdict {
  const name =
    facts.callingAe
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '_')
      .replace(/^_+|_+$/g, '') || 'caller'
  const remedy = `${name}: { ae: ${JSON.stringify(facts.callingAe)}, from: "${facts.peer}/${facts.peer.includes(':') ? 128 : 32}" }`
  return { admitted: false, reason, remedy }
}

/** What an address may do by HTTP without a token, and under which name; undefined: nothing. The first that fits. */
export function httpCallerAt(
  callers: readonly Caller[] | undefined,
  peer: string,
): { readonly name: string; readonly roles: readonly TokenlessRole[] } | undefined {
  const found = callers?.find(({ http, from }) => http.length > 0 && from.some((range) => isWithin(range, peer)))
  return found === undefined ? undefined : { name: found.name, roles: found.http }
}

/**
 * What is done with other bytes under a UID that we have, handed in by HTTP from an address: what its entry with `http` says,
 * else the first with an AE title that calls from there. HTTP has no titles, so an entry without `from` says nothing of it.
 */
export function httpChangedAt(callers: readonly Caller[] | undefined, peer: string): 'keep' | 'refuse' {
  const there = callers?.filter(({ from }) => from.some((range) => isWithin(range, peer))) ?? []
  const found = there.find(({ http }) => http.length > 0) ?? there[0]
  return found?.onChanged ?? 'keep'
}

/** Specific Character Set's defined terms that stand alone (PS3.3 C.12.1.1.2). */
const CHARACTER_SETS = [
  'ISO_IR 6',
  'ISO_IR 13',
  'ISO_IR 100',
  'ISO_IR 101',
  'ISO_IR 109',
  'ISO_IR 110',
  'ISO_IR 126',
  'ISO_IR 127',
  'ISO_IR 138',
  'ISO_IR 144',
  'ISO_IR 148',
  'ISO_IR 166',
  'ISO_IR 192',
  'ISO_IR 203',
  'GB18030',
  'GBK',
] // prettier-ignore

const cidrField = parsed(
  (text) => parseCidr(text) ?? { problem: `${text} is not an address range; write 10.20.0.0/16 or fd00::/8.` },
)
const charsetField = parsed((text) =>
  CHARACTER_SETS.includes(text)
    ? text
    : {
        problem: `${text} is not a character set.${didYouMean(text, CHARACTER_SETS) || ` There are: ${CHARACTER_SETS.join(', ')}.`}`,
      },
)
const aeField = parsed((text): AeTitle | '*' | { problem: string } => {
  if (text === '*') return '*'
  const title = aeTitleField.safeParse(text)
  return title.success
    ? title.data
    : { problem: `${text} is neither an AE title (1 to 16 printable ASCII characters) nor "*".` }
})

const countField = parsed((text): number | { problem: string } =>
  /^[1-9]\d{0,8}$/.test(text) ? Number(text) : { problem: `${text} is not a number of instances.` },
)
const expectSchema = z.strictObject({
  instances_per_day: countField.optional().describe('How many instances it usually sends in a day.'),
  silent_after: durationField.optional().describe('After this long without an instance somebody is told.'),
})

const callerShape = z.strictObject({
  ae: aeField.optional().describe('The calling AE title, or "*" for any. Left out: it opens no association.'),
  from: z
    .union([cidrField, z.array(cidrField).min(1)])
    .optional()
    .describe('The address range it calls from; unsaid: anywhere.'),
  default_charset: charsetField.optional().describe('Reads text that is not ASCII and declares no character set.'),
  on_changed: z
    .enum(['keep', 'refuse'])
    .optional()
    .describe('Other bytes under a SOP Instance UID we have: keep both (unless said otherwise) or refuse with 0111H.'),
  accept: z
    .array(transferSyntaxField)
    .min(1)
    .optional()
    .describe('Of the transfer syntaxes that it offers these first, in this order, by keyword or UID; then any other.'),
  http: z
    .array(z.enum(TOKENLESS_ROLES))
    .min(1)
    .optional()
    .describe('What its HTTP calls may do without a token. Needs from.'),
  expect: expectSchema.optional().describe('What is usual, for the alarms.'),
  report_to: aeAddressField
    .optional()
    .describe(
      'Where storage commitment reports go: TITLE@host:port. Unsaid: the same association, else the peer at 104.',
    ),
})

export const callerSchema = callerShape
  .refine(({ ae, http }) => ae !== undefined || http !== undefined, {
    message: 'A caller has an ae, or roles under http.',
  })
  .refine(({ from, http }) => http === undefined || from !== undefined, {
    message: 'Whoever calls by HTTP without a token is known by an address: write from.',
  })
  .refine(({ ae, report_to }) => ae !== undefined || report_to === undefined, {
    message: 'report_to is for a caller with an ae.',
  })

/** @param line where it is declared, from 1 */
export function callerOf(options: z.output<typeof callerSchema>, name: string, file: string, line: number): Caller {
  const from = options.from === undefined ? [] : Array.isArray(options.from) ? options.from : [options.from]
  return {
    name,
    file,
    line,
    ae: options.ae,
    from,
    defaultCharset: options.default_charset,
    onChanged: options.on_changed ?? 'keep',
    accept: options.accept,
    http: options.http ?? [],
    expect:
      options.expect === undefined
        ? undefined
        : { instancesPerDay: options.expect.instances_per_day, silentAfter: options.expect.silent_after },
    reportTo: options.report_to,
  }
}
