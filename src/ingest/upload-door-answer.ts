import type { FailureCode } from '../base/failure.ts'
import type { UploadOutcome, UploadRefusal } from './upload-door-intake.ts'
import type { Broken } from './upload-door-upload.ts'

/** What an upload came to, as its caller is told. */
export interface UploadAnswer {
  readonly status: 200 | 207 | 400 | 408 | 409 | 413 | 507 | 503
  readonly body: UploadBody
}

interface UploadBody {
  readonly status: 'success' | 'partial' | 'error'
  readonly message?: string
  /** Of the first instance that was taken. */
  readonly study?: string
  readonly studies: readonly string[]
  /** One for each instance that was taken. */
  readonly transfers: readonly {
    readonly study: string | null
    readonly instance: string
    readonly status: 'accepted'
  }[]
  readonly refused: readonly { readonly file: string; readonly reason: UploadRefusal }[]
  /** How many more were refused than are listed. */
  readonly refused_unlisted?: number
}

/** Nobody reads further. */
const MOST_LISTED = 1_000

/** Files that are in every archive and on every stick, and that nobody meant to send. */
const NO_MATTER: ReadonlySet<UploadRefusal> = new Set<UploadRefusal>(['not-dicom', 'empty'])

/** @param broken why the body was not read to its end; what had come in whole before is kept */
export function uploadAnswer(outcomes: readonly UploadOutcome[], broken: Broken | undefined): UploadAnswer {
  const taken = outcomes.filter((outcome) => outcome.kind === 'taken')
  const refused = outcomes.flatMap((outcome) =>
    outcome.kind === 'refused' ? [{ file: outcome.place, reason: outcome.reason }] : [],
  )
  const studies = [...new Set(taken.flatMap(({ taken: { studyInstanceUid } }) => studyInstanceUid ?? []))]
  const [study] = studies
  const unlisted = refused.length - MOST_LISTED
  const body = {
    ...(study === undefined ? {} : { study }),
    studies,
    transfers: taken.map(({ taken: { studyInstanceUid }, announced: { sopInstanceUid } }) => ({
      study: studyInstanceUid,
      instance: sopInstanceUid,
      status: 'accepted' as const,
    })),
    refused: refused.slice(0, MOST_LISTED),
    ...(unlisted > 0 ? { refused_unlisted: unlisted } : {}),
  }
  const isMissing = refused.some(({ file, reason }) => !(file.includes('entry') && NO_MATTER.has(reason)))
  if (taken.length > 0) {
    const whole = broken === undefined && !isMissing
    return whole
      ? { status: 200, body: { status: 'success', ...body } }
      : { status: 207, body: { status: 'partial', message: partial(broken), ...body } }
  }
  const status = statusOf(codeOf(broken) ?? refused.find(({ reason }) => !NO_MATTER.has(reason))?.reason)
  return { status, body: { status: 'error', message: MESSAGES[status], ...body } }
}

function partial(broken: Broken | undefined): string {
  switch (broken?.kind) {
    case undefined:
      return 'Some files were not taken; "refused" says which and why.'
    case 'failure':
      return 'The upload broke off. What is listed was taken; send the rest again.'
    case 'wrong':
      return `${broken.sentence} What is listed was taken without it, and the rest was not.`
    case 'late':
      return 'In a form this large patientid and acc stand in front of the files. What is listed was taken without them.'
    default:
      return broken satisfies never
  }
}

const codeOf = (broken: Broken | undefined): FailureCode | undefined =>
  broken === undefined || broken.kind === 'failure' ? broken?.code : 'invalid-argument'

function statusOf(reason: UploadRefusal | undefined): Exclude<UploadAnswer['status'], 200 | 207> {
  switch (reason) {
    case 'too-large':
      return 413
    case 'timeout':
      return 408
    case 'changed':
      return 409
    case 'disk-full':
    case 'disk-io':
      return 507
    case 'out-of-resources':
    case 'ledger-closed':
    case 'internal':
      return 503
    default:
      return 400
  }
}

const MESSAGES: Readonly<Record<Exclude<UploadAnswer['status'], 200 | 207>, string>> = {
  400: 'There is no DICOM file in it that can be taken.',
  408: 'The upload took too long to arrive.',
  409: 'Other bytes are here under the same SOP Instance UID.',
  413: 'It is larger than is taken here.',
  503: 'It cannot be taken now. Try again later.',
  507: 'There is no room to store it. Try again later.',
}
