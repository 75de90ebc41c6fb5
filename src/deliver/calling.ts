import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import type { NewId } from '../base/id.ts'
import { editDataSet } from '../dicom/edit.ts'
import { reencodeDataSet } from '../dicom/reencode.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import { type RequestorTimeouts, requestAssociation } from '../dimse/requestor.ts'
import type { OutgoingDeps } from './outgoing.ts'
import type { SendersDeps, TlsFiles } from './senders.ts'

export interface Calling {
  readonly clock: Clock
  readonly newId: NewId
  readonly timeouts: Partial<RequestorTimeouts>
}

/** How senders reach the network, the dictionary and the key files of this machine. */
export function callingOver({
  clock,
  newId,
  timeouts,
}: Calling): Pick<SendersDeps, 'request' | 'reencode' | 'readTls'> & Pick<OutgoingDeps, 'edit'> {
  return {
    request: (call) => requestAssociation({ ...call, clock, newId, timeouts }),
    reencode: (source, from, to) => reencodeDataSet(source, transferSyntaxOf(from), transferSyntaxOf(to)) ?? source,
    readTls,
    edit: (source, transferSyntaxUid, edits) => editDataSet(source, transferSyntaxOf(transferSyntaxUid), edits),
  }
}

async function readTls({ caFile, certFile, keyFile }: TlsFiles): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all(
    [caFile, certFile, keyFile].map((file) => (file === undefined ? undefined : readFile(file))),
  )
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}
