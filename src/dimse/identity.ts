import type { Uid } from '../dicom/uid.ts'

/** Implementation Class UID (PS3.7 D.3.3.2.1): a UUID of our own (PS3.5 B.2), the same for every version. */
export const IMPLEMENTATION_CLASS_UID = '2.25.190357269267342864035778480497390517748' as Uid

/** Implementation Version Name (PS3.7 D.3.3.2.3), at most 16 characters. Said to peers only, never written into a file. */
export const IMPLEMENTATION_VERSION_NAME = 'KURIR_DIMSE_1'
