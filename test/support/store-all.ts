import { systemClock } from '../../src/base/clock.ts'
import { idsFrom } from '../../src/base/id.ts'
import type { AeTitle } from '../../src/dicom/ae-title.ts'
import { findFileMeta } from '../../src/dicom/file-meta.ts'
import type { SopClassUid, TransferSyntaxUid } from '../../src/dicom/uid.ts'
import { requestAssociation } from '../../src/dimse/requestor.ts'

/** CT Image Storage in Explicit VR Little Endian: what `ctInstance` makes. */
const CT = {
  abstractSyntax: '1.2.840.10008.5.1.4.1.1.2' as SopClassUid,
  transferSyntaxes: ['1.2.840.10008.1.2.1' as TransferSyntaxUid],
}

/**
 * Stores CT instances over one association until there are no more or the peer is gone, and tells each answer: what has
 * been answered is known to the instant, which no storescu can say of itself when its peer is killed.
 *
 * @returns how many were answered
 */
export async function storeAll(
  port: number,
  files: () => Iterable<Buffer> | AsyncIterable<Buffer>,
  answered: (file: Buffer, status: number) => void,
): Promise<number> {
  const outcome = await requestAssociation({
    host: '127.0.0.1',
    port,
    callingAe: 'TESTSCU' as AeTitle,
    calledAe: 'KURIR' as AeTitle,
    contexts: [CT],
    clock: systemClock,
    newId: idsFrom(systemClock),
  })
  if (outcome.kind !== 'established') return 0
  await using association = outcome.association
  const [context] = association.contexts
  if (context === undefined) return 0
  let count = 0
  for await (const file of files()) {
    const found = findFileMeta(file, true)
    if (found.outcome !== 'found' || found.meta.sopInstanceUid === undefined) throw new Error('not a CT of ours')
    const dataSet = file.subarray(found.dataSetOffset)
    const stored = await association.store({
      context,
      sopInstanceUid: found.meta.sopInstanceUid,
      dataSet: slices(dataSet),
    })
    if (stored.kind !== 'answered') return count
    answered(file, stored.status)
    count++
  }
  return count
}

async function* slices(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}
