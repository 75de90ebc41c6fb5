import { encodePart10Head } from '../dicom/file-meta.ts'
import { reencodeDataSet } from '../dicom/reencode.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import { parseUid, type SopClassUid, type SopInstanceUid, type TransferSyntaxUid } from '../dicom/uid.ts'
import type { SpooledInstance } from '../ledger/spooled.ts'
import type { Spool } from '../spool/spool.ts'

/** What stands before the data set of an instance's file; undefined for UIDs that are none. */
export function headOf({ identity }: SpooledInstance, transferSyntaxUid: TransferSyntaxUid): Buffer | undefined {
  const sopClassUid = parseUid<SopClassUid>(identity.sopClassUid)
  const sopInstanceUid = parseUid<SopInstanceUid>(identity.sopInstanceUid)
  if (sopClassUid === undefined || sopInstanceUid === undefined) return undefined
  return encodePart10Head({ sopClassUid, sopInstanceUid, transferSyntaxUid })
}

/**
 * An instance as a Part 10 file in that transfer syntax (`syntaxFor` says which can be had). Slices are copies: whoever reads
 * may keep them.
 *
 * @throws KurirError `blob-missing`, `blob-corrupt`, `invalid-dataset`
 */
export async function* part10Slices(
  spool: Pick<Spool, 'read'>,
  instance: SpooledInstance,
  transferSyntaxUid: TransferSyntaxUid,
): AsyncGenerator<Buffer, void, void> {
  const head = headOf(instance, transferSyntaxUid)
  if (head === undefined) return
  yield head
  const stored = transferSyntaxOf(instance.identity.transferSyntaxUid)
  const source = spool.read(instance.blob)
  const dataSet = reencodeDataSet(source, stored, transferSyntaxOf(transferSyntaxUid)) ?? source
  for await (const slice of dataSet) yield Buffer.from(slice)
}
