import type { AeTitle } from './ae-title.ts'
import type { SopClassUid, SopInstanceUid, TransferSyntaxUid } from './uid.ts'

/** What the File Meta Information of a Part 10 file says (PS3.10 7.1), as far as we read or write it. */
export interface FileMeta {
  readonly sopClassUid: SopClassUid
  readonly sopInstanceUid: SopInstanceUid
  readonly transferSyntaxUid: TransferSyntaxUid
  /** (0002,0016): who sent it to us. */
  readonly sourceAe?: AeTitle
  /** (0002,0102) under our creator in (0002,0100): what a spooled file must say for its ledger row to be rebuilt. */
  readonly privateInformation?: Uint8Array
}
