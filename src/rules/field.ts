import { z } from 'zod'
import { type Milliseconds, ms } from '../base/clock.ts'
import { parseDuration } from '../base/duration.ts'
import { type AeTitle, parseAeTitle } from '../dicom/ae-title.ts'
import { isKnownTransferSyntax, TRANSFER_SYNTAXES, transferSyntaxByKeyword } from '../dicom/transfer-syntax.ts'
import { isWritableUid, type TransferSyntaxUid } from '../dicom/uid.ts'
import { didYouMean } from './suggestion.ts'

interface Refusal {
  readonly problem: string
}

/** Text that becomes something else, or says in a sentence why it cannot. */
export function parsed<R>(parse: (text: string) => R): z.ZodType<Exclude<R, Refusal>, string> {
  return z.string().transform((text, context): Exclude<R, Refusal> => {
    const result = parse(text)
    if (isResult(result)) return result
    context.addIssue({ code: 'custom', message: isRefusal(result) ? result.problem : 'This cannot stand here.' })
    return z.NEVER
  })
}

const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && 'problem' in value && typeof value.problem === 'string'

const isResult = <R>(value: R): value is Exclude<R, Refusal> => !isRefusal(value)

export const durationField = parsed((text): Milliseconds | { problem: string } => {
  const duration = parseDuration(text)
  if (duration === undefined) return { problem: `${text} is not a duration; write 250ms, 10s, 15m, 4h or 7d.` }
  return duration <= 0 || duration > ms(366 * 86_400_000)
    ? { problem: `The duration ${text} must be more than nothing and at most 366d.` }
    : duration
})

export const yesField = parsed((text): boolean | { problem: string } =>
  text === 'true' || text === 'false'
    ? text === 'true'
    : { problem: `${text || 'Nothing'} cannot stand here; it must be true or false.` },
)

export const nameField = parsed((text): string | { problem: string } =>
  text.trim() === '' || text.length > 200 ? { problem: 'A name is 1 to 200 characters.' } : text,
)

export const textField = z.string().min(1)

export const aeTitleField = parsed(
  (text) => parseAeTitle(text) ?? { problem: `${text} is not an AE title: 1 to 16 printable ASCII characters.` },
)

/** A transfer syntax by keyword or UID. */
export const transferSyntaxField = parsed((text): TransferSyntaxUid | { problem: string } => {
  const known = transferSyntaxByKeyword(text)
  if (known !== undefined) return known.uid
  if (/^[0-9.]+$/.test(text)) {
    if (isKnownTransferSyntax(text) || isWritableUid(text)) return text as TransferSyntaxUid
    return { problem: `${text} is not a UID.` }
  }
  const keywords = TRANSFER_SYNTAXES.map((syntax) => syntax.keyword)
  return { problem: `${text} is not a transfer syntax.${didYouMean(text, keywords)}` }
})

/** How a peer is reached: `TITLE@host:port`, IPv6 addresses in brackets. */
export interface AeAddress {
  readonly aeTitle: AeTitle
  readonly host: string
  readonly port: number
}

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)$/

/** `PACS@archive.local:11112`, `PACS@[fd00::1]:104`. */
function parseAeAddress(text: string): AeAddress | { readonly problem: string } {
  const problem = `${text} does not say who is where; write TITLE@host:port.`
  const match = /^(.+)@(?:\[([0-9A-Fa-f:.]+)\]|([^@:[\]]+)):(\d{1,5})$/.exec(text)
  const host = match?.[2] ?? match?.[3]
  if (match?.[1] === undefined || host === undefined) return { problem }
  const aeTitle = parseAeTitle(match[1])
  if (aeTitle === undefined) return { problem: `${match[1]} is not an AE title: 1 to 16 printable ASCII characters.` }
  if (match[2] === undefined ? !HOST.test(host) : !host.includes(':')) return { problem }
  const port = Number(match[4])
  return port < 1 || port > 65_535 ? { problem: `${port} is not a port; 1 to 65535 are.` } : { aeTitle, host, port }
}

export const aeAddressField = parsed(parseAeAddress)
