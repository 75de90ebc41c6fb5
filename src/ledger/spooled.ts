import type { BlobRef } from './blob-ref.ts'
import type { InstanceId } from './ids.ts'
import type { InstanceIdentity } from './records.ts'

/** Where a list goes on: given out with each row, meaningless otherwise. */
export interface SpoolPlace {
  readonly at: number
  readonly seq: number
}

/** An instance whose original is in the spool and can be read. Holds patient data. */
export interface SpooledInstance {
  readonly id: InstanceId
  readonly identity: InstanceIdentity
  readonly blob: BlobRef
  /** The packed header as received. */
  readonly header: Uint8Array
  readonly place: SpoolPlace
}

/** A study, with one of its instances in the spool to speak for it. */
export interface SpooledStudy {
  readonly studyInstanceUid: string
  readonly modalities: readonly string[]
  /** Undefined when nothing of it is in the spool any more. */
  readonly sample: SpooledInstance | undefined
  readonly place: SpoolPlace
}

/** At most one of these; none: all. */
export interface SpooledStudySelection {
  readonly studyInstanceUid?: string
  readonly accessionNumber?: string
  readonly patientId?: string
}

/** At least one of these. */
export interface SpooledInstanceSelection {
  readonly studyInstanceUid?: string
  readonly seriesInstanceUid?: string
  readonly sopInstanceUid?: string
}

export interface SpooledCounts {
  readonly series: number
  readonly instances: number
}

/**
 * What the spool holds, as DICOMweb asks for it. Of several receptions of one SOP Instance UID in a study the latest that is
 * readable stands for all. Lists go by keyset; at most 100 rows at once, 50 studies.
 */
export interface SpooledViews {
  /** By when they last received something, newest first. */
  spooledStudies(selection: SpooledStudySelection, limit: number, after?: SpoolPlace): Promise<readonly SpooledStudy[]>
  /** In the order in which they came. @throws KurirError `invalid-argument` when nothing is selected by */
  spooledInstances(
    selection: SpooledInstanceSelection,
    limit: number,
    after?: SpoolPlace,
  ): Promise<readonly SpooledInstance[]>
  /** One instance of each series, at most 1,000 series. */
  spooledSeries(studyInstanceUid: string): Promise<readonly SpooledInstance[]>
  spooledCounts(
    selection: Pick<SpooledInstanceSelection, 'studyInstanceUid' | 'seriesInstanceUid'>,
  ): Promise<SpooledCounts>
}
