import { canReencode } from '../dicom/reencode.ts'
import { EXPLICIT_VR_LITTLE_ENDIAN, transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import type { TransferSyntaxUid } from '../dicom/uid.ts'
import { parseMediaType } from '../dicomweb/media-type.ts'

/** In what form instances are asked for. */
export type RetrieveForm = 'multipart' | 'single' | 'zip'

/** What an Accept header of a retrieval says (PS3.18 8.7.5): the form, and the transfer syntaxes that will do, best first. */
export interface Acceptable {
  readonly form: RetrieveForm
  /** `*`: as stored. */
  readonly syntaxes: readonly string[]
}

const DEFAULT_SYNTAX: string = EXPLICIT_VR_LITTLE_ENDIAN.uid
const MOST_RANGES = 64

/** Undefined when nothing that is asked for can be given. @param accept the header, or the query parameter that stands for it */
export function acceptableOf(accept: string | undefined): Acceptable | undefined {
  let form: RetrieveForm | undefined
  const syntaxes: string[] = []
  for (const range of splitRanges(accept ?? '*/*').slice(0, MOST_RANGES)) {
    const parsed = parseMediaType(range)
    const asked = parsed === undefined ? undefined : formOf(parsed.type, parsed.parameters.get('type'))
    if (asked === undefined || Number(parsed?.parameters.get('q') ?? '1') === 0) continue
    form ??= asked
    if (form === asked) syntaxes.push(parsed?.parameters.get('transfer-syntax') ?? DEFAULT_SYNTAX)
  }
  return form === undefined ? undefined : { form, syntaxes: form === 'zip' ? ['*'] : syntaxes }
}

/** At commas that stand in no quotes. */
const splitRanges = (accept: string): readonly string[] => accept.slice(0, 8_192).match(/(?:"[^"]*"|[^",])+/g) ?? []

function formOf(type: string, inner: string | undefined): RetrieveForm | undefined {
  switch (type) {
    case '*/*':
    case 'multipart/*':
      return 'multipart'
    case 'multipart/related':
      return inner === undefined || inner === 'application/dicom' || inner === '*/*' ? 'multipart' : undefined
    case 'application/dicom':
      return 'single'
    case 'application/zip':
      return 'zip'
    default:
      return undefined
  }
}

/**
 * In which of the acceptable transfer syntaxes an instance is given: its own where that will do, else one that changes no
 * pixel (PS3.18 8.7.3.4). Undefined: in none.
 */
export function syntaxFor(stored: string, acceptable: readonly string[]): TransferSyntaxUid | undefined {
  const own = transferSyntaxOf(stored)
  if (acceptable.includes('*') || acceptable.includes(stored)) return own.uid
  return acceptable.map(transferSyntaxOf).find((wanted) => canReencode(own, wanted))?.uid
}
