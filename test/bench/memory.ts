import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ctInstance } from '../support/data-set.ts'
import { startKurir, startStorescp } from '../support/processes.ts'
import { kurirFolders } from './folders.ts'
import { forwardRules } from './material.ts'
import type { Results } from './result.ts'
import { scratchDir } from './scratch.ts'
import { sendFolder } from './senders.ts'

const WARM_BYTES = 8 * 2 ** 20

/** How much memory a huge instance takes while it is received and forwarded. */
export async function benchMemory(sizeBytes: number, results: Results): Promise<void> {
  await using material = await scratchDir('bench-huge')
  await using warm = await scratchDir('bench-warm')
  await writeHuge(path.join(material.path, 'huge.dcm'), sizeBytes)
  await writeHuge(path.join(warm.path, 'warm.dcm'), WARM_BYTES)
  await using dir = await scratchDir('bench-archive')
  await using archive = await startStorescp(dir.path)
  await using home = await scratchDir('bench-kurir')
  await using kurir = await startKurir(await kurirFolders(home.path, forwardRules(archive.port, 1)))
  await sendFolder(warm.path, kurir.dicomPort, 'KURIR')
  await untilHolds(dir.path, WARM_BYTES)
  const growth = await memoryGrowth(kurir.child.pid, async () => {
    await sendFolder(material.path, kurir.dicomPort, 'KURIR')
    await untilHolds(dir.path, WARM_BYTES + sizeBytes)
  })
  results.add({ name: 'memory.rss_growth_mb', value: growth, unit: 'MB', target: { atMost: 100 } })
  results.add({ name: 'memory.instance_mb', value: sizeBytes / 2 ** 20, unit: 'MB' })
}

/** The header of a small CT with pixel data stretched to `sizeBytes`: zeros, which the file system need not even hold. */
export async function writeHuge(file: string, sizeBytes: number): Promise<void> {
  const small = ctInstance({ instanceNumber: sizeBytes % 100_000, sizeBytes: 1024 }).file
  const length = small.length - 1024
  const head = Buffer.from(small.subarray(0, length))
  head.writeUInt32LE(sizeBytes, length - 4)
  await using handle = await open(file, 'w')
  await handle.write(head)
  await handle.truncate(length + sizeBytes)
}

/** How far a process's memory was at its highest during the work above what it was before, in MB as the kernel counts it. */
export async function memoryGrowth(pid: number | undefined, work: () => Promise<void>): Promise<number> {
  const before = await residentMb(pid, 'VmRSS')
  // Forgets the peak of its start.
  await writeFile(`/proc/${pid}/clear_refs`, '5')
  await work()
  return (await residentMb(pid, 'VmHWM')) - before
}

async function residentMb(pid: number | undefined, what: 'VmHWM' | 'VmRSS'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const match = new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)
  return Number(match?.[1]) / 1024
}

/** Resolves when the files of an archive's folder are as long as that together: the last has arrived whole. */
async function untilHolds(dir: string, sizeBytes: number): Promise<void> {
  for (;;) {
    const files = await Promise.all((await readdir(dir)).map((name) => stat(path.join(dir, name))))
    if (files.reduce((sum, { size }) => sum + size, 0) >= sizeBytes) return
    await delay(40)
  }
}
