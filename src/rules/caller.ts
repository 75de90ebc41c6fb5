import { z } from 'zod'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { TransferSyntaxUid } from '../dicom/uid.ts'
import { type Cidr, isWithin, parseCidr } from './cidr.ts'
import { aeTitleField, parsed, transferSyntaxField } from './field.ts'
import { didYouMean } from './suggestion.ts'

/** Who may open an association to us, as the rules declare it. */
export interface Caller {
  readonly name: string
  readonly file: string
  readonly line: number
  /** `*`: any title. */
  readonly ae: AeTitle | '*'
  /** Empty: from anywhere. */
  readonly from: readonly Cidr[]
  /** Reads text that is not ASCII and declares no character set (PS3.3 C.12.1.1.2). */
  readonly defaultCharset: string | undefined
  /** What is done with other bytes under a SOP Instance UID that we have. */
  readonly onChanged: 'keep' | 'refuse'
  /** Which transfer syntaxes, in order of preference; undefined: whatever is offered. */
  readonly accept: readonly TransferSyntaxUid[] | undefined
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
  const named = callers.filter((caller) => caller.ae === '*' || caller.ae === facts.callingAe)
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

export const callerSchema = z.strictObject({
  ae: aeField.describe('The calling AE title, or "*" for any.'),
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
    .describe('Only these transfer syntaxes, in order of preference, by keyword or UID.'),
})

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
  }
}
