import type { SopClassUid, SopInstanceUid, TransferSyntaxUid } from '../dicom/uid.ts'
import type { Reception } from '../ledger/records.ts'
import type { Corrections } from './corrections.ts'

/** What an object is said to be before it has been read: by a C-STORE-RQ, a file meta, a part's headers. */
export interface Announced {
  readonly sopClassUid: SopClassUid
  readonly sopInstanceUid: SopInstanceUid
  readonly transferSyntaxUid: TransferSyntaxUid
}

/** One object about to come in. */
export interface Arrival {
  readonly reception: Reception
  readonly announced: Announced
  /** Who brought it, where that is known by more than a title: the name of a token, or of an entry of the rules' callers. */
  readonly by?: string
  /** `refuse`: when other bytes are here already under its SOP Instance UID, it is not taken. */
  readonly onChanged?: 'keep' | 'refuse'
  /** The Study Instance UID it must have, where its way in was for one study only. */
  readonly onlyStudy?: string
  readonly corrections?: Corrections
}
