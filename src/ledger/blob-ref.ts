/** Where the bytes of one instance are, by a name that is the blob store's own. */
export interface BlobRef {
  /** Which kind of store: `disk`. */
  readonly store: string
  /** Which node's. */
  readonly node: string
  readonly key: string
  /** Bytes of the data set. */
  readonly length: number
  /** SHA-256 of the data set as received, lower-case hexadecimal. */
  readonly sha256: string
}
