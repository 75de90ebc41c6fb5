import { createInflate, createInflateRaw, type Inflate, type InflateRaw } from 'node:zlib'

/** Why a deflated data set cannot be inflated to its end. */
export type InflateProblem = 'bad-deflate' | 'truncated'

/**
 * An inflater for a deflated data set, which is raw DEFLATE (PS3.5 A.5); a zlib wrapper around it, which some writers
 * add, is recognised by its first two bytes (RFC 1950 2.2).
 */
export function inflaterFor(first: Uint8Array): Inflate | InflateRaw {
  const [a = 0, b = 0] = first
  const wrapped = (a & 0x0f) === 8 && a >>> 4 <= 7 && ((a << 8) | b) % 31 === 0
  return wrapped ? createInflate() : createInflateRaw()
}

/**
 * Inflates slices, giving out pieces of at most 16 KB until `take` says no more. Never holds more than a piece.
 *
 * @returns undefined once it ended or nobody wanted more, else what was wrong; never rejects
 */
export async function inflateSlices(
  slices: readonly Uint8Array[],
  take: (slice: Uint8Array) => boolean,
): Promise<InflateProblem | undefined> {
  const inflater = inflaterFor(firstBytes(slices))
  const fed = feed(inflater, slices)
  try {
    for await (const piece of inflater) {
      if (piece instanceof Uint8Array && !take(piece)) return undefined
    }
    return undefined
  } catch (error) {
    return isUnexpectedEnd(error) ? 'truncated' : 'bad-deflate'
  } finally {
    inflater.destroy()
    await fed
  }
}

async function feed(inflater: Inflate | InflateRaw, slices: readonly Uint8Array[]): Promise<void> {
  for (const slice of slices) {
    if (inflater.destroyed) return
    await new Promise<void>((resolve) => {
      inflater.once('close', resolve)
      inflater.write(slice, () => {
        inflater.off('close', resolve)
        resolve()
      })
    })
  }
  if (!inflater.destroyed) inflater.end()
}

function firstBytes(slices: readonly Uint8Array[]): Uint8Array {
  const bytes: number[] = []
  for (const slice of slices) {
    bytes.push(...slice.subarray(0, 2 - bytes.length))
    if (bytes.length === 2) break
  }
  return Uint8Array.from(bytes)
}

function isUnexpectedEnd(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'Z_BUF_ERROR'
}
