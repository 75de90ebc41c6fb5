import { createHmac } from 'node:crypto'
import type { Draft } from './draft.ts'
import { type AttributeName, comparable } from './name.ts'

/** Characters of a whole SHA-256 in hexadecimal. */
export const LONGEST_HASH = 64
/** Below this, two patients of one hospital would meet by chance. */
export const SHORTEST_HASH = 4

/** What stands for a text under a key: its HMAC-SHA-256 over UTF-8 in hexadecimal, the first characters of it. */
export const keyedHash = (text: string, key: Uint8Array, length: number): string =>
  createHmac('sha256', key).update(text, 'utf8').digest('hex').slice(0, length)

/**
 * Puts hashes in the place of values, one by one; what has no value stays without. Of a PN the alphabetic group is
 * hashed and the others, which say the same name, go. Gives the reason when it cannot.
 */
export function hashValues(
  of: readonly AttributeName[],
  keyName: string,
  length: number,
  draft: Draft,
): string | undefined {
  const key = draft.keys.get(keyName)
  if (key === undefined) return `the key ${keyName} could not be read`
  for (const name of of) {
    const places = draft.places(name, false)
    if ('hold' in places) return places.hold
    for (const place of places) {
      const vr = draft.vr(place)
      const values = draft.values(place)
      if (values.every((value) => value === '')) continue
      draft.set(
        place,
        values.map((value) => (value === '' ? '' : keyedHash(comparable(value, vr) || value, key, length))),
        'hash',
      )
    }
  }
  return undefined
}
