/** What the spool has written and how often it made the disk flush: the budget everything here is built around. */
export interface SpoolCounts {
  /** fdatasync of blobs, those of growing large ones included. */
  readonly fileFlushes: number
  /** fsync of directories. */
  readonly directoryFlushes: number
  readonly blobs: number
  /** Of data sets. */
  readonly bytes: number
  readonly writes: number
}

/** The same, counted as it happens. */
export interface SpoolCounters {
  fileFlushes: number
  directoryFlushes: number
  blobs: number
  bytes: number
  writes: number
}

export const zeroCounters = (): SpoolCounters => ({
  fileFlushes: 0,
  directoryFlushes: 0,
  blobs: 0,
  bytes: 0,
  writes: 0,
})
