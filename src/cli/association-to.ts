import { readTls } from '../app/deliveries.ts'
import { systemClock } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import { idsFrom } from '../base/id.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { ProposedContext, RequestedAssociation } from '../dimse/association.ts'
import { requestAssociation } from '../dimse/requestor.ts'
import type { DimseOptions } from '../rules/destination.ts'
import type { Settings } from '../settings/table.ts'
import { ourTitleFor } from './destination-named.ts'

/**
 * An association from the command line.
 *
 * @throws KurirError `association-rejected` with what was answered, or why nobody could be reached
 */
export async function associateWith(
  dimse: DimseOptions,
  contexts: readonly ProposedContext[],
  settings: Settings,
  signal: AbortSignal,
): Promise<RequestedAssociation> {
  const [own] = settings.aeTitles
  const tls = dimse.tls === undefined ? undefined : await readTls(dimse.tls)
  const outcome = await requestAssociation({
    host: dimse.ae.host,
    port: dimse.ae.port,
    calledAe: dimse.ae.aeTitle,
    callingAe: ourTitleFor(dimse, own ?? ('KURIR' as AeTitle)),
    contexts,
    clock: systemClock,
    newId: idsFrom(systemClock),
    timeouts: {
      connect: settings.connectTimeout,
      acse: settings.acseTimeout,
      dimse: settings.dimseTimeout,
      network: settings.networkTimeout,
    },
    signal,
    ...(tls === undefined ? {} : { tls }),
  })
  switch (outcome.kind) {
    case 'established':
      return outcome.association
    case 'rejected': {
      const answered = `result ${outcome.result}, source ${outcome.source}, reason ${outcome.reason}`
      throw new KurirError('association-rejected', 'permanent', `the association was rejected: ${answered}`)
    }
    case 'unreachable':
      throw new KurirError(outcome.code, 'transient', `nobody was reached: ${outcome.reason}`)
    default:
      return outcome satisfies never
  }
}
