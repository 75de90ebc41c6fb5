/** Whether all these bytes are NUL, as padding is. */
export function isNul(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false
  return true
}

/** Unsigned reads that never throw: bytes beyond the end count as zero. */
export const read16 = (bytes: Uint8Array, at: number): number => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
export const read16Big = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
export const read32 = (bytes: Uint8Array, at: number): number =>
  (read16(bytes, at) | (read16(bytes, at + 2) << 16)) >>> 0
export const read32Big = (bytes: Uint8Array, at: number): number =>
  ((read16Big(bytes, at) << 16) | read16Big(bytes, at + 2)) >>> 0
