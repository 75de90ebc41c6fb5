import type { Brand } from '../base/brand.ts'
import { KurirError } from '../base/failure.ts'

/** A blob's place under the spool: its bucket and its own name, both ours: `00001f/0199c3e2-…`. */
export type BlobKey = Brand<string, 'BlobKey'>

const BUCKET = /^[0-9a-f]{6}$/
const NAME = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The folder name of a bucket. */
export const bucketName = (bucket: number): string => bucket.toString(16).padStart(6, '0')

/** Undefined when the folder is none of ours. */
export const parseBucket = (name: string): number | undefined =>
  BUCKET.test(name) ? Number.parseInt(name, 16) : undefined

/** Undefined when either part is none of ours. */
export function blobKey(bucket: string, name: string): BlobKey | undefined {
  return BUCKET.test(bucket) && NAME.test(name) ? (`${bucket}/${name}` as BlobKey) : undefined
}

/**
 * A key as it stands in the ledger. Checked all the same: it becomes a path.
 *
 * @throws KurirError `invalid-argument`
 */
export function parseBlobKey(text: string): BlobKey {
  const [bucket = '', name = '', ...more] = text.split('/')
  const key = more.length === 0 ? blobKey(bucket, name) : undefined
  if (key === undefined) throw new KurirError('invalid-argument', 'permanent', 'not a blob key of this store')
  return key
}
