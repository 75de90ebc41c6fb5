import type { Log } from '../base/log.ts'
import type { DimseServerEvents } from '../dimse/admission.ts'
import type { OpenAssociations } from '../plan/open-associations.ts'

/** Counts associations that were not made. */
export interface RefusalMeter {
  /** @param reason how it ended: `rejected`, `protocol-error`, `timeout` … */
  associationRefused(reason: string): void
}

/** What the server tells of associations goes to the log, the metrics, and to whoever waits for their studies. */
export function associationEvents(
  log: Log,
  meter: RefusalMeter,
  associations: Pick<OpenAssociations, 'opened' | 'closed'>,
): DimseServerEvents {
  return {
    associationOpened: ({ id, callingAe, calledAe, peer }) => {
      associations.opened(id)
      log.debug('association-opened', { association: id, callingAe, calledAe, peer })
    },
    associationClosed: ({ id, callingAe }, end) => {
      associations.closed(id)
      log.debug('association-closed', { association: id, callingAe, state: end })
    },
    associationRefused: ({ peer, callingAe, calledAe, end, detail }) => {
      meter.associationRefused(end)
      log.warn('association-refused', {
        peer,
        ...(callingAe === undefined ? {} : { callingAe }),
        ...(calledAe === undefined ? {} : { calledAe }),
        reason: detail,
      })
    },
  }
}
