import type { FailureCode } from '../base/failure.ts'
import { REASON, type StoreReport } from '../dicomweb/store-response.ts'
import type { StowOutcome, StowResult } from './stow-outcomes.ts'
import type { RelayResult } from './stow-relay.ts'

/** How a store is answered (PS3.18 10.5.3, table 10.5.3-1). */
export interface StowAnswer {
  readonly status: number
  /** Null: there is nothing to report, and the status says it all. */
  readonly report: StoreReport | null
  /** Why not everything was looked at, for the Warning header (PS3.18 10.5.3.1); holds nothing of the request. */
  readonly warning: string | undefined
}

/**
 * @param origin `http://host:port`, for the addresses under which the instances can be read
 * @param study what the request was addressed to
 */
export function answerOf(result: StowResult, origin: string, study: string | undefined): StowAnswer {
  const { outcomes, broken } = result
  const report = reportOf(outcomes, origin, study)
  const status = statusOf(result, report)
  const warning = broken === undefined ? undefined : (BROKEN[broken] ?? BROKEN_OTHERWISE)
  const empty = outcomes.length === 0 || (report.stored.length === 0 && broken !== undefined)
  return { status, report: empty ? null : report, warning }
}

/** The same for a relay: what the archive has not taken yet is no failure, and the answer says that it is still to come. */
export function relayAnswerOf(result: RelayResult, origin: string): StowAnswer {
  const answer = answerOf(result, origin, undefined)
  if (result.pending === 0) return answer
  const status = result.delivered > 0 ? 206 : 202
  return { ...answer, status, warning: answer.warning ?? PENDING }
}

const PENDING = 'The archive has not taken all of it yet. What it has not is stored here and stays queued.'

function statusOf({ outcomes, broken }: StowResult, report: StoreReport): number {
  if (report.stored.length > 0) {
    const plain =
      report.stored.length === outcomes.length && report.stored.every(({ warning }) => warning === undefined)
    return plain && broken === undefined ? 200 : 202
  }
  if (broken !== undefined) return BROKEN_STATUS[broken] ?? 500
  if (outcomes.length === 0) return 204
  const full = outcomes.every((outcome) => outcome.kind !== 'stored' && outcome.reason === REASON.outOfResources)
  return full ? 507 : 409
}

const BROKEN_STATUS: Readonly<Partial<Record<FailureCode, number>>> = {
  'invalid-argument': 400,
  'too-large': 413,
  timeout: 408,
  aborted: 400,
}

const BROKEN: Readonly<Partial<Record<FailureCode, string>>> = {
  'invalid-argument': 'The body could not be read to its end. What had come in whole before is stored.',
  'too-large': 'The body is larger than is taken. What had come in whole before is stored.',
  timeout: 'The body did not come in time. What had come in whole before is stored.',
}
const BROKEN_OTHERWISE = 'The body was not read to its end. What had come in whole before is stored.'

function reportOf(outcomes: readonly StowOutcome[], origin: string, study: string | undefined): StoreReport {
  const stored = outcomes.filter((outcome) => outcome.kind === 'stored')
  const studies = new Set(stored.map(({ taken }) => taken.studyInstanceUid))
  const [only] = studies.size === 1 ? studies : [null]
  const known = study ?? only ?? null
  return {
    studyUrl: known === null ? null : `${origin}/studies/${known}`,
    stored: stored.map(({ announced, taken }) => ({
      sopClassUid: announced.sopClassUid,
      sopInstanceUid: announced.sopInstanceUid,
      retrieveUrl: retrieveUrl(origin, taken, announced.sopInstanceUid),
      ...(taken.unreadable === null ? {} : { warning: REASON.storedDoubtful }),
    })),
    failed: outcomes
      .filter((outcome) => outcome.kind === 'failed')
      .map(({ announced: { sopClassUid, sopInstanceUid }, reason }) => ({ sopClassUid, sopInstanceUid, reason })),
    nameless: outcomes.filter((outcome) => outcome.kind === 'nameless').map(({ reason }) => reason),
  }
}

function retrieveUrl(
  origin: string,
  taken: { readonly studyInstanceUid: string | null; readonly seriesInstanceUid: string | null },
  sopInstanceUid: string,
): string | null {
  const { studyInstanceUid, seriesInstanceUid } = taken
  if (studyInstanceUid === null || seriesInstanceUid === null) return null
  return `${origin}/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`
}
