import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { KurirError } from '../base/failure.ts'
import type { NewId } from '../base/id.ts'
import type { DispatchersDeps } from '../deliver/dispatchers.ts'
import type { AeTitle } from '../dicom/ae-title.ts'
import { editDataSet } from '../dicom/edit.ts'
import { reencodeDataSet } from '../dicom/reencode.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import { type RequestorTimeouts, requestAssociation } from '../dimse/requestor.ts'
import { HttpPeer } from '../http/peer.ts'
import type { TlsFiles } from '../rules/destination.ts'

export interface DeliveryParts {
  readonly clock: Clock
  readonly newId: NewId
  readonly timeouts: Partial<RequestorTimeouts>
  readonly callingAe: AeTitle
}

/** What a delivery needs of the rooms below it, bound once. */
export function deliveryParts(
  parts: DeliveryParts,
): Pick<DispatchersDeps, 'request' | 'reencode' | 'readTls' | 'edit' | 'callingAe' | 'writer' | 'peer' | 'newId'> {
  const { clock, newId, timeouts, callingAe } = parts
  return {
    callingAe,
    newId,
    peer: (reach) => new HttpPeer(reach, clock),
    writer: newId(),
    request: (call) => requestAssociation({ ...call, clock, newId, timeouts }),
    reencode: (source, from, to) => {
      const reencoded = reencodeDataSet(source, transferSyntaxOf(from), transferSyntaxOf(to))
      // Only pairs that can be re-encoded are ever proposed.
      if (reencoded === undefined)
        throw new KurirError('internal', 'permanent', 'no re-encoding between these syntaxes')
      return reencoded
    },
    edit: (source, transferSyntaxUid, edits) => editDataSet(source, transferSyntaxOf(transferSyntaxUid), edits),
    readTls,
  }
}

/** @throws Node's error when a file cannot be read */
export async function readTls({ caFile, certFile, keyFile }: TlsFiles): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(readMaybe))
  return {
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

const readMaybe = (file: string | undefined): Promise<Buffer> | undefined =>
  file === undefined ? undefined : readFile(file)
