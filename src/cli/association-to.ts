import { readTls } from '../app/deliveries.ts'
import { systemClock } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import { idsFrom } from '../base/id.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import type { ProposedContext, RequestedAssociation } from '../dimse/association.ts'
import type { Rejection } from '../dimse/pdu.ts'
import { requestAssociation } from '../dimse/requestor.ts'
import type { DimseOptions } from '../rules/destination.ts'
import type { Settings } from '../settings/table.ts'
import { ourTitleFor } from './destination-named.ts'

/**
 * An association from the command line.
 *
 * @throws KurirError `association-rejected` with what was answered, or why nobody could be reached; both with whom was called
 */
export async function associateWith(
  dimse: DimseOptions,
  contexts: readonly ProposedContext[],
  settings: Settings,
  signal: AbortSignal,
): Promise<RequestedAssociation> {
  const [own] = settings.aeTitles
  const tls = dimse.tls === undefined ? undefined : await readTls(dimse.tls)
  const { aeTitle, host, port } = dimse.ae
  const callingAe = ourTitleFor(dimse, own ?? ('KURIR' as AeTitle))
  const outcome = await requestAssociation({
    host,
    port,
    calledAe: aeTitle,
    callingAe,
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
    case 'rejected':
      throw new KurirError(
        'association-rejected',
        'permanent',
        `${aeTitle} at ${host}:${port} rejected the association of ${callingAe}: ${sayRejection(outcome)}`,
      )
    case 'unreachable':
      throw new KurirError(
        outcome.code,
        'transient',
        `${aeTitle} at ${host}:${port} was not reached: ${outcome.reason}`,
      )
    default:
      return outcome satisfies never
  }
}

/** PS3.8 Table 9-21, by source and reason; those that say more than their number. */
const REJECTIONS: Readonly<Record<string, string>> = {
  '1 3': 'calling AE title not recognized',
  '1 7': 'called AE title not recognized',
  '2 2': 'protocol version not supported',
  '3 1': 'temporary congestion',
  '3 2': 'local limit exceeded',
}

function sayRejection({ result, source, reason }: Rejection): string {
  const numbers = `result ${result}, source ${source}, reason ${reason}`
  const words = REJECTIONS[`${source} ${reason}`]
  return words === undefined ? numbers : `${words} (${numbers})`
}
