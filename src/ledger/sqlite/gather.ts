import type { Call } from './protocol.ts'

/** Places in the memory that the main thread shares with the writer. */
export const SIGNALS = { posted: 0, expected: 1, length: 2 } as const

/** From how many admissions on their way it pays to wait for each other's flush. */
export const WORTH_GATHERING = 4

/** What a gathering looks at and waits with, so that it can be tested without threads. */
export interface GatherPort {
  /** Everything that has arrived since the last call. */
  drain(): readonly Call[]
  /** How many admissions the main thread has open, those that already wait here included. */
  expected(): number
  /** Waits until something arrives, at most so long; in milliseconds. */
  wait(atMostMs: number): void
  /** A monotonic reading in milliseconds. */
  now(): number
}

/** Of those that are expected, whose coming ends a wait: the others make the next group, and are received meanwhile. */
const SHARE = 0.75
/** How many transactions after a wait in vain may wait in vain again, as far as is known; after each further one twice as many. */
const CAUTION = { first: 2, most: 256 } as const

/**
 * Collects the verbs of one transaction. When several objects are being received at once, their admissions are given up to
 * `windowMs` since the first to meet, so that one flush serves most of them (as PostgreSQL's commit_siblings does). With few
 * senders nobody waits; and senders that stall in mid-object hold up the others once in a while, and ever less often.
 *
 * @returns what has come, at once, and then what else comes, so that the one can be worked on while the other is waited for;
 *   more follows only what has an admission in it
 */
export function gathering(port: GatherPort, windowMs: number): () => Generator<readonly Call[]> {
  let caution = 0
  let nextCaution: number = CAUTION.first
  let cameLast = 0

  /** How many admissions it takes to go ahead. */
  function enough(): number {
    const expected = Math.ceil(port.expected() * SHARE)
    return caution > 0 ? Math.min(expected, cameLast) : expected
  }

  return function* () {
    const calls = port.drain()
    let admissions = admissionsIn(calls)
    const until = port.now() + windowMs
    yield calls
    if (admissions === 0) return
    if (caution > 0) caution -= 1
    let waited = false
    while (port.expected() >= WORTH_GATHERING && admissions < enough()) {
      const left = until - port.now()
      if (left <= 0) {
        caution = nextCaution
        nextCaution = Math.min(2 * nextCaution, CAUTION.most)
        cameLast = admissions
        return
      }
      waited = true
      port.wait(left)
      const more = port.drain()
      admissions += admissionsIn(more)
      yield more
    }
    if (waited && caution === 0) nextCaution = CAUTION.first
    cameLast = admissions
  }
}

function admissionsIn(calls: readonly Call[]): number {
  let count = 0
  for (const { verb, args } of calls) {
    if (verb === 'admit' && Array.isArray(args[0])) count += args[0].length
  }
  return count
}
