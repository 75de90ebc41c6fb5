import type { Log } from '../base/log.ts'
import type { DimseServerEvents } from '../dimse/admission.ts'

/** Counts associations that were not made. */
export interface RefusalMeter {
  /** @param reason how it ended: `rejected`, `protocol-error`, `timeout` … */
  associationRefused(reason: string): void
}

/** What the server tells of associations goes to the log and the metrics. */
export function associationEvents(log: Log, meter: RefusalMeter): DimseServerEvents {
  return {
    associationOpened: ({ id, callingAe, calledAe, peer }) =>
      log.debug('association-opened', { association: id, callingAe, calledAe, peer }),
    associationClosed: ({ id, callingAe }, end) =>
      log.debug('association-closed', { association: id, callingAe, state: end }),
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
