import type { Uid } from './uid.ts'

/**
 * Who wrote a file: (0002,0012), the same in every version, so that files of two versions do not differ (PS3.10 7.1).
 * The same UUID as on the wire.
 */
export const IMPLEMENTATION_CLASS_UID = '2.25.190357269267342864035778480497390517748' as Uid

/** Whose private information (0002,0102) is: (0002,0100). */
export const PRIVATE_INFORMATION_CREATOR_UID = '2.25.62602757518812824308805049670974121568' as Uid
