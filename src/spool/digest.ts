import { createHash } from 'node:crypto'

/** SHA-256 while the bytes go by. An interface of its own, so that the work can move to another thread. */
export interface Digest {
  /** The bytes may be reused when this returns. */
  update(bytes: Uint8Array): void
  /** Lower-case hexadecimal. */
  end(): string
}

/** FIPS 180-4, of everything from now on. */
export function sha256(): Digest {
  const hash = createHash('sha256')
  return { update: (bytes) => void hash.update(bytes), end: () => hash.digest('hex') }
}
