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

/**
 * The forms that will do, the one that is wanted most first (RFC 9110 12.5.1): which of them there is, the instances say.
 *
 * @param accept the header, or the query parameter that stands for it
 */
export function acceptablesOf(accept: string | undefined): readonly Acceptable[] {
  const forms = new Map<RetrieveForm, string[]>()
  const wanted = splitRanges(accept ?? '*/*')
    .slice(0, MOST_RANGES)
    .flatMap(wantedIn)
  for (const { form, syntax } of wanted.toSorted((a, b) => b.quality - a.quality)) {
    forms.set(form, [...(forms.get(form) ?? []), syntax])
  }
  return [...forms].map(([form, syntaxes]) => ({ form, syntaxes: form === 'zip' ? ['*'] : syntaxes }))
}

interface Wanted {
  readonly form: RetrieveForm
  readonly syntax: string
  readonly quality: number
}

/** What one media range asks for; none that cannot be given, or is not to be. */
function wantedIn(range: string): readonly Wanted[] {
  const { type, parameters } = parseMediaType(range) ?? {}
  const form = type === undefined ? undefined : formOf(type, parameters?.get('type')?.toLowerCase())
  const stated = Number(parameters?.get('q') ?? '1')
  const quality = Number.isNaN(stated) ? 1 : stated
  const syntax = parameters?.get('transfer-syntax') ?? DEFAULT_SYNTAX
  return form === undefined || quality <= 0 ? [] : [{ form, syntax, quality }]
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
