/** What a piece of work came to, and how many milliseconds of this thread's processor time it took: what a busy machine adds is not the work's. */
export function measured<T>(work: () => T): { readonly value: T; readonly tookMs: number } {
  const before = process.threadCpuUsage()
  const value = work()
  const { user, system } = process.threadCpuUsage(before)
  return { value, tookMs: (user + system) / 1_000 }
}

/** The milliseconds of `measured` alone. */
export const processorMs = (work: () => unknown): number => measured(work).tookMs

/**
 * The least of three measurements; fewer when one is below the limit. What the work costs is there each time; what a
 * collection of garbage, a neighbour or a cold cache adds is not.
 */
export async function leastOfThree(limit: number, measure: () => number | Promise<number>): Promise<number> {
  let least = Infinity
  for (let attempt = 0; attempt < 3 && least >= limit; attempt += 1) least = Math.min(least, await measure())
  return least
}
