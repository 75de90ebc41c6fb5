import { type FailureCode, KurirError } from '../base/failure.ts'
import type { ConnectOutcome, StoreOutcome } from '../dimse/association.ts'
import type { FailureScope, Verdict } from './verdict.ts'

/** Why a destination could not be reached, or would not take anything. */
export interface Unreachable {
  /** `destination`: nobody gets through. `association`: this conversation does not; another calling AE may. */
  readonly scope: Exclude<FailureScope, 'object'>
  readonly reason: string
}

/** A-ASSOCIATE-RJ from the service user: calling AE title not recognized (PS3.8 Table 9-21). */
const isCallingAeRefused = (outcome: { readonly source: number; readonly reason: number }): boolean =>
  outcome.source === 1 && outcome.reason === 3

/**
 * What it means that no association came about. All of it is the destination's, transient and permanent rejections alike:
 * what is called permanent here is somebody's configuration, and somebody will correct it.
 *
 * @param borrowedAe whether we called under the modality's own title, so that a refusal of that title is no word on others
 */
export function judgeConnect(
  outcome: Exclude<ConnectOutcome, { readonly kind: 'established' }>,
  borrowedAe: boolean,
): Unreachable {
  switch (outcome.kind) {
    case 'unreachable':
      return { scope: 'destination', reason: outcome.code }
    case 'rejected':
      if (!isCallingAeRefused(outcome)) return { scope: 'destination', reason: 'association-rejected' }
      return { scope: borrowedAe ? 'association' : 'destination', reason: 'calling-ae-refused' }
    default:
      return outcome satisfies never
  }
}

/** What it means that a C-STORE got no answer, or that its bytes could not be had. */
export function judgeLost(outcome: Exclude<StoreOutcome, { readonly kind: 'answered' }>): Verdict {
  if (outcome.kind === 'source-failed') return judgeSource(outcome.error)
  const retry = outcome.taken ? 'ambiguous' : 'transient'
  return { state: 'READY', scope: 'association', retry, reason: outcome.code, status: null }
}

/** No context was accepted in which the instance could be sent as it is: asking again would not change that. */
export const NO_TRANSFER_SYNTAX: Verdict = {
  state: 'HELD',
  scope: 'object',
  retry: 'permanent',
  reason: 'no-transfer-syntax',
  status: null,
}

/** Reasons of the edit that an earlier try sent other bytes under the same delivery. */
export const WOULD_DIFFER = 'would-differ'

/** What it means that our own bytes could not be read, edited or re-encoded. Nothing of that is the destination's. */
export function judgeSource(error: unknown): Verdict {
  const code: FailureCode = error instanceof KurirError ? error.code : 'internal'
  switch (code) {
    case 'blob-corrupt':
      return held('blob corrupt')
    case 'blob-missing':
      return held('blob missing')
    case 'conflict':
      return held(WOULD_DIFFER)
    case 'invalid-dataset':
    case 'unreadable':
      return held('not-editable')
    case 'disk-io':
    case 'disk-full':
      return { state: 'READY', scope: 'object', retry: 'transient', reason: code, status: null }
    default:
      return held('internal')
  }
}

const held = (reason: string): Verdict => ({
  state: 'HELD',
  scope: 'object',
  retry: 'permanent',
  reason,
  status: null,
})
