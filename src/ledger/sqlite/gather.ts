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

/**
 * Collects the verbs of one transaction. When several objects are being received at once, their admissions are given up to
 * `windowMs` since the first to meet, so that one flush serves all (as PostgreSQL's commit_siblings does). With few senders
 * nobody waits.
 */
export function gather(port: GatherPort, windowMs: number): readonly Call[] {
  const calls = [...port.drain()]
  let admissions = admissionsIn(calls)
  if (admissions === 0) return calls
  const until = port.now() + windowMs
  while (port.expected() >= WORTH_GATHERING && admissions < port.expected()) {
    const left = until - port.now()
    if (left <= 0) break
    port.wait(left)
    const more = port.drain()
    calls.push(...more)
    admissions += admissionsIn(more)
  }
  return calls
}

function admissionsIn(calls: readonly Call[]): number {
  let count = 0
  for (const { verb, args } of calls) {
    if (verb === 'admit' && Array.isArray(args[0])) count += args[0].length
  }
  return count
}
