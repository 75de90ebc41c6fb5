import type { Log } from '../base/log.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { AdmissionVerdict, AssociationProposal, DimseServerEvents } from '../dimse/admission.ts'
import { REJECT } from '../dimse/pdu.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type Caller, type CallerFacts, judgeCaller } from '../rules/caller.ts'
import type { Ruleset } from '../rules/ruleset.ts'

export interface CallersDeps {
  readonly ruleset: () => Ruleset
  readonly aeTitles: readonly AeTitle[]
  readonly acceptAnyCalledAe: boolean
  readonly ledger: Pick<Ledger, 'callerRefused'>
  readonly log: Log
}

/** Who may open an association, by the settings and the rules in force; who may not is remembered with the reason. */
export class Callers {
  readonly #deps: CallersDeps

  constructor(deps: CallersDeps) {
    this.#deps = deps
  }

  /** PS3.8 9.3.4: an AE title that is not ours, then a caller that no rule lets in. */
  judge(proposal: AssociationProposal): AdmissionVerdict {
    const { aeTitles, acceptAnyCalledAe, ruleset } = this.#deps
    if (!acceptAnyCalledAe && !aeTitles.includes(proposal.calledAe)) {
      this.#remember(proposal, 'called AE title is not ours')
      return { kind: 'reject', ...REJECT.calledAe }
    }
    const verdict = judgeCaller(ruleset().callers, proposal)
    if (!verdict.admitted) {
      this.#remember(proposal, `${verdict.reason}; to admit it, add under callers: ${verdict.remedy}`)
      return { kind: 'reject', ...REJECT.callingAe }
    }
    const prefer = verdict.caller?.accept
    return prefer === undefined ? { kind: 'accept' } : { kind: 'accept', prefer }
  }

  /** What the rules say of other bytes under a UID that is here already, for this caller. */
  onChanged(caller: CallerFacts): Caller['onChanged'] {
    const verdict = judgeCaller(this.#deps.ruleset().callers, caller)
    return verdict.admitted ? (verdict.caller?.onChanged ?? 'keep') : 'keep'
  }

  /** What the server tells of associations, for the log. */
  events(): DimseServerEvents {
    const { log } = this.#deps
    return {
      associationOpened: ({ id, callingAe, calledAe, peer }) =>
        log.debug('association-opened', { association: id, callingAe, calledAe, peer }),
      associationClosed: ({ id, callingAe }, end) =>
        log.debug('association-closed', { association: id, callingAe, state: end }),
      associationRefused: ({ peer, callingAe, calledAe, detail }) =>
        log.warn('association-refused', {
          peer,
          ...(callingAe === undefined ? {} : { callingAe }),
          ...(calledAe === undefined ? {} : { calledAe }),
          reason: detail,
        }),
    }
  }

  #remember({ callingAe, calledAe, peer }: AssociationProposal, reason: string): void {
    this.#deps.ledger.callerRefused(callingAe, calledAe, peer, reason).catch(() => {
      this.#deps.log.error('refused-caller-not-recorded', { callingAe, calledAe, peer })
    })
  }
}
