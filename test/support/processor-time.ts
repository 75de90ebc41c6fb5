/** Milliseconds of this thread's processor time that a piece of work took: what a busy machine adds is not the work's. */
export function processorMs(work: () => unknown): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1_000
}
