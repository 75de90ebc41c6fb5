import { KurirError } from '../base/failure.ts'
import type { Log } from '../base/log.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { AdmissionVerdict, AssociationProposal } from '../dimse/admission.ts'
import { REJECT, type Rejection } from '../dimse/pdu.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { CallerFacts, CallerVerdict } from '../rules/caller.ts'

/** Refusals that wait to be written down; beyond these, a flood is refused all the same but not remembered. */
const MAX_WAITING = 32

export interface CallerGateDeps {
  /** What the rules in force say of a caller. */
  readonly judge: (facts: CallerFacts) => CallerVerdict
  /** The titles we answer to; undefined: any. */
  readonly calledTitles: readonly AeTitle[] | undefined
  readonly ledger: Pick<Ledger, 'callerRefused'>
  readonly log: Log
}

/** Decides who may open an association, and remembers whom it refused, so that somebody can be told how to admit them. */
export class CallerGate {
  readonly #deps: CallerGateDeps
  #waiting = 0

  constructor(deps: CallerGateDeps) {
    this.#deps = deps
  }

  /** PS3.8 9.3.4: a rejection is permanent, by the service user, and says which title was not known. */
  admit(proposal: AssociationProposal): AdmissionVerdict {
    const { callingAe, calledAe, peer } = proposal
    const { calledTitles, judge } = this.#deps
    if (calledTitles !== undefined && !calledTitles.includes(calledAe)) {
      return this.#refuse(proposal, 'the called AE title is not ours', REJECT.calledAe)
    }
    const verdict = judge({ callingAe, calledAe, peer })
    if (!verdict.admitted) {
      const { reason, remedy } = verdict
      return this.#refuse(proposal, `${reason}; to admit it, add under callers: ${remedy}`, REJECT.callingAe)
    }
    const prefer = verdict.caller?.accept
    return { kind: 'accept', ...(prefer === undefined ? {} : { prefer }) }
  }

  /** What is done with other bytes under a SOP Instance UID that is here already. */
  onChanged(caller: CallerFacts): 'keep' | 'refuse' {
    const verdict = this.#deps.judge(caller)
    return verdict.admitted ? (verdict.caller?.onChanged ?? 'keep') : 'keep'
  }

  #refuse(proposal: AssociationProposal, reason: string, rejection: Rejection): AdmissionVerdict {
    const { callingAe, calledAe, peer } = proposal
    this.#deps.log.warn('caller-refused', { callingAe, calledAe, peer, reason })
    if (this.#waiting < MAX_WAITING) void this.#remember(proposal, reason)
    return { kind: 'reject', ...rejection }
  }

  async #remember({ callingAe, calledAe, peer }: AssociationProposal, reason: string): Promise<void> {
    this.#waiting += 1
    try {
      await this.#deps.ledger.callerRefused(callingAe, calledAe, peer, reason)
    } catch (error) {
      const code = error instanceof KurirError ? error.code : 'internal'
      this.#deps.log.warn('caller-refusal-not-recorded', { code })
    } finally {
      this.#waiting -= 1
    }
  }
}
