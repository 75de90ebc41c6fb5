import { createHash } from 'node:crypto'
import type { Arguments } from './decision.ts'

/**
 * One text for one question, whoever puts it: SHA-256 in lower-case hexadecimal, as the arguments hold patient data. An
 * answer is pinned by it for its study (RULES.md 3.7).
 */
export function askKeyOf(service: string, call: string, given: Arguments): string {
  const sorted = Object.keys(given)
    .sort()
    .map((name) => [name, given[name]])
  return createHash('sha256')
    .update(JSON.stringify([service, call, sorted]))
    .digest('hex')
}
